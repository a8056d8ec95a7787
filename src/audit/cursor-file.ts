import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { digestOf } from './chain.ts';
import { isMissing, syncDirectory } from './segment.ts';
import type { SinkCursor } from './sink.ts';

/** The cursor of a sink that cannot keep one itself, in a file of its own that is always whole. */
export class CursorFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Null where there is none, or none that can be read: the sink starts over then, and repeats, but loses nothing. */
  async read(): Promise<SinkCursor | null> {
    try {
      return cursorIn(await readFile(this.#path, 'utf8'));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /** Resolves when it is on the disk. */
  async write({ segment, start, end, hash }: SinkCursor): Promise<void> {
    const dir = dirname(this.#path);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    // Always the same name: what a crash leaves of it, the next write takes the place of.
    const next = `${this.#path}.new`;
    try {
      const handle = await open(next, 'w', 0o600);
      try {
        await handle.writeFile(`${JSON.stringify({ segment, start, end, hash })}\n`);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(next, this.#path);
    } catch (error) {
      await rm(next, { force: true });
      throw error;
    }
    await syncDirectory(dir);
  }
}

function cursorIn(text: string): SinkCursor | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const { segment, start, end, hash } = { segment: null, start: null, end: null, hash: null, ...value };
    if (!isCount(segment) || !isCount(start) || !isCount(end) || typeof hash !== 'string') return null;
    return { segment, start, end, hash: digestOf(hash) };
  } catch {
    return null;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
