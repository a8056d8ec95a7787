import { open } from 'node:fs/promises';
import { lineText, parseRecord, readLine, type LineHead } from './chain.ts';
import { readLines } from './lines.ts';
import { isMissing, listSegments, segmentName, segmentOf, type JournalPosition } from './segment.ts';
import type { SinkBatch, SinkCursor, SinkRecord } from './sink.ts';

/** How much one batch holds at most; at least one record is in it. */
export interface BatchLimits {
  readonly records: number;
  readonly bytes: number;
}

/** A batch, where to read on, and the lines that were passed over because they are no records. */
export interface ReadBatch {
  readonly batch: SinkBatch | null;
  readonly next: JournalPosition;
  readonly skipped: readonly string[];
}

/** About as much as one batch takes: what was read beyond it is read again for the next. */
const CHUNK_BYTES = 64 * 1024;

/** Reads the records from `from` up to `to`, as many as a batch takes. */
export async function readBatch(
  dir: string,
  range: { readonly from: JournalPosition; readonly to: JournalPosition },
  limits: BatchLimits,
): Promise<ReadBatch> {
  const { from, to } = range;
  const segment = segmentOf(dir, from.segment);
  const last = from.segment >= to.segment;
  const collected = new Collected(from.segment, limits);
  let { offset } = from;
  const stretch = { from: offset, chunkBytes: CHUNK_BYTES, ...(last ? { to: to.offset } : {}) };
  for await (const line of readLines(segment.path, stretch)) {
    offset = line.end;
    const reading = readLine(line.bytes);
    if (reading.kind === 'intact') collected.add(line, reading.head.hash);
    else collected.skipped.push(`${segment.name}, byte ${line.start}: ${reading.problem}`);
    if (collected.full) return { ...collected.result(), next: { segment: from.segment, offset } };
  }
  if (last) return { ...collected.result(), next: { segment: from.segment, offset } };
  const next = await segmentAfter(dir, from.segment);
  if (next > from.segment + 1) {
    collected.skipped.push(`${segmentName(from.segment + 1)} to ${segmentName(next - 1)}: missing, nothing to be read`);
  }
  return { ...collected.result(), next: { segment: next, offset: 0 } };
}

/** The next segment that there is: where an operator accepted that one is missing, the journal goes on behind it. */
async function segmentAfter(dir: string, number: number): Promise<number> {
  const later = (await listSegments(dir)).find((segment) => segment.number > number);
  return later?.number ?? number + 1;
}

class Collected {
  readonly skipped: string[] = [];
  readonly #records: SinkRecord[] = [];
  readonly #segment: number;
  readonly #limits: BatchLimits;
  #bytes = 0;
  #cursor: SinkCursor | null = null;

  constructor(segment: number, limits: BatchLimits) {
    this.#segment = segment;
    this.#limits = limits;
  }

  get full(): boolean {
    return this.#records.length >= this.#limits.records || this.#bytes >= this.#limits.bytes;
  }

  add(
    { bytes, start, end }: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
    hash: SinkCursor['hash'],
  ): void {
    const line = lineText(bytes);
    this.#records.push({ record: parseRecord(line), line });
    this.#bytes += bytes.length;
    this.#cursor = { segment: this.#segment, start, end, hash };
  }

  result(): Pick<ReadBatch, 'batch' | 'skipped'> {
    const batch = this.#cursor === null ? null : { records: this.#records, cursor: this.#cursor };
    return { batch, skipped: this.skipped };
  }
}

/** Where reading begins for a sink: behind its cursor, or at the first segment that there is. */
export async function positionBehind(dir: string, cursor: SinkCursor | null): Promise<JournalPosition> {
  if (cursor !== null) return { segment: cursor.segment, offset: cursor.end };
  const [first] = await listSegments(dir);
  return { segment: first?.number ?? 1, offset: 0 };
}

/** True when the record that the cursor names stands in the journal where it says. */
export async function cursorFits(dir: string, cursor: SinkCursor): Promise<boolean> {
  return (await recordAt(dir, cursor)) !== null;
}

/** The record that a cursor names; null where the journal does not have it there. */
export async function recordAt(dir: string, cursor: SinkCursor): Promise<LineHead | null> {
  const length = cursor.end - cursor.start - 1;
  if (length < 1) return null;
  try {
    const handle = await open(segmentOf(dir, cursor.segment).path, 'r');
    try {
      const bytes = Buffer.alloc(length);
      const { bytesRead } = await handle.read(bytes, 0, length, cursor.start);
      const reading = readLine(bytes.subarray(0, bytesRead));
      return reading.kind === 'intact' && reading.head.hash === cursor.hash ? reading.head : null;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
