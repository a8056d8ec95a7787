import { CHAIN_START, linkProblem, readLine, type ChainHead, type LineHead } from './chain.ts';
import { MAX_LINE_BYTES, readLines, type Line } from './lines.ts';
import { segmentName, type Segment } from './segment.ts';

/** One thing found on the way along the chain. */
export type ChainStep =
  | { readonly kind: 'record'; readonly segment: Segment; readonly line: Line; readonly head: LineHead }
  /** A line that is not what the one before it demands. `head` is null where the line says nothing reliable. */
  | {
      readonly kind: 'break';
      readonly segment: Segment;
      readonly line: Line;
      readonly head: LineHead | null;
      readonly problem: string;
    }
  /** Bytes behind the last line feed of the newest segment: being written, torn off, or without their line feed. */
  | { readonly kind: 'unfinished'; readonly segment: Segment; readonly line: Line; readonly before: ChainHead };

/** What the next line is compared with; null: nothing reliable is known, so that the next intact line is believed. */
type Expected = ChainHead | null;

/** Where in the first segment a walk starts, and what stands before. */
export interface WalkStart {
  readonly before: Expected;
  readonly offset: number;
  /** The number of the line there, from 1. */
  readonly line: number;
}

/** The beginning of a journal. */
export const FROM_START: WalkStart = { before: CHAIN_START, offset: 0, line: 1 };

/**
 * Walks along the chain through `segments`, in order. After a break it goes on from what the line says of itself, so
 * that one edit is one break.
 */
export async function* walkChain(
  segments: readonly Segment[],
  start: WalkStart = FROM_START,
): AsyncGenerator<ChainStep> {
  let before: Expected = start.before;
  for (const [index, segment] of segments.entries()) {
    const newest = index === segments.length - 1;
    const range = index === 0 ? { from: start.offset, firstNumber: start.line } : {};
    for await (const line of readLines(segment.path, range)) {
      if (!line.complete && newest && line.bytes.length <= MAX_LINE_BYTES) {
        yield { kind: 'unfinished', segment, line, before: before ?? CHAIN_START };
        return;
      }
      const step = judge(segment, line, before);
      before = step.next;
      yield step.found;
    }
  }
}

function judge(segment: Segment, line: Line, before: Expected): { readonly found: ChainStep; readonly next: Expected } {
  const place = { segment, line };
  const reading = readLine(line.bytes);
  switch (reading.kind) {
    case 'malformed':
      return { found: { kind: 'break', ...place, head: null, problem: reading.problem }, next: null };
    case 'altered': {
      const { problem, seq, stated } = reading;
      return { found: { kind: 'break', ...place, head: null, problem }, next: { seq, hash: stated } };
    }
    case 'intact': {
      const { head } = reading;
      const next = { seq: head.seq, hash: head.hash };
      const problem = placeProblem(before, line, head);
      if (problem === null) return { found: { kind: 'record', ...place, head }, next };
      return { found: { kind: 'break', ...place, head, problem }, next };
    }
    default:
      return reading satisfies never;
  }
}

function placeProblem(before: Expected, line: Line, head: LineHead): string | null {
  if (!line.complete) return 'the line has no line feed, and another segment follows';
  if (startsNewChain(head)) {
    return 'a new chain starts here: an operator accepted that the one before it is broken (--accept-broken-chain)';
  }
  return before === null ? null : linkProblem(before, head);
}

/** True for the first record after a broken chain was accepted: it follows nothing, and is not the first of all. */
export function startsNewChain(head: LineHead): boolean {
  return head.prev === CHAIN_START.hash && head.seq > 1;
}

/** The sentence for a gap in the names of the segments, which count from `first`; null when there is none. */
export function segmentGap(segments: readonly Segment[], first = 1): string | null {
  const index = segments.findIndex(({ number }, position) => number !== first + position);
  if (index === -1) return null;
  return `segment ${segmentName(first + index)} is missing: expected every file from ${segmentName(first)} to ${segments.at(-1)?.name ?? ''}`;
}
