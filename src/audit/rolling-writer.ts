import { dirname } from 'node:path';
import { SegmentWriter } from './segment-writer.ts';
import { segmentOf, syncDirectory, type JournalDisk, type JournalPosition, type Segment } from './segment.ts';

/**
 * Writes the newest segment, and goes over to a new one when told to. Lengths count from where it was opened, over all
 * segments, so that a place in the journal stays one number.
 */
export class RollingWriter {
  readonly #disk: JournalDisk;
  #segment: Segment;
  #file: SegmentWriter;
  /** The length of the segments that were finished, as lengths are counted here. */
  #before = 0;

  private constructor(disk: JournalDisk, segment: Segment, file: SegmentWriter) {
    this.#disk = disk;
    this.#segment = segment;
    this.#file = file;
  }

  /** Opens a segment for appending at `length`, whatever stands behind it. */
  static async open(disk: JournalDisk, segment: Segment, length: number): Promise<RollingWriter> {
    const file = await SegmentWriter.open(disk, segment.path, length);
    await syncDirectory(dirname(segment.path));
    return new RollingWriter(disk, segment, file);
  }

  get length(): number {
    return this.#before + this.#file.length;
  }

  get syncedLength(): number {
    return this.#before + this.#file.syncedLength;
  }

  get unsyncedBytes(): number {
    return this.#file.unsyncedBytes;
  }

  get distrusted(): boolean {
    return this.#file.distrusted;
  }

  /** The number of the segment that is written, and how long that is. */
  get end(): JournalPosition {
    return { segment: this.#segment.number, offset: this.#file.length };
  }

  get syncedEnd(): JournalPosition {
    return { segment: this.#segment.number, offset: this.#file.syncedLength };
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#file.append(bytes);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  repair(): Promise<void> {
    return this.#file.repair();
  }

  /**
   * Begins the next segment. Everything has to be on the disk, since only the newest segment may end torn. Where the
   * next file cannot be made, this one goes on: rejects with the error of the system.
   */
  async roll(): Promise<void> {
    if (this.#file.unsyncedBytes > 0 || this.#file.distrusted) throw new Error('the segment is not on the disk yet');
    const next = segmentOf(dirname(this.#segment.path), this.#segment.number + 1);
    const file = await SegmentWriter.open(this.#disk, next.path, 0);
    await syncDirectory(dirname(next.path));
    const finished = this.#file;
    this.#before += finished.length;
    this.#segment = next;
    this.#file = file;
    await finished.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
