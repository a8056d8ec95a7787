import { setTimeout as sleep } from 'node:timers/promises';
import { changedPart, voidReasonOf } from '../binding/fingerprint.ts';
import type { ApprovalAsk, ApprovalRecord, Binding, HoldOutcome } from '../model/approval.ts';
import { FaultError } from '../model/fault.ts';
import type { ApprovalGate, ApprovalStore, Clock } from '../model/ports.ts';
import { eventOf, type OnApprovalEvent } from './approval-event.ts';
import { covers } from './scope.ts';
import { ApprovalsUnreachableError } from './store-error.ts';
import { Turns } from './turns.ts';

/** What applies where a rule's terms say nothing, and the bounds of the gate. Times in milliseconds. */
export interface GateSettings {
  /** How long a connection is held. */
  readonly waitMs: number;
  /** How long a request waits for a decision. */
  readonly ttlMs: number;
  /** How long a grant of scope `action` or `target` holds. */
  readonly forMs: number;
  /** How many requests may wait for a decision. */
  readonly maxPending: number;
  /** How many connections may be held at once; further ones are told to come back at once. */
  readonly maxHeld: number;
  /** Whether a connection is held, for as long as it would be for a human, while the store is out of reach. */
  readonly holdThroughOutage: boolean;
}

export interface GatePorts {
  readonly store: ApprovalStore;
  readonly clock: Clock;
  readonly onEvent: OnApprovalEvent;
}

/** The gate, and what its owner has to call now and then. */
export interface SweptGate extends ApprovalGate {
  /** Ends and records what is overdue, forgets what ended long ago. Rejects when store or audit trail fail. */
  sweep(): Promise<void>;
}

/** Often enough that a list shows what is, seldom enough to cost nothing; whoever comes back sooner is not held up by it. */
export const SWEEP_INTERVAL_MS = 10_000;
/** An agent that comes back is held again, so this only spaces the attempts; a person needs longer anyway. */
const RETRY_AFTER_MS = 5_000;
/** A store that is out of reach is asked by each connection that waits for it; it fails at once while it rests. */
const OUTAGE_RETRY_MS = 500;
/** Each try meets another change made meanwhile; somebody who changes it more often than that is no honest client. */
const MAX_ADMIT_TRIES = 5;

/** Makes the gate that holds requests for a human. */
export function createApprovalGate(ports: GatePorts, settings: GateSettings): SweptGate {
  return new Gate(ports, settings);
}

/** What admitting came to: the answer, or a pending approval to wait for. */
type Admission = HoldOutcome | { readonly kind: 'wait'; readonly approval: ApprovalRecord };

/** A pending approval, and until when its connection is held. */
interface Waiting {
  readonly pending: ApprovalRecord;
  readonly until: number;
}

class Gate implements SweptGate {
  readonly #ports: GatePorts;
  readonly #settings: GateSettings;
  #held = 0;
  #sweeping: Promise<void> | null = null;
  /** Approvals that are being opened: the store may count them already, or not yet. */
  readonly #opening = new Set<Promise<unknown>>();
  /** Asks whose approval is recorded as requested. */
  readonly #recorded = new WeakSet<ApprovalAsk>();
  /** Identical requests are admitted one after the other: the second finds what the first one opened. */
  readonly #turns = new Turns();

  constructor(ports: GatePorts, settings: GateSettings) {
    this.#ports = ports;
    this.#settings = settings;
  }

  async hold(ask: ApprovalAsk, signal: AbortSignal): Promise<HoldOutcome> {
    const { clock } = this.#ports;
    const until = clock.now() + (ask.terms.waitMs ?? this.#settings.waitMs);
    for (;;) {
      try {
        if (signal.aborted) return { kind: 'client-gone' };
        const admission = await this.#turns.take(ask.fingerprint, () => this.#admit(ask));
        return admission.kind === 'wait'
          ? await this.#wait(ask, { pending: admission.approval, until }, signal)
          : admission;
      } catch (error) {
        const left = until - clock.now();
        const waits = this.#settings.holdThroughOutage && error instanceof ApprovalsUnreachableError && left > 0;
        if (!waits || this.#held >= this.#settings.maxHeld) return { kind: 'unavailable', problem: messageOf(error) };
        await this.#outlast(Math.min(left, OUTAGE_RETRY_MS), signal);
      }
    }
  }

  async consume(approval: ApprovalRecord, exchangeId: string): Promise<'consumed' | 'lost'> {
    const { clock, store } = this.#ports;
    const result = await orFault('approvals-unavailable', store.consume(approval.name, clock.now(), exchangeId));
    if (result === 'lost') return 'lost';
    const event = approval.ask.terms.scope === 'once' ? 'consumed' : 'used';
    await orFault('audit-unavailable', this.#ports.onEvent(eventOf(event, approval, exchangeId), approval));
    return 'consumed';
  }

  async annul(approval: ApprovalRecord, reason: string): Promise<void> {
    await this.#annul(approval, reason, approval.ask.exchangeId);
  }

  async sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().finally(() => (this.#sweeping = null));
    await this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const { clock, onEvent, store } = this.#ports;
    const ended = await store.sweep(clock.now());
    for (const approval of ended) await onEvent(eventOf('expired', approval, approval.ask.exchangeId), approval);
  }

  /** Waits for a store that is out of reach. */
  async #outlast(milliseconds: number, signal: AbortSignal): Promise<void> {
    this.#held += 1;
    try {
      await sleep(milliseconds, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#held -= 1;
    }
  }

  async #admit(ask: ApprovalAsk): Promise<Admission> {
    const { clock, store } = this.#ports;
    for (let tries = 0; tries < MAX_ADMIT_TRIES; tries += 1) {
      const found = await store.find(ask, clock.now());
      const admission = found === null ? await this.#open(ask) : await this.#adopt(ask, found);
      if (admission !== null) return admission;
    }
    return { kind: 'unavailable', problem: 'the approvals of this request change faster than they can be read' };
  }

  /** Null when somebody else changed the approval meanwhile. */
  async #adopt(ask: ApprovalAsk, found: ApprovalRecord): Promise<Admission | null> {
    if (isLive(found) && found.expiresAt <= this.#ports.clock.now()) return await this.#expired(found, ask.exchangeId);
    // Opened by this very ask, in a store that went out of reach before it could say so.
    if (found.ask.exchangeId === ask.exchangeId) await this.#recordRequested(found, ask);
    if (covers(found, ask)) return { kind: 'granted', approval: found };
    if (found.ask.fingerprint !== ask.fingerprint) return await this.#outdated(ask, found);
    switch (found.phase) {
      case 'pending':
        return { kind: 'wait', approval: found };
      case 'denied':
        return { kind: 'denied', approval: found };
      case 'expired':
        return await this.#expired(found, ask.exchangeId);
      default:
        return null;
    }
  }

  async #open(ask: ApprovalAsk): Promise<Admission> {
    const { clock, store } = this.#ports;
    const { maxPending } = this.#settings;
    // Counting and opening must not come apart, or many requests at once would pass the bound together.
    while (store.pendingCount() + this.#opening.size >= maxPending) {
      if (this.#opening.size === 0) return { kind: 'full', limit: maxPending };
      await Promise.race(this.#opening).catch(() => null);
    }
    const now = clock.now();
    const ttlMs = ask.terms.ttlMs ?? this.#settings.ttlMs;
    const grantMs = ask.terms.scope === 'once' ? ttlMs : (ask.terms.forMs ?? this.#settings.forMs);
    const approval = await this.#counted(store.open(ask, { now, expiresAt: now + ttlMs, grantMs }));
    // Another process may have opened it first; then that one has recorded it.
    if (approval.ask.exchangeId !== ask.exchangeId) return admissionOf(approval);
    await this.#recordRequested(approval, ask);
    return admissionOf(approval);
  }

  /** What cannot be recorded as requested must not be granted. */
  async #recordRequested(approval: ApprovalRecord, ask: ApprovalAsk): Promise<void> {
    if (this.#recorded.has(ask)) return;
    const { clock, onEvent, store } = this.#ports;
    try {
      await onEvent(eventOf('requested', approval, ask.exchangeId), approval);
    } catch (error) {
      await store.annul(approval.name, 'not-recorded', clock.now());
      throw error;
    }
    this.#recorded.add(ask);
  }

  async #counted<T>(opening: Promise<T>): Promise<T> {
    this.#opening.add(opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(opening);
    }
  }

  async #wait(ask: ApprovalAsk, { pending, until }: Waiting, signal: AbortSignal): Promise<HoldOutcome> {
    const { clock, store } = this.#ports;
    if (until <= clock.now() || this.#held >= this.#settings.maxHeld) return this.#pending(pending);
    const deadline = Math.min(until, pending.expiresAt);
    this.#held += 1;
    try {
      const settled = await store.changed(pending.name, deadline, signal);
      if (signal.aborted) return { kind: 'client-gone' };
      return await this.#outcome(settled ?? (await store.get(pending.name)) ?? pending, ask.exchangeId);
    } finally {
      this.#held -= 1;
    }
  }

  async #outcome(approval: ApprovalRecord, exchangeId: string): Promise<HoldOutcome> {
    if (isLive(approval) && approval.expiresAt <= this.#ports.clock.now())
      return await this.#expired(approval, exchangeId);
    switch (approval.phase) {
      case 'pending':
        return this.#pending(approval);
      case 'approved':
        return { kind: 'granted', approval };
      case 'expired':
        return await this.#expired(approval, exchangeId);
      case 'denied':
      case 'consumed':
      case 'void':
        return { kind: approval.phase, approval };
      default:
        return approval.phase satisfies never;
    }
  }

  #pending(approval: ApprovalRecord): HoldOutcome {
    const left = approval.expiresAt - this.#ports.clock.now();
    return { kind: 'pending', approval, retryAfterMs: Math.max(1, Math.min(RETRY_AFTER_MS, left)) };
  }

  async #expired(approval: ApprovalRecord, exchangeId: string): Promise<HoldOutcome> {
    const { clock, onEvent, store } = this.#ports;
    if (await store.expire(approval.name, clock.now()))
      await onEvent(eventOf('expired', approval, exchangeId), approval);
    return { kind: 'expired', approval: { ...approval, phase: 'expired' } };
  }

  /** The same request, or what a grant's scope covered, from another world: the old approval ends, and the agent is told once. */
  async #outdated(ask: ApprovalAsk, found: ApprovalRecord): Promise<HoldOutcome | null> {
    const reason = outdatedBy(found.ask.binding, ask.binding);
    if (!(await this.#annul(found, reason, ask.exchangeId))) return null;
    return { kind: 'void', approval: { ...found, phase: 'void', voidReason: reason } };
  }

  async #annul(approval: ApprovalRecord, reason: string, exchangeId: string): Promise<boolean> {
    const { clock, onEvent, store } = this.#ports;
    const ended = await store.annul(approval.name, reason, clock.now());
    if (ended) await onEvent(eventOf('voided', approval, exchangeId, reason), approval);
    return ended;
  }
}

/** Which part of the world changed, whatever the requests are. */
function outdatedBy(before: Binding, after: Binding): string {
  const { actionDigest, actionMapDigest, credentialGeneration, policyDigest } = before;
  const part = changedPart({ ...after, actionDigest, actionMapDigest, credentialGeneration, policyDigest }, after);
  return voidReasonOf(part ?? 'request');
}

function admissionOf(approval: ApprovalRecord): Admission {
  return approval.phase === 'approved' ? { kind: 'granted', approval } : { kind: 'wait', approval };
}

function isLive({ phase }: ApprovalRecord): boolean {
  return phase === 'pending' || phase === 'approved';
}

async function orFault<T>(code: 'approvals-unavailable' | 'audit-unavailable', work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof FaultError) throw error;
    throw new FaultError(code, messageOf(error), { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
