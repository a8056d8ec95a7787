import { FaultError } from '../model/fault.ts';
import type { SessionHistory, SessionStep } from '../model/ports.ts';

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

/** How much more is kept before it is cut, so that a full session does not move its arrays for every step. */
const SLACK = 0.1;

/** What a request did, before all that a history has of its agent. */
export interface EarlierExchange {
  readonly exchangeId: string;
  readonly steps: readonly SessionStep[];
}

interface Session {
  /** The steps in the order in which they were added, and beside each its exchange. */
  steps: SessionStep[];
  exchanges: string[];
  /** False once the clock was set back: then no step may be passed over by its place. */
  inOrder: boolean;
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
    const single = session.inOrder
      ? session.steps.slice(firstSince(session.steps, since))
      : session.steps.filter(({ at }) => at >= since);
    if (summary.length === 0) return single;
    return [...Array.from({ length: SUMMARY_REPEATS }, () => summary).flat(), ...single];
  }

  add(agentId: string, exchangeId: string, steps: readonly SessionStep[]): void {
    const session = this.#sessionOf(agentId);
    for (const step of steps) {
      session.inOrder &&= step.at >= session.newest;
      session.steps.push(step);
      session.exchanges.push(exchangeId);
      session.newest = Math.max(session.newest, step.at);
    }
    this.#keepWithin(session);
  }

  /** Puts what an agent did before in front of what is known of it; oldest first. */
  addEarlier(agentId: string, earlier: readonly EarlierExchange[]): void {
    const session = this.#sessionOf(agentId);
    const steps = earlier.flatMap((exchange) => exchange.steps);
    session.steps = [...steps, ...session.steps];
    session.exchanges = [
      ...earlier.flatMap((exchange) => exchange.steps.map(() => exchange.exchangeId)),
      ...session.exchanges,
    ];
    session.newest = steps.reduce((newest, { at }) => Math.max(newest, at), session.newest);
    session.inOrder = session.steps.every(({ at }, index) => index === 0 || at >= (session.steps[index - 1]?.at ?? at));
    this.#keepWithin(session);
  }

  #keepWithin(session: Session): void {
    this.#forget(session);
    const tooMany = session.steps.length - this.#limits.stepsPerAgent;
    if (tooMany > this.#limits.stepsPerAgent * SLACK) this.#summarize(session, tooMany);
  }

  remove(agentId: string, exchangeId: string): void {
    const session = this.#sessions.get(agentId);
    if (session === undefined) return;
    const last = session.exchanges.lastIndexOf(exchangeId);
    let first = last;
    while (first > 0 && session.exchanges[first - 1] === exchangeId) first -= 1;
    if (last !== -1) takeOut(session, first, last - first + 1);
  }

  #sessionOf(agentId: string): Session {
    const known = this.#sessions.get(agentId);
    // Set anew, the map is in the order of use.
    if (known !== undefined) this.#sessions.delete(agentId);
    const session = known ?? {
      steps: [],
      exchanges: [],
      inOrder: true,
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
    const first = session.steps[0];
    if (first === undefined || first.at >= before - this.#limits.windowMs * SLACK) return;
    const kept = [...session.steps.keys()].filter((index) => (session.steps[index]?.at ?? before) >= before);
    session.exchanges = kept.map((index) => session.exchanges[index] ?? '');
    session.steps = kept.flatMap((index) => session.steps[index] ?? []);
    session.lostUntil = Math.max(session.lostUntil, before - 1);
  }

  #summarize(session: Session, count: number): void {
    const before = session.newest - this.#limits.windowMs;
    for (const [key, { at }] of session.summary) if (at < before) session.summary.delete(key);
    for (const step of takeOut(session, 0, count)) {
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

function takeOut(session: Session, first: number, count: number): readonly SessionStep[] {
  session.exchanges.splice(first, count);
  return session.steps.splice(first, count);
}

/** The place of the first step at or after a time, among steps in the order of time. */
function firstSince(steps: readonly SessionStep[], since: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((steps[middle]?.at ?? since) < since) low = middle + 1;
    else high = middle;
  }
  return low;
}
