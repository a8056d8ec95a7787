import type { Clock, SessionStep } from '../model/ports.ts';
import type { AuditRecord } from '../model/record.ts';
import { parseRecord, peekLine, readLine } from './chain.ts';
import type { EarlierExchange, MemoryHistory } from './history.ts';
import { readLines } from './lines.ts';
import { readOpening } from './recovery-start.ts';
import { listSegments, type Segment } from './segment.ts';

export interface SessionReaderOptions {
  readonly history: Pick<MemoryHistory, 'addEarlier'>;
  /** The directory of the journal. */
  readonly dir: string;
  /** The newest record that was there when the gateway started: what came later is in the history already. */
  readonly upToSeq: number;
  readonly clock: Clock;
}

/**
 * Reads sessions back from the journal after a start, and no further than somebody looks back: nothing where no plan rule
 * does, and more once a policy comes that looks further.
 */
export class SessionReader {
  readonly #options: SessionReaderOptions;
  /** From when on the history has what the journal has; milliseconds since the epoch. */
  #from = Number.POSITIVE_INFINITY;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(options: SessionReaderOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the history reaches back so many milliseconds, with how many requests were read for that. Rejects with
   * the error of the system.
   */
  async reachBack(ms: number): Promise<number> {
    const turn = this.#reading.then(async () => await this.#reachBack(ms));
    this.#reading = turn.catch(() => null);
    return await turn;
  }

  async #reachBack(ms: number): Promise<number> {
    const since = this.#options.clock.now() - ms;
    if (ms === 0 || since >= this.#from) return 0;
    const { dir, history, upToSeq } = this.#options;
    const found = new Earlier(since, this.#from);
    for (const segment of await segmentsSince(dir, found.since)) {
      for await (const { bytes } of readLines(segment.path)) {
        const front = peekLine(bytes);
        if (front !== null && front.seq <= upToSeq && found.wants(front)) found.take(bytes);
      }
    }
    for (const [agentId, exchanges] of found.byAgent()) history.addEarlier(agentId, exchanges);
    this.#from = since;
    return found.count;
  }
}

/** What agents did in a stretch of time, from the records of the journal in order. */
class Earlier {
  readonly since: string;
  readonly #until: string | null;
  readonly #exchanges = new Map<string, EarlierExchange & { readonly agentId: string }>();

  constructor(since: number, until: number) {
    this.since = new Date(since).toISOString();
    this.#until = Number.isFinite(until) ? new Date(until).toISOString() : null;
  }

  get count(): number {
    return this.#exchanges.size;
  }

  wants({ kind, time }: { readonly kind: string; readonly time: string }): boolean {
    if (kind === 'refusal') return true;
    return kind === 'intent' && time >= this.since && (this.#until === null || time < this.#until);
  }

  take(line: Uint8Array): void {
    if (readLine(line).kind !== 'intact') return;
    const record = parseRecord(line);
    // It was refused after its intent: it did not happen.
    if (record.kind === 'refusal') this.#exchanges.delete(record.exchangeId);
    if (record.kind !== 'intent') return;
    const { agentId, exchangeId } = record;
    this.#exchanges.set(exchangeId, { agentId, exchangeId, steps: stepsOf(record) });
  }

  byAgent(): ReadonlyMap<string, readonly EarlierExchange[]> {
    return Map.groupBy(this.#exchanges.values(), ({ agentId }) => agentId);
  }
}

function stepsOf(record: AuditRecord & { readonly kind: 'intent' }): readonly SessionStep[] {
  const at = Date.parse(record.time);
  return record.steps.map(({ type, riskLevel }) => ({ at, type, riskLevel }));
}

/** The segments that may hold records since a time: a segment says in its first record how new those before it are. */
async function segmentsSince(dir: string, from: string): Promise<readonly Segment[]> {
  const all = await listSegments(dir);
  for (const [index, segment] of [...all.entries()].toReversed()) {
    const opening = await readOpening(segment);
    if (opening !== null && opening.newest < from) return all.slice(index);
  }
  return all;
}
