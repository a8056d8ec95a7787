import { constants } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** A file of the journal. Segments count up from 1 without gaps; only the newest is written. */
export interface Segment {
  readonly number: number;
  readonly name: string;
  readonly path: string;
}

/** A place between two records: where the next one starts. */
export interface JournalPosition {
  readonly segment: number;
  /** Bytes from the start of the segment. */
  readonly offset: number;
}

/** What the journal asks of the file that it writes. Everything may reject with the error of the system. */
export interface SegmentFile {
  /** Writes at `offset`; resolves with how many bytes were taken, which may be fewer than given (write(2)). */
  write(bytes: Uint8Array, offset: number): Promise<number>;
  /** Resolves when all that was written is on the disk (fdatasync(2)). */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** The disk as the journal writes to it: a port, so that tests can make it fail. */
export interface JournalDisk {
  /** Opens for writing, creating with mode 0600. */
  open(path: string): Promise<SegmentFile>;
}

/** No segment has number 0: taken for the first, it would let the real first one begin anywhere. */
const SEGMENT_NAME = /^(?!0{8})(\d{8})\.jsonl$/;

export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.jsonl`;
}

export function segmentOf(dir: string, number: number): Segment {
  const name = segmentName(number);
  return { number, name, path: join(dir, name) };
}

/** The segments of a journal in order; empty where the directory does not exist. */
export async function listSegments(dir: string): Promise<readonly Segment[]> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  const numbers = names.flatMap((name) => {
    const number = SEGMENT_NAME.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  return numbers.sort((left, right) => left - right).map((number) => segmentOf(dir, number));
}

/** True for the error of a file or directory that is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** The file system of the machine. */
export const nodeDisk: JournalDisk = {
  async open(path) {
    return new NodeSegmentFile(await open(path, constants.O_RDWR | constants.O_CREAT, 0o600));
  },
};

class NodeSegmentFile implements SegmentFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array, offset: number): Promise<number> {
    const { bytesWritten } = await this.#handle.write(bytes, 0, bytes.byteLength, offset);
    return bytesWritten;
  }

  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async truncate(length: number): Promise<void> {
    await this.#handle.truncate(length);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Makes names that were created or removed in a directory durable. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
