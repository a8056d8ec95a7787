import { readFile, realpath, stat } from 'node:fs/promises';
import type { Loaded } from '../document/mistake.ts';

/** A file that was read whole. */
export interface TextFile {
  readonly file: string;
  readonly text: string;
}

/** Larger than any policy that people keep by hand; a ConfigMap ends at 1 MiB. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Reads files as UTF-8. What cannot be read is a mistake at the file's first position; all are returned at once. */
export async function readTexts(files: readonly string[]): Promise<Loaded<readonly TextFile[]>> {
  const texts: TextFile[] = [];
  const mistakes = [];
  for (const file of files) {
    const result = await readText(file);
    if (typeof result === 'string') texts.push({ file, text: result });
    else mistakes.push({ file, line: 1, column: 1, path: '', message: result.problem });
  }
  return mistakes.length === 0 ? { ok: true, value: texts } : { ok: false, mistakes };
}

async function readText(file: string): Promise<string | { readonly problem: string }> {
  try {
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES) return { problem: `expected at most ${MAX_FILE_BYTES} bytes, found ${size}` };
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(file));
  } catch (error) {
    if (error instanceof TypeError) return { problem: 'expected text in UTF-8, found other bytes' };
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return { problem: 'the file cannot be read: there is no such file' };
    return { problem: `the file cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** What the watcher needs of the world. */
export interface WatchSettings {
  readonly files: readonly string[];
  readonly intervalMs: number;
  /** Called after any of the files changed; awaited before the next look. */
  readonly changed: () => Promise<void>;
}

/**
 * Looks at files again and again. It compares what the path leads to (real path, inode, size, time of change), since a
 * ConfigMap volume changes by swapping the `..data` link above the file, which no notification on the file reports.
 */
export class FileWatcher implements AsyncDisposable {
  readonly #settings: WatchSettings;
  #seen: readonly string[] = [];
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(settings: WatchSettings) {
    this.#settings = settings;
  }

  /** Takes the first look and starts. */
  async start(): Promise<void> {
    this.#seen = await this.#look();
    this.#schedule();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#compare().finally(() => this.#schedule());
    }, this.#settings.intervalMs);
    this.#timer.unref();
  }

  async #compare(): Promise<void> {
    const found = await this.#look();
    if (found.length === this.#seen.length && found.every((mark, index) => mark === this.#seen[index])) return;
    this.#seen = found;
    await this.#settings.changed();
  }

  async #look(): Promise<readonly string[]> {
    return await Promise.all(this.#settings.files.map(markOf));
  }
}

async function markOf(file: string): Promise<string> {
  try {
    const path = await realpath(file);
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${path} ${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
  }
}

/**
 * The files that are mounted one by one (`subPath`): the kubelet never updates those, so a change to the ConfigMap
 * would go unseen. `mountInfo` is the text of /proc/self/mountinfo (proc(5)): the mount point is its fifth field.
 */
export function mountedOneByOne(files: readonly string[], mountInfo: string): readonly string[] {
  const mountPoints = new Set(mountInfo.split('\n').map((line) => line.split(' ')[4] ?? ''));
  return files.filter((file) => mountPoints.has(file.replaceAll(' ', String.raw`\040`)));
}
