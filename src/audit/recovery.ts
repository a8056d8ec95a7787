import { truncate } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import type { Log } from '../model/ports.ts';
import type { CheckpointBody, RemovedPrefix } from '../model/record.ts';
import { CHAIN_START, type ChainHead, type LineHead } from './chain.ts';
import { readCheckpoint } from './checkpoint.ts';
import { cutProblem } from './known-end.ts';
import { startOf } from './recovery-start.ts';
import { listSegments, segmentOf, type JournalPosition, type Segment } from './segment.ts';
import type { PublicKeys } from './signing-key.ts';
import type { SinkCursor } from './sink.ts';
import { keepTornBytes, readTail, type Tail } from './torn-tail.ts';
import { segmentGap, startsNewChain, walkChain, type ChainStep } from './walk.ts';

/** The journal was changed or damaged after it was written; nothing is appended to it. */
export class BrokenChainError extends Error {
  constructor(place: string, problem: string) {
    super(
      `${place}: ${problem}. The journal was changed or damaged after it was written, so nothing is appended to it. ` +
        'Keep a copy as evidence and list every break with "aegis-gateway audit verify"; ' +
        'to go on in a new segment that records this break, start once with --accept-broken-chain',
    );
    this.name = 'BrokenChainError';
  }
}

/** An intent for which no outcome was recorded: the gateway ended in between. */
export interface OpenIntent {
  readonly exchangeId: string;
  readonly seq: number;
}

/** What was found when the journal was opened, and where it goes on. */
export interface Recovered {
  readonly head: ChainHead;
  readonly segment: Segment;
  /** Where the next record goes, in bytes from the start of the segment. */
  readonly length: number;
  /** Bytes to be written before it: the line feed of a record that lacked only that. */
  readonly missing: '' | '\n';
  readonly tornBytes: number;
  /** The file beside the journal that holds the torn bytes. */
  readonly tornFile: string | null;
  readonly openIntents: readonly OpenIntent[];
  /** The breaks that an operator accepted, as `file:line: why`, the first of them; empty where the chain is whole. */
  readonly acceptedBreaks: readonly string[];
  /** The newest time of a record, RFC 3339; '' for none. */
  readonly newest: string;
  /** What retention took away, by the newest checkpoint. */
  readonly removed: RemovedPrefix | null;
  /** When the newest segment began, RFC 3339; null where it holds nothing. */
  readonly segmentSince: string | null;
}

export interface RecoveryOptions {
  readonly dir: string;
  readonly acceptBrokenChain: boolean;
  /** Up to where the journal is known to have been on the disk; null where nothing is known. */
  readonly knownEnd: SinkCursor | null;
  /** The keys of checkpoints that are believed; with none, the whole chain is read. */
  readonly keys: PublicKeys;
  /** The moment, RFC 3339: it names the file of torn bytes. */
  readonly time: string;
  readonly log: Log;
}

/**
 * Makes a journal ready to be appended to: checks the chain in force from the newest segment that begins with a signed
 * checkpoint, cuts off a torn tail (kept in a file of its own), and lists the intents that have no outcome. Throws
 * `BrokenChainError`.
 */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const all = await listSegments(options.dir);
  const { keys } = options;
  const { segments, first, walk, checkpoint } = await startOf(all, keys);
  const newest = segments.at(-1) ?? segmentOf(options.dir, 1);
  const state = new ChainState(keys, checkpoint);
  const gap = segmentGap(segments, first);
  if (gap !== null) noteBreak(options, state, { place: options.dir, problem: gap });
  for await (const step of walkChain(segments, walk)) {
    if (step.kind === 'record' || isStart(step)) {
      state.follow(step);
      continue;
    }
    const tail = await tailAt(step, newest, state);
    if (tail.kind !== 'changed') {
      await noteCut(options, state, endBefore(step, tail));
      if (state.breaks.length === 0) return await mend(options, newest, { state, tail });
    }
    noteStep(options, state, step);
  }
  await noteCut(options, state);
  return state.breaks.length === 0
    ? await mend(options, newest, { state, tail: { kind: 'none' } })
    : goOn(options.dir, all.at(-1) ?? newest, state);
}

/** Where the journal is to be cut off; null where it is not. */
function endBefore(step: ChainStep, tail: Tail): JournalPosition | null {
  return tail.kind === 'torn' ? { segment: step.segment.number, offset: step.line.start } : null;
}

/** A cut leaves a chain that is whole; where it is not, the first break says more. */
async function noteCut(options: RecoveryOptions, state: ChainState, end: JournalPosition | null = null): Promise<void> {
  if (state.breaks.length > 0) return;
  const problem = await cutProblem(options.dir, options.knownEnd, end);
  if (problem !== null) noteBreak(options, state, { place: options.dir, problem });
}

/** Only the end of the newest segment can be torn, and only where nothing was wrong before it. */
async function tailAt(step: ChainStep, newest: Segment, state: ChainState): Promise<Tail> {
  if (step.segment !== newest || state.breaks.length > 0) return { kind: 'changed' };
  return await readTail(newest.path, step.line.start, state.head);
}

function noteStep(options: RecoveryOptions, state: ChainState, step: Exclude<ChainStep, { kind: 'record' }>): void {
  const place = `${step.segment.path}:${step.line.number}`;
  if (step.kind === 'unfinished') {
    return noteBreak(options, state, { place, problem: 'the last line is neither a record nor the beginning of one' });
  }
  if (step.head !== null) state.note(step.head);
  noteBreak(options, state, { place, problem: step.problem });
}

/** How many breaks the record that accepts them names. */
const NAMED_BREAKS = 20;

interface Break {
  readonly place: string;
  readonly problem: string;
}

function noteBreak(options: RecoveryOptions, state: ChainState, { place, problem }: Break): void {
  if (!options.acceptBrokenChain) throw new BrokenChainError(place, problem);
  if (state.breaks.length < NAMED_BREAKS) state.breaks.push(`${relative(dirname(options.dir), place)}: ${problem}`);
}

/** The acceptance of an older break is a break to a reader, and the beginning to the writer. */
function isStart(step: ChainStep): boolean {
  return step.kind === 'break' && step.head !== null && startsNewChain(step.head) && step.line.start === 0;
}

/** What is known of the chain so far. */
class ChainState {
  head: ChainHead = CHAIN_START;
  /** The end of the last good record in its segment. */
  end = 0;
  highest = 0;
  readonly open = new Map<string, OpenIntent>();
  readonly breaks: string[] = [];
  newest = '';
  removed: RemovedPrefix | null = null;
  readonly #keys: PublicKeys;
  #segment = 0;
  #segmentSince: string | null = null;

  constructor(keys: PublicKeys, before: CheckpointBody | null) {
    this.#keys = keys;
    if (before === null) return;
    this.newest = before.newest;
    this.removed = before.removed;
    for (const intent of before.open ?? []) this.open.set(intent.exchangeId, intent);
  }

  /** Takes the next record of the chain. */
  follow(step: ChainStep): void {
    if (step.kind === 'unfinished' || step.head === null) return;
    this.note(step.head);
    this.head = { seq: step.head.seq, hash: step.head.hash };
    if (this.#segment !== step.segment.number) this.#segmentSince = step.head.time;
    this.#segment = step.segment.number;
    this.end = step.line.end;
    if (step.head.kind !== 'checkpoint') return;
    const read = readCheckpoint(step.line.bytes, this.#keys);
    if (read.kind === 'signed') this.removed = read.body.removed;
  }

  /** Takes what a record says of exchanges, wherever it stands. */
  note({ kind, exchangeId, seq, time }: LineHead): void {
    this.highest = Math.max(this.highest, seq);
    if (time > this.newest) this.newest = time;
    if (exchangeId === null) return;
    if (kind === 'intent') this.open.set(exchangeId, { exchangeId, seq });
    else if (kind === 'outcome' || kind === 'refusal') this.open.delete(exchangeId);
  }

  /** Where the next record goes in a segment: at its beginning, where it holds none yet. */
  endIn(segment: Segment): number {
    return this.#segment === segment.number ? this.end : 0;
  }

  /** What is known beside the end. */
  facts(segment: Segment): Pick<Recovered, 'openIntents' | 'newest' | 'removed' | 'segmentSince'> {
    return {
      openIntents: [...this.open.values()],
      newest: this.newest,
      removed: this.removed,
      segmentSince: this.#segment === segment.number ? this.#segmentSince : null,
    };
  }
}

interface Found {
  readonly state: ChainState;
  readonly tail: Exclude<Tail, { kind: 'changed' }>;
}

async function mend({ dir, time, log }: RecoveryOptions, segment: Segment, { state, tail }: Found): Promise<Recovered> {
  const length = state.endIn(segment);
  const whole = {
    segment,
    head: state.head,
    length,
    missing: '',
    tornBytes: 0,
    tornFile: null,
    acceptedBreaks: [],
  } as const;
  switch (tail.kind) {
    case 'none':
      return { ...whole, ...state.facts(segment) };
    case 'unterminated': {
      const { head, bytes } = tail;
      state.note(head);
      log.warn('audit.line-feed-missing', { segment: segment.name, seq: head.seq });
      const next = { head: { seq: head.seq, hash: head.hash }, length: length + bytes, missing: '\n' } as const;
      return { ...whole, ...next, ...state.facts(segment) };
    }
    case 'torn': {
      const tornBytes = tail.bytes.length;
      const tornFile = await keepTornBytes(dir, tail.bytes, time);
      await truncate(segment.path, length);
      log.warn('audit.torn-tail-cut', { segment: segment.name, at: length, bytes: tornBytes, kept: tornFile });
      return { ...whole, tornBytes, tornFile, ...state.facts(segment) };
    }
    default:
      return tail satisfies never;
  }
}

/** The broken chain stays as it is; the next segment starts a new one, whose numbers go on. */
function goOn(dir: string, newest: Segment, state: ChainState): Recovered {
  const segment = segmentOf(dir, newest.number + 1);
  return {
    segment,
    head: { seq: Math.max(1, state.highest), hash: CHAIN_START.hash },
    length: 0,
    missing: '',
    tornBytes: 0,
    tornFile: null,
    acceptedBreaks: state.breaks,
    ...state.facts(segment),
  };
}
