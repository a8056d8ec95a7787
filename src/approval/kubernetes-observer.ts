import type { ApprovalRecord } from '../model/approval.ts';
import type { Clock, Log } from '../model/ports.ts';
import { eventOf, type OnApprovalEvent } from './approval-event.ts';
import type { ApprovalEvents } from './kubernetes-events.ts';
import { approvalRequestOf, type ApprovalRequestObject } from './kubernetes-object.ts';
import { kubernetesRecord } from './kubernetes-record.ts';
import type { ApprovalRequests } from './kubernetes-requests.ts';
import { settledPatch, type Stamp } from './kubernetes-status.ts';
import { ApprovalStoreError } from './store-error.ts';

/** An object of this gateway, and what it says. */
export interface Seen {
  readonly object: ApprovalRequestObject;
  readonly record: ApprovalRecord;
}

export interface ObserverPorts {
  readonly requests: ApprovalRequests;
  readonly events: ApprovalEvents;
  readonly clock: Clock;
  readonly log: Log;
  /** Records that somebody decided, before anything rests on it. */
  readonly onEvent: OnApprovalEvent;
  /** The newest record of the journal, as `number:hash`. */
  readonly auditHead: () => string | null;
}

/** Each try meets another change made meanwhile. */
const MAX_TRIES = 5;
/** Warnings of one kind that are told: whoever makes hostile objects must not fill the log. */
const MAX_REPORTED = 1_000;

/**
 * Takes what the API server gives: checks that it is this gateway's, records decisions in the audit trail before they
 * have an effect, and completes them with the time.
 */
export class Observer {
  readonly #ports: ObserverPorts;
  /** Decisions that are in the trail, by object and approver. */
  readonly #recorded = new Map<string, Promise<void>>();
  /** When a grant was first seen here, by object: a grant is never longer than it says, whoever's clock stamped it. */
  readonly #grantedAt = new Map<string, number>();
  readonly #reported = new Set<string>();

  constructor(ports: ObserverPorts) {
    this.#ports = ports;
  }

  stamp(): Stamp {
    return { now: this.#ports.clock.now(), auditHead: this.#ports.auditHead() };
  }

  /** Null for an object that is not this gateway's or does not fit, which is reported. */
  async take(value: unknown, owner: string): Promise<Seen | null> {
    let seen = this.read(value, owner);
    for (let tries = 0; seen !== null && tries < MAX_TRIES; tries += 1) {
      await this.#recordDecisions(seen);
      const phase = this.#unsettled(seen);
      if (phase === null) return this.#clamped(seen);
      const { object } = seen;
      const { name } = object.metadata;
      const patched = await this.#ports.requests.patchStatus(name, settledPatch(object, phase, this.stamp()));
      if (patched !== null) this.#tell(object, phase);
      const now = patched ?? (await this.#ports.requests.get(name));
      seen = now === null ? null : this.read(now, owner);
    }
    if (seen !== null) throw new ApprovalStoreError(`${seen.record.name} changes faster than it can be read`);
    return null;
  }

  /** Only reads it, for lists: records and completes nothing. */
  read(value: unknown, owner: string): Seen | null {
    try {
      const object = approvalRequestOf(value);
      return { object, record: kubernetesRecord(object, owner) };
    } catch (error) {
      this.#report(value, error);
      return null;
    }
  }

  /** Forgets an object that has ended or is gone. */
  forget(uid: string): void {
    this.#grantedAt.delete(uid);
    for (const key of this.#recorded.keys()) if (key.startsWith(`${uid}/`)) this.#recorded.delete(key);
  }

  async #recordDecisions({ object, record }: Seen): Promise<void> {
    // What has an end was recorded by whoever gave it that end.
    if (object.status.endedAt !== undefined) return;
    for (const { approver, reason, verdict } of record.decisions) {
      const key = `${object.metadata.uid}/${approver}`;
      const event = { ...eventOf('decided', record, record.ask.exchangeId, reason), approver, verdict };
      const recorded = this.#recorded.get(key) ?? this.#ports.onEvent(event, record);
      this.#recorded.set(key, recorded);
      try {
        await recorded;
      } catch (error) {
        this.#recorded.delete(key);
        throw error;
      }
    }
  }

  #unsettled({ object, record }: Seen): 'Approved' | 'Denied' | null {
    const { spec, status } = object;
    if (record.phase === 'denied' && status.endedAt === undefined) return 'Denied';
    const isNew = record.phase === 'approved' && status.grantExpiresAt === undefined;
    // A decision that nobody saw in time is none: the API server has no clock that could say when it was made.
    return isNew && spec.expiresAt > this.#ports.clock.now() ? 'Approved' : null;
  }

  #clamped(seen: Seen): Seen {
    const { object, record } = seen;
    if (record.phase !== 'approved') return seen;
    const { uid } = object.metadata;
    const first = this.#grantedAt.get(uid) ?? this.#ports.clock.now();
    this.#grantedAt.set(uid, first);
    const most = first + object.spec.grantSeconds * 1_000;
    return record.expiresAt <= most ? seen : { object, record: { ...record, expiresAt: most } };
  }

  #tell(object: ApprovalRequestObject, phase: 'Approved' | 'Denied'): void {
    const { decisions } = object.status;
    const names = decisions.map(({ approver }) => approver).join(', ');
    if (phase === 'Approved') this.#ports.events.tell(object, 'ApprovalGranted', `approved by ${names}`);
    else this.#ports.events.tell(object, 'ApprovalDenied', `denied by ${decisions.at(-1)?.approver ?? ''}`);
  }

  #report(value: unknown, error: unknown): void {
    const metadata: unknown = Reflect.get(Object(value), 'metadata');
    const uid = String(Reflect.get(Object(metadata), 'uid'));
    if (this.#reported.has(uid) || this.#reported.size >= MAX_REPORTED) return;
    this.#reported.add(uid);
    const name = String(Reflect.get(Object(metadata), 'name'));
    this.#ports.log.warn('approvals.object-refused', {
      name,
      problem: error instanceof Error ? error.message : String(error),
    });
  }
}
