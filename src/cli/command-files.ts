import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Option } from 'commander';
import { readTexts, type TextFile } from '../config/watcher.ts';
import type { Loaded } from '../document/mistake.ts';

const TEST_FILE = /\.test\.ya?ml$/u;
const YAML_FILE = /\.ya?ml$/u;

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

/** True for the name of a test file, as a shell's `policies/*.yaml` gives it among the policies. */
export function isTestFile(file: string): boolean {
  return TEST_FILE.test(file);
}

/** Puts the YAML files of a folder, in the order of their names, in the place of each folder. Throws for one without any. */
export async function expandFolders(paths: readonly string[], cwd: string): Promise<readonly string[]> {
  const expanded: string[] = [];
  for (const path of paths) {
    const found = await stat(resolve(cwd, path)).catch(() => null);
    if (found?.isDirectory() !== true) {
      expanded.push(path);
      continue;
    }
    const files = (await readdir(resolve(cwd, path))).filter((file) => YAML_FILE.test(file)).sort();
    if (files.length === 0) throw new Error(`${path}: expected YAML files in this folder, found none`);
    expanded.push(...files.map((file) => join(path, file)));
  }
  return expanded;
}

/** `1 file`, `2 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
