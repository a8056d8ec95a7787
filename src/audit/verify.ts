import type { ChainHead } from './chain.ts';
import { cutProblem } from './known-end.ts';
import { isMissing, listSegments, type Segment } from './segment.ts';
import type { PublicKeys } from './signing-key.ts';
import type { SinkCursor } from './sink.ts';
import type { Verification } from './verification.ts';
import { Findings } from './verify-findings.ts';
import { FROM_START, segmentGap, walkChain, type ChainStep, type WalkStart } from './walk.ts';

/** How often, and after how long each time, a last line without line feed is read again: a gateway may be writing it. */
const UNFINISHED_TRIES = 4;
const UNFINISHED_WAIT_MS = 150;

/** How often it is begun again because retention took a segment away meanwhile, or what the database knew of. */
const REMOVED_TRIES = 3;

export interface VerifyOptions {
  readonly dir: string;
  /** Records that are known from elsewhere: their numbers and hashes. */
  readonly anchors: readonly ChainHead[];
  /** The keys that checkpoints may be signed with; with none, signatures are not checked. */
  readonly keys: PublicKeys;
  /** Says up to where the audit database beside the journal has it by now, where there is one. */
  readonly knownEnd?: () => SinkCursor | null;
  readonly wait: (ms: number) => Promise<void>;
}

/** Checks every segment of a journal, which may be in use. Rejects with the error of the system. */
export async function verifyJournal(options: VerifyOptions): Promise<Verification> {
  for (let attempt = 1; attempt < REMOVED_TRIES; attempt += 1) {
    const found = await verifyOnce(options);
    if (found !== null) return found;
  }
  return await verifySegments(options, await listSegments(options.dir), endKnownTo(options));
}

function endKnownTo({ knownEnd }: VerifyOptions): SinkCursor | null {
  return knownEnd === undefined ? null : knownEnd();
}

/** Null when retention took something away meanwhile that counts. */
async function verifyOnce(options: VerifyOptions): Promise<Verification | null> {
  // Read first: a running gateway only adds to the journal, until retention takes away what the database is past.
  const known = endKnownTo(options);
  try {
    const found = await verifySegments(options, await listSegments(options.dir), known);
    return found.ok || endKnownTo(options)?.segment === known?.segment ? found : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function verifySegments(
  { anchors, dir, keys, wait }: VerifyOptions,
  segments: readonly Segment[],
  known: SinkCursor | null,
): Promise<Verification> {
  const findings = new Findings(anchors, keys);
  const first = segments[0]?.number ?? 1;
  const gap = segmentGap(segments, first);
  if (gap !== null) findings.breakAt({ file: dir, line: null, problem: gap });
  const from: WalkStart = first === 1 ? FROM_START : { before: null, offset: 0, line: 1 };
  await walkToEnd(findings, walkChain(segments, from), wait);
  const cut = findings.whole ? await cutProblem(dir, known) : null;
  if (cut !== null) findings.breakAt({ file: 'journal', line: null, problem: cut });
  return findings.result(segments);
}

/** Walks along the chain, and waits at its end for a line that is being written. */
async function walkToEnd(
  findings: Findings,
  steps: AsyncIterable<ChainStep>,
  wait: VerifyOptions['wait'],
): Promise<void> {
  let unfinished = await walk(findings, steps);
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
}

type Unfinished = Extract<ChainStep, { kind: 'unfinished' }>;

async function walk(findings: Findings, steps: AsyncIterable<ChainStep>): Promise<Unfinished | null> {
  for await (const step of steps) {
    if (step.kind === 'unfinished') return step;
    findings.take(step);
  }
  return null;
}
