import type { ActionMap } from '../action/classify.ts';
import { loadActionMap } from '../action/load.ts';
import type { Mistake } from '../document/mistake.ts';
import { readNamed } from './command-files.ts';
import { EXIT_USAGE, type CommandIo } from './io.ts';

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
