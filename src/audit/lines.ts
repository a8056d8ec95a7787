import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** One line of a segment, as bytes without the line feed. The bytes are only valid until the next one is asked for. */
export interface Line {
  readonly bytes: Uint8Array;
  /** Counts from 1 where the reading began. */
  readonly number: number;
  /** Bytes from the start of the file to the start of the line, and to the start of the next. */
  readonly start: number;
  readonly end: number;
  /** False for what stands behind the last line feed: a line that is being written, or was torn off. */
  readonly complete: boolean;
}

/** How much is read from a segment at once: enough to make the calls cheap, little enough to hold many readers. */
export const READ_BYTES = 1024 * 1024;

/**
 * The longest line that a reader takes into memory: twice the longest that the journal writes, so that a line over
 * it is no record.
 */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** What part of a file is read. */
export interface LineRange {
  /** A byte that starts a line; the beginning when left out. */
  readonly from?: number;
  /** A byte that ends one; the end that the file has now when left out. */
  readonly to?: number;
  /** The number of the first line; 1 when left out. */
  readonly firstNumber?: number;
  /** How much is read at once; `READ_BYTES` when left out. Less, for who stops after a few lines. */
  readonly chunkBytes?: number;
}

/** The lines of a part of a file, in order; what stands behind the last line feed as a line that is not complete. */
export async function* readLines(path: string, range: LineRange = {}): AsyncGenerator<Line> {
  // A named pipe in the place of a segment would wait for a writer.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const size = await sizeOf(handle, path);
    const to = range.to ?? size;
    const splitter = new LineSplitter(range.from ?? 0, range.firstNumber ?? 1);
    for (let position = range.from ?? 0; position < to && splitter.rest.length <= MAX_LINE_BYTES;) {
      const buffer = Buffer.allocUnsafe(Math.min(range.chunkBytes ?? READ_BYTES, to - position));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      yield* splitter.take(buffer.subarray(0, bytesRead));
    }
    yield* splitter.end();
  } finally {
    await handle.close();
  }
}

async function sizeOf(handle: FileHandle, path: string): Promise<number> {
  const stat = await handle.stat();
  if (stat.isFile()) return stat.size;
  throw new Error(`expected a regular file, found something else: ${path}`);
}

const LINE_FEED = 0x0a;

class LineSplitter {
  /** The beginning of a line whose end has not been read yet. */
  rest: Buffer = Buffer.alloc(0);
  #start: number;
  #number: number;

  constructor(start: number, number: number) {
    this.#start = start;
    this.#number = number;
  }

  *take(read: Buffer): Generator<Line> {
    const chunk = this.rest.length > 0 ? Buffer.concat([this.rest, read]) : read;
    let from = 0;
    for (let feed = chunk.indexOf(LINE_FEED); feed !== -1; feed = chunk.indexOf(LINE_FEED, from)) {
      yield this.#line(chunk.subarray(from, feed), true);
      from = feed + 1;
    }
    this.rest = chunk.subarray(from);
  }

  *end(): Generator<Line> {
    if (this.rest.length > 0) yield this.#line(this.rest, false);
  }

  #line(bytes: Buffer, complete: boolean): Line {
    const start = this.#start;
    const number = this.#number;
    this.#start += bytes.length + (complete ? 1 : 0);
    this.#number += 1;
    return { bytes, number, start, end: this.#start, complete };
  }
}
