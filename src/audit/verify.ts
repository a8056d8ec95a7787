import { CHAIN_START, type ChainHead } from './chain.ts';
import { cutProblem } from './known-end.ts';
import { listSegments } from './segment.ts';
import type { SinkCursor } from './sink.ts';
import { segmentGap, walkChain, type ChainStep, type WalkStart } from './walk.ts';

/** A place where the journal is not what it was when it was written. */
export interface ChainBreak {
  readonly file: string;
  /** The line, from 1; null where a whole file is missing. */
  readonly line: number | null;
  readonly problem: string;
}

/**
 * What is known of the end of the journal. A chain shows that nothing before its newest record was changed; that
 * nothing was cut off behind it, only a hash that was kept elsewhere can show.
 */
export type JournalEnd =
  | { readonly kind: 'unproven' }
  /** Everything up to and with the anchor is proven; `later` records follow it whose end is not. */
  | { readonly kind: 'anchored'; readonly seq: number; readonly later: number };

export interface Verification {
  readonly ok: boolean;
  readonly segments: number;
  readonly records: number;
  /** The newest record: kept elsewhere, it is the anchor of a later verification. Null in an empty journal. */
  readonly head: (ChainHead & { readonly time: string }) | null;
  /** The first breaks, at most `NAMED_BREAKS`. */
  readonly breaks: readonly ChainBreak[];
  readonly breakCount: number;
  readonly end: JournalEnd;
}

/** How many breaks a verification names: the first says where to look, and a few more how far it goes. */
export const NAMED_BREAKS = 50;

/** How often, and after how long each time, a last line without line feed is read again: a gateway may be writing it. */
const UNFINISHED_TRIES = 4;
const UNFINISHED_WAIT_MS = 150;

export interface VerifyOptions {
  readonly dir: string;
  /** A record that is known from elsewhere: its number and hash. */
  readonly anchor: ChainHead | null;
  /** Up to where the audit database beside the journal has it, where there is one. */
  readonly knownEnd?: SinkCursor | null;
  readonly wait: (ms: number) => Promise<void>;
}

/** Checks every segment of a journal, which may be in use. Rejects with the error of the system. */
export async function verifyJournal({ dir, anchor, knownEnd = null, wait }: VerifyOptions): Promise<Verification> {
  const segments = await listSegments(dir);
  const findings = new Findings(anchor);
  const gap = segmentGap(segments);
  if (gap !== null) findings.breakAt({ file: dir, line: null, problem: gap });
  let unfinished = await walk(findings, walkChain(segments));
  for (let attempt = 0; unfinished !== null && attempt < UNFINISHED_TRIES; attempt += 1) {
    await wait(UNFINISHED_WAIT_MS);
    const start: WalkStart = { before: unfinished.before, offset: unfinished.line.start, line: unfinished.line.number };
    unfinished = await walk(findings, walkChain([unfinished.segment], start));
  }
  if (unfinished !== null) {
    const problem =
      'the last line is not complete: a crash tore it (the gateway mends that when it starts), or it was edited';
    findings.breakAt({ file: unfinished.segment.name, line: unfinished.line.number, problem });
  }
  const cut = findings.whole ? await cutProblem(dir, knownEnd) : null;
  if (cut !== null) findings.breakAt({ file: 'journal', line: null, problem: cut });
  return findings.result(segments.length);
}

type Unfinished = Extract<ChainStep, { kind: 'unfinished' }>;

async function walk(findings: Findings, steps: AsyncIterable<ChainStep>): Promise<Unfinished | null> {
  for await (const step of steps) {
    if (step.kind === 'unfinished') return step;
    findings.take(step);
  }
  return null;
}

class Findings {
  readonly #anchor: ChainHead | null;
  readonly #breaks: ChainBreak[] = [];
  #breakCount = 0;
  #records = 0;
  #head: Verification['head'] = null;
  #anchored: { readonly records: number } | null = null;

  constructor(anchor: ChainHead | null) {
    this.#anchor = anchor;
    if (anchor?.seq === CHAIN_START.seq) this.#anchored = { records: 0 };
  }

  /** Whether no break was found so far. */
  get whole(): boolean {
    return this.#breakCount === 0;
  }

  take(step: Exclude<ChainStep, { kind: 'unfinished' }>): void {
    if (step.kind === 'break') {
      this.breakAt({ file: step.segment.name, line: step.line.number, problem: step.problem });
    }
    if (step.head === null) return;
    const { seq, hash, time } = step.head;
    this.#records += 1;
    this.#head = { seq, hash, time };
    if (seq === this.#anchor?.seq) this.#meetAnchor(step, hash);
  }

  #meetAnchor(step: ChainStep, hash: string): void {
    this.#anchored = { records: this.#records };
    if (hash === this.#anchor?.hash) return;
    const problem = `the anchor says that record ${this.#anchor?.seq} has hash ${this.#anchor?.hash}, this one has ${hash}: the journal was rewritten`;
    this.breakAt({ file: step.segment.name, line: step.line.number, problem });
  }

  breakAt(found: ChainBreak): void {
    this.#breakCount += 1;
    if (this.#breaks.length < NAMED_BREAKS) this.#breaks.push(found);
  }

  result(segments: number): Verification {
    const anchor = this.#anchor;
    if (anchor !== null && this.#anchored === null) {
      const last = this.#head === null ? 'it is empty' : `it ends with record ${this.#head.seq}`;
      const problem = `the anchor says that there was a record ${anchor.seq}, but the journal does not hold it (${last}): records were cut off`;
      this.breakAt({ file: 'journal', line: null, problem });
    }
    return {
      ok: this.#breakCount === 0,
      segments,
      records: this.#records,
      head: this.#head,
      breaks: this.#breaks,
      breakCount: this.#breakCount,
      // Behind a break, the chain proves nothing of what comes before it.
      end:
        anchor === null || this.#anchored === null || !this.whole
          ? { kind: 'unproven' }
          : { kind: 'anchored', seq: anchor.seq, later: this.#records - this.#anchored.records },
    };
  }
}
