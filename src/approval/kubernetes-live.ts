import type { ApprovalRecord } from '../model/approval.ts';
import type { Clock } from '../model/ports.ts';
import type { Seen } from './kubernetes-observer.ts';
import { Waiters } from './waiters.ts';

/** Settled ones are kept for those who are about to ask; as many as there could be requests under way. */
const MAX_SETTLED = 1_000;

/** What this gateway knows of the requests that are pending or granted, and those who wait for them. */
export class LiveApprovals {
  readonly #live = new Map<string, Seen>();
  readonly #settled = new Map<string, ApprovalRecord>();
  readonly #waiters: Waiters;
  readonly #clock: Clock;
  #version = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#waiters = new Waiters({
      clock,
      version: () => this.#version,
      settled: (name) => this.#settled.get(name) ?? null,
    });
  }

  /** Takes what was seen; wakes who waits for it when it is pending no more. */
  note(seen: Seen): void {
    const { name, phase } = seen.record;
    if (phase === 'pending' || phase === 'approved') this.#live.set(name, seen);
    else this.#live.delete(name);
    if (phase !== 'pending') return this.#settle(seen.record);
    this.#settled.delete(name);
    this.#version += 1;
  }

  /** It was deleted: whoever waits for it has to ask anew. */
  gone(name: string): Seen | null {
    const seen = this.#live.get(name) ?? null;
    this.#live.delete(name);
    if (seen !== null) this.#settle({ ...seen.record, phase: 'void', voidReason: 'deleted' });
    return seen;
  }

  /** Changes whenever something was seen to change. */
  version(): number {
    return this.#version;
  }

  all(): readonly Seen[] {
    return [...this.#live.values()];
  }

  pending(): readonly Seen[] {
    const now = this.#clock.now();
    return this.all().filter(({ record }) => record.phase === 'pending' && record.expiresAt > now);
  }

  async wait(name: string, deadline: number, signal: AbortSignal): Promise<ApprovalRecord | null> {
    return await this.#waiters.wait(name, deadline, signal);
  }

  /** Sends everybody away without an answer. */
  dismiss(): void {
    this.#waiters.dismiss();
  }

  #settle(record: ApprovalRecord): void {
    this.#settled.delete(record.name);
    this.#settled.set(record.name, record);
    const [oldest] = this.#settled.keys();
    if (this.#settled.size > MAX_SETTLED && oldest !== undefined) this.#settled.delete(oldest);
    this.#version += 1;
    this.#waiters.wake(record.name);
  }
}
