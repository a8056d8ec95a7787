import type { Clock, Log } from '../model/ports.ts';
import type { OwnIdentity } from './kubernetes-object.ts';
import { requestsProblem, tryDeciding, tryDecidingAnew, type Tried } from './kubernetes-policies.ts';
import type { ApprovalRequests } from './kubernetes-requests.ts';
import { ApprovalStoreError } from './store-error.ts';

/** What is known of the policies that a grant rests on. */
export type PolicyState =
  | { readonly kind: 'not-checked' }
  | { readonly kind: 'in-force'; readonly at: number }
  | { readonly kind: 'not-in-force'; readonly problem: string };

export interface GuardSettings {
  readonly requests: ApprovalRequests;
  readonly clock: Clock;
  readonly log: Log;
  /** False to go on without the policies, with a warning. */
  readonly required: boolean;
  /** How long a check holds, in milliseconds. */
  readonly intervalMs: number;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
}

/**
 * How many times longer a check holds while nothing rests on it. A thousand idle gateways that tried every minute would
 * ask an API server for 33 writes a second.
 */
const IDLE_FACTOR = 10;

/** Knows whether the admission policies are in force, and refuses the store while they are not. */
export class PolicyGuard {
  readonly #settings: GuardSettings;
  #state: PolicyState = { kind: 'not-checked' };
  #identity: OwnIdentity | null = null;
  #checkedAt = Number.NEGATIVE_INFINITY;
  /** Until when an idle gateway trusts the last check. */
  #idleUntil = Number.NEGATIVE_INFINITY;
  /** When the policies of decisions were last seen to refuse. */
  #decisionsAt = Number.NEGATIVE_INFINITY;
  /** Stays until they are seen to refuse again: that nothing can be tried is no news. */
  #decisions: string | null = null;
  #checking: Promise<OwnIdentity> | null = null;

  constructor(settings: GuardSettings) {
    this.#settings = settings;
  }

  state(): PolicyState {
    return this.#state;
  }

  /**
   * Who the gateway is, once the policies are known to be in force; looks anew when the last look is too long ago.
   * `pending` is a request of the gateway's own that waits, if there is one. Rejects with `ApprovalStoreError` when they are
   * not in force and have to be, or when it cannot be told.
   */
  async passed(pending: string | null): Promise<OwnIdentity> {
    if (this.#identity === null || this.#isOld(this.#checkedAt)) await this.#look(pending);
    if (this.#identity === null) throw new ApprovalStoreError('the API server has not said who the gateway is');
    this.#refuse();
    return this.#identity;
  }

  /**
   * The same while nothing is pending or granted. A look may be older then, since whoever asks next looks first; gateways
   * that an outage brought in step drift apart again.
   */
  async passedIdle(): Promise<OwnIdentity> {
    const isTrusted = this.#state.kind === 'in-force' && this.#settings.clock.monotonic() < this.#idleUntil;
    if (isTrusted && this.#identity !== null) return this.#identity;
    return await this.passed(null);
  }

  /** The same before a grant is used: a decision is worth what the policies of decisions are. */
  async passedForGrant(pending: string | null): Promise<OwnIdentity> {
    const identity = await this.passed(pending);
    if (this.#isOld(this.#decisionsAt)) {
      await this.#tryDecisions(pending, identity);
      this.#conclude(null);
      this.#refuse();
    }
    return identity;
  }

  /** Tries the policies of decisions on a request that was just made. Rejects when they are not in force and have to be. */
  async checkDecisions(name: string, identity: OwnIdentity): Promise<void> {
    this.#take(await tryDeciding(this.#settings.requests, name, identity));
    this.#conclude(null);
    this.#refuse();
  }

  async #look(pending: string | null): Promise<void> {
    this.#checking ??= this.#check(pending).finally(() => (this.#checking = null));
    await this.#checking;
  }

  async #check(pending: string | null): Promise<OwnIdentity> {
    const { clock, intervalMs, random, requests } = this.#settings;
    const identity = await requests.identity();
    const problem = await requestsProblem(requests, identity);
    const isNew = this.#decisionsAt === Number.NEGATIVE_INFINITY || this.#decisions !== null;
    if (problem === null && (pending !== null || isNew)) await this.#tryDecisions(pending, identity);
    this.#conclude(problem);
    this.#identity = identity;
    this.#checkedAt = clock.monotonic();
    this.#idleUntil = this.#checkedAt + intervalMs * IDLE_FACTOR * (0.5 + random() / 2);
    return identity;
  }

  async #tryDecisions(pending: string | null, identity: OwnIdentity): Promise<void> {
    const { requests } = this.#settings;
    const tried = pending === null ? null : await tryDeciding(requests, pending, identity);
    this.#take(tried === null || tried.kind === 'unknown' ? await tryDecidingAnew(requests, identity) : tried);
  }

  #take(tried: Tried): void {
    switch (tried.kind) {
      case 'refused':
        this.#decisionsAt = this.#settings.clock.monotonic();
        this.#decisions = null;
        return;
      case 'let-through':
        this.#decisions = tried.problem;
        return;
      case 'unknown':
        return;
      default:
        tried satisfies never;
    }
  }

  #isOld(at: number): boolean {
    return this.#settings.clock.monotonic() - at >= this.#settings.intervalMs;
  }

  #conclude(requests: string | null): void {
    const { clock, log, required } = this.#settings;
    const before = this.#state;
    const problem = requests ?? this.#decisions;
    if (problem === null) {
      this.#state = { kind: 'in-force', at: clock.now() };
      if (before.kind !== 'in-force') log.info('approvals.policies-in-force');
      return;
    }
    this.#state = { kind: 'not-in-force', problem };
    if (before.kind !== 'not-in-force') log.error('approvals.policies-not-in-force', { problem, refused: required });
  }

  #refuse(): void {
    if (this.#state.kind === 'not-in-force' && this.#settings.required) {
      // A look at every call: whoever installs the policies does not have to wait.
      this.#checkedAt = Number.NEGATIVE_INFINITY;
      throw new ApprovalStoreError(this.#state.problem);
    }
  }
}
