import type { JournalDisk, SegmentFile } from './segment.ts';

/** A stretch of bytes that was written and is not known to be on the disk. */
interface Unsynced {
  readonly bytes: Uint8Array;
  readonly end: number;
}

/**
 * Whether what was written can be relied on. `torn`: a write failed in its middle, so bytes may stand behind the last
 * good one. `distrusted`: a sync failed; the kernel may have dropped the pages and marked them clean, so that a later
 * sync of the same file would succeed without having written them ("fsyncgate").
 */
type Condition = 'good' | 'torn' | 'distrusted';

/**
 * Appends bytes to one file so that they are there whole or not at all. What is not yet on the disk is kept in memory:
 * after a failed sync it is written again, through a file opened anew, and only that is believed.
 * One `append` or `repair` at a time; `sync` may run beside them.
 */
export class SegmentWriter {
  readonly #disk: JournalDisk;
  readonly #path: string;
  #file: SegmentFile;
  #condition: Condition = 'good';
  #length: number;
  #syncedLength: number;
  #unsynced: Unsynced[] = [];

  private constructor(
    disk: JournalDisk,
    path: string,
    opened: { readonly file: SegmentFile; readonly length: number },
  ) {
    this.#disk = disk;
    this.#path = path;
    this.#file = opened.file;
    this.#length = opened.length;
    this.#syncedLength = opened.length;
  }

  /** Opens a file for appending at `length`, whatever stands behind it. */
  static async open(disk: JournalDisk, path: string, length: number): Promise<SegmentWriter> {
    const file = await disk.open(path);
    await file.truncate(length);
    await file.sync();
    return new SegmentWriter(disk, path, { file, length });
  }

  get length(): number {
    return this.#length;
  }

  get syncedLength(): number {
    return this.#syncedLength;
  }

  get unsyncedBytes(): number {
    return this.#length - this.#syncedLength;
  }

  /** True after a failed sync, until `repair`. */
  get distrusted(): boolean {
    return this.#condition === 'distrusted';
  }

  /** Writes the bytes at the end. Where that fails, none of them count, and it rejects with the error of the system. */
  async append(bytes: Uint8Array): Promise<void> {
    if (this.#condition === 'torn') await this.#cut();
    try {
      await writeWhole(this.#file, bytes, this.#length);
    } catch (error) {
      if (this.#condition === 'good') this.#condition = 'torn';
      await this.#cutIfPossible();
      throw error;
    }
    this.#length += bytes.byteLength;
    this.#unsynced.push({ bytes, end: this.#length });
  }

  /** Brings what has been written so far to the disk. After it failed, only `repair` helps. */
  async sync(): Promise<void> {
    if (this.#condition === 'distrusted') throw new Error('an earlier sync failed');
    const length = this.#length;
    try {
      await this.#file.sync();
    } catch (error) {
      this.#condition = 'distrusted';
      throw error;
    }
    this.#syncedUpTo(length);
  }

  /** Writes what is not known to be on the disk again, through a file opened anew, and syncs it. */
  async repair(): Promise<void> {
    const file = await this.#disk.open(this.#path);
    const old = this.#file;
    this.#file = file;
    // A descriptor that failed is of no further use, so neither is what closing it says.
    await old.close().catch(() => undefined);
    await file.truncate(this.#syncedLength);
    for (const { bytes, end } of this.#unsynced) await writeWhole(file, bytes, end - bytes.byteLength);
    await file.sync();
    this.#condition = 'good';
    this.#syncedUpTo(this.#length);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #cut(): Promise<void> {
    await this.#file.truncate(this.#length);
    this.#condition = 'good';
  }

  async #cutIfPossible(): Promise<void> {
    if (this.#condition !== 'torn') return;
    try {
      await this.#cut();
    } catch {
      // It stays torn, and the next append tries again before it writes.
    }
  }

  #syncedUpTo(length: number): void {
    this.#syncedLength = length;
    this.#unsynced = this.#unsynced.filter(({ end }) => end > length);
  }
}

async function writeWhole(file: SegmentFile, bytes: Uint8Array, offset: number): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    const taken = await file.write(bytes.subarray(written), offset + written);
    if (taken <= 0) throw new Error(`the disk took ${written} of ${bytes.byteLength} bytes and then no more`);
    written += taken;
  }
}
