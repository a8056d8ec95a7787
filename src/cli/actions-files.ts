import { resolve } from 'node:path';
import { Option } from 'commander';
import type { ActionMap } from '../action/classify.ts';
import { loadActionMap } from '../action/load.ts';
import { readTexts, type TextFile } from '../config/watcher.ts';
import type { Loaded, Mistake } from '../document/mistake.ts';
import { EXIT_USAGE, type CommandIo } from './io.ts';

/** The format of the output of a command. */
export interface FormatOption {
  readonly format: 'text' | 'json';
}

/** `--format text|json`. */
export function formatOption(): Option {
  return new Option('--format <format>', 'how results are printed').choices(['text', 'json']).default('text');
}

/** Reads files; names are shown as they were given, and are relative to `folder`. */
export async function readNamed(files: readonly string[], folder: string): Promise<Loaded<readonly TextFile[]>> {
  const given = new Map(files.map((file) => [resolve(folder, file), file]));
  const texts = await readTexts(files.map((file) => resolve(folder, file)));
  const shown = (file: string): string => given.get(file) ?? file;
  if (texts.ok) return { ok: true, value: texts.value.map(({ file, text }) => ({ file: shown(file), text })) };
  return { ok: false, mistakes: texts.mistakes.map((mistake) => ({ ...mistake, file: shown(mistake.file) })) };
}

/** Action maps as they were read; `unreadable` where a file is not there or is no text. */
export type ReadMaps =
  | { readonly ok: true; readonly value: ActionMap }
  | { readonly ok: false; readonly mistakes: readonly Mistake[]; readonly unreadable: boolean };

/** Reads and loads action maps in their order. */
export async function readMaps(files: readonly string[], folder: string): Promise<ReadMaps> {
  const texts = await readNamed(files, folder);
  if (!texts.ok) return { ...texts, unreadable: true };
  const map = loadActionMap(texts.value);
  return map.ok ? map : { ...map, unreadable: false };
}

/** Says which files could not be read, and exits as for wrong usage. */
export function reportUnreadable(mistakes: readonly Mistake[], io: CommandIo): void {
  for (const { file, message } of mistakes) io.stderr(`error: ${file}: ${message}\n`);
  io.exit(EXIT_USAGE);
}

/** `1 file`, `2 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
