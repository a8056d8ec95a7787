import { FaultError } from '../model/fault.ts';
import type { SessionHistory, SessionStep } from '../model/ports.ts';
import { parseRecord, peekLine, readLine } from './chain.ts';
import { readLines } from './lines.ts';
import { listSegments } from './segment.ts';

/** Bounds of what is remembered of sessions. */
export interface HistoryLimits {
  /** The longest session that a policy may ask for, in milliseconds: what is older is forgotten. */
  readonly windowMs: number;
  readonly stepsPerAgent: number;
  readonly agents: number;
  readonly summaryTypes: number;
}

/** A day: the longest session that policies may have. */
export const MAX_SESSION_MS = 24 * 3_600_000;

/**
 * Every judged request walks the steps of its session, so that this bounds time as well as memory. It is 22 calls a
 * second through a session of 15 minutes; what is beyond it is summarized, never forgotten.
 */
export const MAX_SESSION_STEPS = 20_000;

/** One sidecar governs one pod: a thousand identities in a day are no ordinary use. */
export const MAX_SESSION_AGENTS = 1_000;

/** Kinds of steps in a summary; action maps name far fewer. */
export const MAX_SUMMARY_TYPES = 1_000;

export const HISTORY_LIMITS: HistoryLimits = {
  windowMs: MAX_SESSION_MS,
  stepsPerAgent: MAX_SESSION_STEPS,
  agents: MAX_SESSION_AGENTS,
  summaryTypes: MAX_SUMMARY_TYPES,
};

/**
 * How often a summary repeats its kinds of steps one after the other: a sequence pattern of up to this many steps finds
 * in it every order in which they may have happened.
 */
const SUMMARY_REPEATS = 16;

interface Entry {
  readonly exchangeId: string;
  readonly step: SessionStep;
}

interface Session {
  entries: Entry[];
  /** Steps that were too many, as one for each type and risk, with the newest time of each. */
  readonly summary: Map<string, SessionStep>;
  /** Up to when not even a summary is known. */
  lostUntil: number;
  newest: number;
}

/**
 * What agents did lately, in memory. When there is more than is kept step by step, the oldest become a summary that
 * stands for every order in which they may have happened, so that a flood of calls cannot push an earlier one out of a
 * sequence pattern; a sum of risks then counts at least `stepsPerAgent` steps. Where not even that is known, `recent`
 * throws `FaultError('policy-block')`.
 */
export class MemoryHistory implements SessionHistory {
  readonly #limits: HistoryLimits;
  readonly #sessions = new Map<string, Session>();
  #lostUntil = Number.NEGATIVE_INFINITY;

  constructor(limits: HistoryLimits = HISTORY_LIMITS) {
    this.#limits = limits;
  }

  recent(agentId: string, since: number): readonly SessionStep[] {
    const session = this.#sessions.get(agentId);
    if ((session?.lostUntil ?? this.#lostUntil) >= since) {
      throw new FaultError(
        'policy-block',
        'the agents did more different things in the time of this session than the gateway can remember, so that plan rules cannot be judged',
      );
    }
    if (session === undefined) return [];
    const summary = [...session.summary.values()].filter(({ at }) => at >= since);
    const repeated = summary.length === 0 ? [] : Array.from({ length: SUMMARY_REPEATS }, () => summary).flat();
    return [...repeated, ...session.entries.filter(({ step }) => step.at >= since).map(({ step }) => step)];
  }

  add(agentId: string, exchangeId: string, steps: readonly SessionStep[]): void {
    const session = this.#sessionOf(agentId);
    for (const step of steps) {
      session.entries.push({ exchangeId, step });
      session.newest = Math.max(session.newest, step.at);
    }
    this.#forget(session);
    const tooMany = session.entries.length - this.#limits.stepsPerAgent;
    // A tenth at a time, so that a full session does not move its array for every step.
    if (tooMany > 0) this.#summarize(session, tooMany + Math.floor(this.#limits.stepsPerAgent / 10));
  }

  remove(agentId: string, exchangeId: string): void {
    const session = this.#sessions.get(agentId);
    if (session === undefined) return;
    session.entries = session.entries.filter((entry) => entry.exchangeId !== exchangeId);
  }

  #sessionOf(agentId: string): Session {
    const known = this.#sessions.get(agentId);
    // Set anew, the map is in the order of use.
    if (known !== undefined) this.#sessions.delete(agentId);
    const session = known ?? {
      entries: [],
      summary: new Map(),
      lostUntil: this.#lostUntil,
      newest: Number.NEGATIVE_INFINITY,
    };
    this.#sessions.set(agentId, session);
    if (this.#sessions.size > this.#limits.agents) this.#dropOldestAgent();
    return session;
  }

  #dropOldestAgent(): void {
    const [oldest] = this.#sessions;
    if (oldest === undefined) return;
    const [agentId, { newest, lostUntil }] = oldest;
    this.#sessions.delete(agentId);
    this.#lostUntil = Math.max(this.#lostUntil, newest, lostUntil);
  }

  #forget(session: Session): void {
    const before = session.newest - this.#limits.windowMs;
    const first = session.entries[0];
    if (first === undefined || first.step.at >= before) return;
    session.entries = session.entries.filter(({ step }) => step.at >= before);
    session.lostUntil = Math.max(session.lostUntil, before - 1);
  }

  #summarize(session: Session, count: number): void {
    const before = session.newest - this.#limits.windowMs;
    for (const [key, { at }] of session.summary) if (at < before) session.summary.delete(key);
    for (const { step } of session.entries.splice(0, count)) {
      const key = JSON.stringify([step.type, step.riskLevel]);
      const known = session.summary.get(key);
      if (known === undefined && session.summary.size >= this.#limits.summaryTypes) {
        session.lostUntil = Math.max(session.lostUntil, step.at);
      } else if (known === undefined || known.at < step.at) {
        session.summary.set(key, step);
      }
    }
  }
}

/**
 * Fills a history from the journal in `dir`: the steps of every intent since `since` (milliseconds since the epoch),
 * but for those whose request was refused after all. Returns how many intents there were.
 */
export async function rebuildHistory(history: SessionHistory, dir: string, since: number): Promise<number> {
  const from = new Date(since).toISOString();
  let intents = 0;
  for (const segment of await listSegments(dir)) {
    for await (const { bytes } of readLines(segment.path)) {
      const front = peekLine(bytes);
      if (front === null || front.time < from || (front.kind !== 'intent' && front.kind !== 'refusal')) continue;
      if (readLine(bytes).kind !== 'intact') continue;
      const record = parseRecord(bytes);
      if (record.kind === 'refusal') history.remove(record.agentId, record.exchangeId);
      if (record.kind !== 'intent') continue;
      const at = Date.parse(record.time);
      history.add(
        record.agentId,
        record.exchangeId,
        record.steps.map(({ type, riskLevel }) => ({ at, type, riskLevel })),
      );
      intents += 1;
    }
  }
  return intents;
}
