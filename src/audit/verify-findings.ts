import type { RemovedPrefix } from '../model/record.ts';
import { CHAIN_START, type ChainHead, type LineHead } from './chain.ts';
import { bodyOf, readCheckpoint } from './checkpoint.ts';
import { segmentName } from './segment.ts';
import type { PublicKeys } from './signing-key.ts';
import type { ChainBreak, SignatureFindings, Verification } from './verification.ts';
import type { ChainStep } from './walk.ts';

/** How many breaks a verification names: the first says where to look, and a few more how far it goes. */
export const NAMED_BREAKS = 50;

type Step = Exclude<ChainStep, { kind: 'unfinished' }>;
type LineStep = Step & { readonly head: LineHead };

/** What a walk along the chain comes to. */
export class Findings {
  readonly #anchors = new Map<number, string>();
  readonly #keys: PublicKeys;
  readonly #breaks: ChainBreak[] = [];
  /** The record that each segment says came before it. */
  readonly #before = new Map<number, ChainHead>();
  #breakCount = 0;
  #records = 0;
  #head: Verification['head'] = null;
  /** The newest anchor that was met, and how many records there were up to it. */
  #anchored: { readonly seq: number; readonly records: number } | null = null;
  #signatures: SignatureFindings = { keys: 0, checkpoints: 0, newest: null, later: 0 };
  #removed: RemovedPrefix | null = null;
  #newestIsEnd = false;

  constructor(anchors: readonly ChainHead[], keys: PublicKeys) {
    this.#keys = keys;
    this.#signatures = { ...this.#signatures, keys: keys.size };
    for (const { seq, hash } of anchors) this.#takeAnchor(seq, hash);
    if (this.#anchors.has(CHAIN_START.seq)) this.#anchored = { seq: 0, records: 0 };
  }

  /** Whether no break was found so far. */
  get whole(): boolean {
    return this.#breakCount === 0;
  }

  take(step: Step): void {
    if (step.kind === 'break') this.breakAt({ file: step.segment.name, line: step.line.number, problem: step.problem });
    const { head } = step;
    if (head === null) return;
    const { seq, hash, time } = head;
    this.#records += 1;
    this.#head = { seq, hash, time };
    this.#newestIsEnd = false;
    if (step.line.number === 1) this.#before.set(step.segment.number, { seq: seq - 1, hash: head.prev });
    if (head.kind === 'checkpoint') this.#takeCheckpoint({ ...step, head });
    if (this.#anchors.has(seq)) this.#meetAnchor({ ...step, head });
  }

  breakAt(found: ChainBreak): void {
    this.#breakCount += 1;
    if (this.#breaks.length < NAMED_BREAKS) this.#breaks.push(found);
  }

  result(segments: readonly { readonly number: number }[]): Verification {
    const first = segments[0]?.number ?? 1;
    if (first > 1) this.#checkRemoved(first);
    this.#missAnchor(first);
    return {
      ok: this.whole,
      segments: segments.length,
      records: this.#records,
      head: this.#head,
      breaks: this.#breaks,
      breakCount: this.#breakCount,
      signatures: this.#signatureFindings(),
      removed: first > 1 && this.whole ? (this.#before.get(first)?.seq ?? null) : null,
      end: this.#end(),
    };
  }

  #takeAnchor(seq: number, hash: string): void {
    const known = this.#anchors.get(seq);
    this.#anchors.set(seq, hash);
    if (known === undefined || known === hash) return;
    this.breakAt({ file: 'anchors', line: null, problem: `two anchors name record ${seq}, with different hashes` });
  }

  #takeCheckpoint(step: LineStep): void {
    const { head, segment, line } = step;
    const at = { file: segment.name, line: line.number };
    this.#signatures = { ...this.#signatures, checkpoints: this.#signatures.checkpoints + 1 };
    if (this.#keys.size === 0) {
      this.#removed = bodyOf(line.bytes)?.removed ?? this.#removed;
      return;
    }
    const read = readCheckpoint(line.bytes, this.#keys);
    if (read.kind === 'forged') return this.breakAt({ ...at, problem: read.problem });
    if (read.kind === 'unknown-key') {
      const problem = `the checkpoint is signed with key ${read.key}, which is none of those that were given`;
      return this.breakAt({ ...at, problem });
    }
    this.#removed = read.body.removed;
    this.#newestIsEnd = read.body.reason === 'end';
    const newest = { seq: head.seq, hash: head.hash, time: head.time };
    this.#signatures = { ...this.#signatures, newest, later: this.#records };
  }

  #meetAnchor({ head, segment, line }: LineStep): void {
    const { seq, hash } = head;
    const anchor = this.#anchors.get(seq);
    if (hash === anchor) {
      this.#anchored = { seq, records: this.#records };
      return;
    }
    const problem = `the anchor says that record ${seq} has hash ${anchor}, this one has ${hash}: the journal was rewritten`;
    this.breakAt({ file: segment.name, line: line.number, problem });
  }

  /** Segments may be missing at the beginning where a checkpoint says that retention took them. */
  #checkRemoved(first: number): void {
    const removed = this.#removed;
    if (removed === null || removed.segment < first - 1) {
      const from = segmentName((removed?.segment ?? 0) + 1);
      const to = segmentName(first - 1);
      const missing = from === to ? `segment ${from} is missing` : `segments ${from} to ${to} are missing`;
      const by = this.#keys.size > 0 ? 'signed checkpoint' : 'checkpoint';
      const problem = `${missing}, and no ${by} says that retention removed what came before`;
      return this.breakAt({ file: 'journal', line: null, problem });
    }
    const before = this.#before.get(removed.segment + 1);
    if (before?.seq === removed.seq && before.hash === removed.hash) return;
    const problem = `a checkpoint says that what was removed ended in record ${removed.seq}:${removed.hash}, but the journal goes on from another`;
    this.breakAt({ file: segmentName(removed.segment + 1), line: 1, problem });
  }

  /** An anchor that was not met: of a record that was cut off, unless retention took it. */
  #missAnchor(first: number): void {
    const before = this.#before.get(first);
    const newest = Math.max(-1, ...this.#anchors.keys());
    if (before !== undefined && before.seq > 0 && this.#anchors.has(before.seq)) this.#meetRemoved(before);
    if (newest <= Math.max(this.#head?.seq ?? 0, before?.seq ?? 0)) return this.#missRemoved(newest);
    const last = this.#head === null ? 'it is empty' : `it ends with record ${this.#head.seq}`;
    const problem = `the anchor says that there was a record ${newest}, but the journal does not hold it (${last}): records were cut off`;
    this.breakAt({ file: 'journal', line: null, problem });
  }

  /** Whoever holds the key can say that retention took everything: anchors of removed records alone prove nothing. */
  #missRemoved(newest: number): void {
    if (this.#anchors.size === 0 || this.#anchored !== null || !this.whole) return;
    const problem = `the anchor is of record ${newest}, which retention removed by the word of a checkpoint: it proves nothing any more, give a newer one`;
    this.breakAt({ file: 'anchors', line: null, problem });
  }

  #meetRemoved({ seq, hash }: ChainHead): void {
    if (this.#anchors.get(seq) === hash) this.#anchored ??= { seq, records: 0 };
    else
      this.breakAt({
        file: 'journal',
        line: null,
        problem: `the removed records ended in ${seq}:${hash}, not in the anchor`,
      });
  }

  #signatureFindings(): SignatureFindings {
    const { newest, later } = this.#signatures;
    return { ...this.#signatures, later: newest === null ? this.#records : this.#records - later };
  }

  /** Behind a break, the chain proves nothing of what comes before it. */
  #end(): Verification['end'] {
    if (!this.whole) return { kind: 'unproven' };
    if (this.#anchored !== null) {
      const { seq, records } = this.#anchored;
      return { kind: 'anchored', seq, later: this.#records - records, closed: this.#newestIsEnd };
    }
    return this.#newestIsEnd && this.#head !== null ? { kind: 'closed', seq: this.#head.seq } : { kind: 'unproven' };
  }
}
