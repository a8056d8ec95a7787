import type { Clock, Log } from '../model/ports.ts';
import type { OwnIdentity } from './kubernetes-object.ts';
import { decisionsProblem, requestsProblem } from './kubernetes-policies.ts';
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
}

/** Knows whether the admission policies are in force, and refuses the store while they are not. */
export class PolicyGuard {
  readonly #settings: GuardSettings;
  #state: PolicyState = { kind: 'not-checked' };
  #checkedAt = Number.NEGATIVE_INFINITY;
  #identity: OwnIdentity | null = null;
  #checking: Promise<OwnIdentity> | null = null;

  constructor(settings: GuardSettings) {
    this.#settings = settings;
  }

  state(): PolicyState {
    return this.#state;
  }

  /**
   * Who the gateway is, once the policies are known to be in force; looks anew when the last look is too long ago.
   * Rejects with `ApprovalStoreError` when they are not and have to be, or when it cannot be told.
   */
  async passed(pending: string | null): Promise<OwnIdentity> {
    const { clock, intervalMs } = this.#settings;
    if (this.#identity === null || clock.monotonic() - this.#checkedAt >= intervalMs) await this.check(pending);
    if (this.#identity === null) throw new ApprovalStoreError('the API server has not said who the gateway is');
    this.#refuse();
    return this.#identity;
  }

  /** Looks now. `pending` is a request of the gateway's own that waits, if there is one. */
  async check(pending: string | null): Promise<OwnIdentity> {
    this.#checking ??= this.#check(pending).finally(() => (this.#checking = null));
    return await this.#checking;
  }

  /** Tries the policies of decisions on a request that was just made. Rejects when they are not in force and have to be. */
  async checkDecisions(name: string, identity: OwnIdentity): Promise<void> {
    this.#note(await decisionsProblem(this.#settings.requests, name, identity));
    this.#refuse();
  }

  async #check(pending: string | null): Promise<OwnIdentity> {
    const { clock, requests } = this.#settings;
    const identity = await requests.identity();
    const problem =
      (await requestsProblem(requests, identity)) ??
      (pending === null ? null : await decisionsProblem(requests, pending, identity));
    this.#note(problem);
    this.#identity = identity;
    this.#checkedAt = clock.monotonic();
    return identity;
  }

  #note(problem: string | null): void {
    const { clock, log, required } = this.#settings;
    const before = this.#state;
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
