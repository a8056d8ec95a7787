import { stat } from 'node:fs/promises';
import { lineText, parseRecord, readLine } from './chain.ts';
import { readLines } from './lines.ts';
import { isMissing, listSegments, segmentOf, type JournalPosition, type Segment } from './segment.ts';
import type { TrailRecord } from './trail.ts';

/** How much of the end of a segment is read first; it doubles until enough records are in it. */
const FIRST_WINDOW_BYTES = 256 * 1024;

/** The newest records, and where reading goes on. */
export interface JournalTail {
  readonly records: readonly TrailRecord[];
  readonly next: JournalPosition;
}

/** The newest `count` records of a journal that pass, oldest first, without reading all of it. */
export async function readTailRecords(
  dir: string,
  count: number,
  passes: (record: TrailRecord) => boolean,
): Promise<JournalTail> {
  const segments = await listSegments(dir);
  let records: readonly TrailRecord[] = [];
  let next: JournalPosition = { segment: segments[0]?.number ?? 1, offset: 0 };
  for (const segment of segments.toReversed()) {
    const found = await endOf(segment, count - records.length, passes);
    if (segment === segments.at(-1)) next = { segment: segment.number, offset: found.end };
    records = [...found.records, ...records];
    if (records.length >= count) break;
  }
  return { records: count === 0 ? [] : records.slice(-count), next };
}

async function endOf(
  segment: Segment,
  count: number,
  passes: (record: TrailRecord) => boolean,
): Promise<{ records: TrailRecord[]; end: number }> {
  const { size } = await stat(segment.path);
  for (let window = FIRST_WINDOW_BYTES; ; window *= 2) {
    const from = Math.max(0, size - window);
    const records: TrailRecord[] = [];
    let end = 0;
    for await (const line of readLines(segment.path, { from, to: size })) {
      if (line.complete) end = line.end;
      // The first line of a window is the end of one that began before it, and reads as no record.
      const record = line.complete ? recordIn(line.bytes) : null;
      if (record !== null && passes(record)) records.push(record);
    }
    if (records.length >= count || from === 0) return { records, end };
  }
}

/** What was appended behind a position, and where reading goes on. */
export async function readOn(dir: string, from: JournalPosition): Promise<JournalTail> {
  const records: TrailRecord[] = [];
  let { offset } = from;
  try {
    for await (const line of readLines(segmentOf(dir, from.segment).path, { from: offset })) {
      if (!line.complete) return { records, next: { segment: from.segment, offset } };
      offset = line.end;
      const record = recordIn(line.bytes);
      if (record !== null) records.push(record);
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const newer = (await listSegments(dir)).some(({ number }) => number > from.segment);
  const done = newer && records.length === 0;
  return { records, next: done ? { segment: from.segment + 1, offset: 0 } : { segment: from.segment, offset } };
}

function recordIn(bytes: Uint8Array): TrailRecord | null {
  if (readLine(bytes).kind !== 'intact') return null;
  const line = lineText(bytes);
  return { record: parseRecord(line), line };
}
