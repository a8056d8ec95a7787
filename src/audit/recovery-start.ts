import type { CheckpointBody } from '../model/record.ts';
import { readLine, type ChainHead, type LineHead } from './chain.ts';
import { bodyOf, readCheckpoint } from './checkpoint.ts';
import { readLines } from './lines.ts';
import type { Segment } from './segment.ts';
import type { PublicKeys } from './signing-key.ts';
import { FROM_START, startsNewChain, type WalkStart } from './walk.ts';

/** Where the reading of a journal starts, and what is known of everything before. */
export interface RecoveryStart {
  readonly segments: readonly Segment[];
  /** The number that the first of them must have. */
  readonly first: number;
  readonly walk: WalkStart;
  /** The checkpoint that vouches for what comes before; null where everything is read. */
  readonly checkpoint: CheckpointBody | null;
}

/**
 * The newest segment that begins with a checkpoint of this installation: it says which intents were open, so that nothing
 * before it needs to be read. Where there is none, the whole chain in force is read.
 */
export async function startOf(all: readonly Segment[], keys: PublicKeys): Promise<RecoveryStart> {
  for (const [index, segment] of [...all.entries()].toReversed()) {
    const line = await firstLine(segment);
    const rest = { segments: all.slice(index), first: segment.number };
    if (line !== null && startsNewChain(line.head)) return { ...rest, walk: FROM_START, checkpoint: null };
    const checkpoint = line === null ? null : openingIn(line, keys);
    if (line === null || checkpoint === null) continue;
    const before = { seq: line.head.seq - 1, hash: line.head.prev };
    return { ...rest, walk: { before, offset: 0, line: 1 }, checkpoint };
  }
  return { segments: all, first: 1, walk: FROM_START, checkpoint: null };
}

function openingIn({ head, bytes }: FirstLine, keys: PublicKeys): CheckpointBody | null {
  if (head.kind !== 'checkpoint') return null;
  const read = readCheckpoint(bytes, keys);
  return read.kind === 'signed' && read.body.reason === 'segment' ? read.body : null;
}

interface FirstLine {
  readonly bytes: Uint8Array;
  readonly head: LineHead;
}

/** The first record of a segment; null where it has none that can be read. */
async function firstLine(segment: Segment): Promise<FirstLine | null> {
  for await (const { bytes, complete } of readLines(segment.path)) {
    const reading = complete ? readLine(bytes) : null;
    return reading?.kind === 'intact' ? { bytes: Buffer.from(bytes), head: reading.head } : null;
  }
  return null;
}

/** What a segment says of the journal before it; null where it does not begin with a checkpoint. */
export interface SegmentOpening {
  /** The last record before the segment. */
  readonly before: ChainHead;
  /** The newest time of all records before, RFC 3339. */
  readonly newest: string;
}

export async function readOpening(segment: Segment): Promise<SegmentOpening | null> {
  const line = await firstLine(segment);
  const body = line?.head.kind === 'checkpoint' ? bodyOf(line.bytes) : null;
  if (line === null || body?.reason !== 'segment') return null;
  return { before: { seq: line.head.seq - 1, hash: line.head.prev }, newest: body.newest };
}
