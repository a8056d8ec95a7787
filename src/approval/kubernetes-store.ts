import { requestKeyOf } from '../binding/fingerprint.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { ApprovalAsk, ApprovalRecord } from '../model/approval.ts';
import type { ApprovalFilter, ApprovalStore, Clock, DecideOutcome, Log, OpenTerms } from '../model/ports.ts';
import type { OnApprovalEvent } from './approval-event.ts';
import { baseNameOf, numberedName, numberOf } from './approval-name.ts';
import { briefOf } from './brief.ts';
import { ApprovalEvents } from './kubernetes-events.ts';
import { coveringOf, endedOf, isLive, newestEnd, outdatedOf } from './kubernetes-find.ts';
import { PolicyGuard, type PolicyState } from './kubernetes-guard.ts';
import { ownBy, RequestKeeper } from './kubernetes-keeper.ts';
import type { OwnIdentity } from './kubernetes-object.ts';
import { Observer } from './kubernetes-observer.ts';
import { ApprovalRequests } from './kubernetes-requests.ts';
import { askLine, LABELS, labelOf, newApprovalRequest, type Workload } from './kubernetes-spec.ts';
import { consumedPatch, expiredPatch, toldPatch, usedPatch, voidPatch } from './kubernetes-status.ts';
import { scopeKeyOf } from './scope.ts';
import { ApprovalStoreError } from './store-error.ts';

/** What the store needs. Times in milliseconds. */
export interface KubernetesStoreSettings {
  readonly client: KubernetesClient;
  /** Null for the namespace of the credentials. */
  readonly namespace: string | null;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly workload: Workload;
  readonly requirePolicies: boolean;
  readonly policyCheckMs: number;
  /** Whether those who wait stay while the API server is away. */
  readonly holdThroughOutage: boolean;
  /** Records a decision in the audit trail, before it has an effect. */
  readonly onEvent: OnApprovalEvent;
  /** The newest record of the journal, as `number:hash`; null while there is none. */
  readonly auditHead: () => string | null;
}

/** How the store is, for readiness and metrics. */
export interface KubernetesStoreHealth {
  /** Why the API server cannot be reached; null while it can. */
  readonly problem: string | null;
  readonly policies: PolicyState;
  /** Milliseconds since the watch heard anything; null while it is not open. */
  readonly watchAgeMs: number | null;
  /** By how many milliseconds the API server's clock is ahead of the gateway's. */
  readonly skewMs: number;
}

/** Approvals as ApprovalRequests of a cluster. Dispose it to close its watch; who still waits gets null. */
export interface KubernetesStore extends ApprovalStore, AsyncDisposable {
  health(): KubernetesStoreHealth;
}

/** A list that is shown again and again, as to those who follow it, is read again this often. */
const LIST_MS = 5_000;
/** Names of one fingerprint that others can take away before the gateway gives up asking. */
const MAX_TAKEN = 50;
/** What other replicas opened, or this one before it was started again, is looked for this often. */
const REFRESH_MS = 300_000;

/** Makes the store. It asks the API server nothing before it is first used. */
export function createKubernetesStore(settings: KubernetesStoreSettings): KubernetesStore {
  return new Store(settings);
}

class Store implements KubernetesStore {
  readonly #settings: KubernetesStoreSettings;
  readonly #requests: ApprovalRequests;
  readonly #guard: PolicyGuard;
  readonly #observer: Observer;
  readonly #keeper: RequestKeeper;
  #refreshAt = Number.NEGATIVE_INFINITY;
  #eventsFailed = false;
  #listed: { readonly records: readonly ApprovalRecord[]; readonly version: number; readonly at: number } | null = null;

  constructor(settings: KubernetesStoreSettings) {
    const { client, clock, log, namespace, policyCheckMs, random, requirePolicies } = settings;
    this.#settings = settings;
    const requests = new ApprovalRequests(client, namespace);
    this.#requests = requests;
    this.#guard = new PolicyGuard({
      requests,
      clock,
      log,
      random,
      required: requirePolicies,
      intervalMs: policyCheckMs,
    });
    const failed = (error: unknown): void => this.#eventFailed(error);
    const events = new ApprovalEvents({ requests, now: () => clock.now(), failed });
    this.#observer = new Observer({ ...settings, requests, events });
    this.#keeper = new RequestKeeper({ ...settings, requests, guard: this.#guard, observer: this.#observer, events });
  }

  async find(ask: ApprovalAsk, now: number): Promise<ApprovalRecord | null> {
    const same = await this.#keeper.list({ [LABELS.request]: labelOf(requestKeyOf(ask.binding)) });
    const mine = same.filter(({ record }) => record.ask.fingerprint === ask.fingerprint);
    const live = mine.find(({ record }) => isLive(record));
    if (live !== undefined) return live.record;
    const scopeKey = scopeKeyOf(ask);
    const grants = scopeKey === null ? [] : await this.#keeper.list({ [LABELS.scope]: labelOf(scopeKey) }, 'Approved');
    return coveringOf(grants, ask, now) ?? outdatedOf([...same, ...grants], ask, now) ?? endedOf(mine, now);
  }

  async open(ask: ApprovalAsk, terms: OpenTerms): Promise<ApprovalRecord> {
    const identity = await this.#keeper.identity();
    const same = await this.#keeper.list({ [LABELS.request]: labelOf(requestKeyOf(ask.binding)) });
    const mine = same.filter(({ record }) => record.ask.fingerprint === ask.fingerprint);
    const live = mine.find(({ record }) => isLive(record) && record.expiresAt > terms.now);
    if (live !== undefined) return live.record;
    const first = Math.max(0, ...mine.map(({ record }) => numberOf(record.name))) + 1;
    const base = baseNameOf(ask.fingerprint);
    const make = {
      namespace: await this.#requests.namespace(),
      ask,
      expiresAt: terms.expiresAt,
      grantMs: terms.grantMs,
    };
    const given = { ...make, identity, workload: this.#settings.workload, predecessor: newestEnd(same) };
    for (let number = first; number < first + MAX_TAKEN; number += 1) {
      const name = numberedName(base, number);
      const record = await this.#openAs(newApprovalRequest({ ...given, name }), name, identity);
      if (record?.ask.fingerprint === ask.fingerprint && isLive(record)) return record;
    }
    throw new ApprovalStoreError(`${base} and the names after it are taken by objects that are not this gateway's`);
  }

  async get(name: string): Promise<ApprovalRecord | null> {
    return (await this.#keeper.see(name))?.record ?? null;
  }

  async list({ limit, phases }: ApprovalFilter): Promise<readonly ApprovalRecord[]> {
    return (await this.#everything())
      .filter(({ phase }) => phases?.includes(phase) ?? true)
      .toSorted((left, right) => right.createdAt - left.createdAt)
      .slice(0, limit)
      .map((record) => ({ ...record, ask: briefOf(record.ask) }));
  }

  pendingCount(): number {
    return this.#keeper.live.pending().length;
  }

  async decide(): Promise<DecideOutcome> {
    throw new ApprovalStoreError('people decide in the cluster: kubectl patch the status of the ApprovalRequest');
  }

  async consume(name: string, _now: number, exchangeId: string): Promise<'consumed' | 'lost'> {
    const pod = (await this.#keeper.identityForGrant()).pod?.name ?? '';
    const changed = await this.#keeper.change(name, ({ object, record }) => {
      if (object.status.consumption?.exchangeId === exchangeId) return 'done';
      if (record.phase !== 'approved' || record.expiresAt <= this.#settings.clock.now()) return null;
      const stamp = this.#observer.stamp();
      return record.ask.terms.scope === 'once'
        ? consumedPatch(object, { exchangeId, pod }, stamp)
        : usedPatch(object, stamp);
    });
    if (changed === null) return 'lost';
    if (changed.record.phase === 'consumed')
      this.#keeper.tell(changed, 'ApprovalConsumed', `used by exchange ${exchangeId}`);
    return 'consumed';
  }

  async expire(name: string, now: number): Promise<boolean> {
    return await this.#expire(name, now, true);
  }

  async annul(name: string, reason: string, _now: number): Promise<boolean> {
    const ended = await this.#keeper.change(name, ({ object, record }) =>
      isLive(record) ? voidPatch(object, reason, this.#observer.stamp()) : null,
    );
    if (ended !== null) this.#keeper.tell(ended, 'ApprovalVoid', reason);
    return ended !== null;
  }

  async sweep(now: number): Promise<readonly ApprovalRecord[]> {
    const identity = await this.#keeper.identityForUpkeep();
    const { clock, random } = this.#settings;
    if (clock.monotonic() >= this.#refreshAt) {
      await this.#keeper.relist(identity);
      this.#refreshAt = clock.monotonic() + REFRESH_MS * (0.75 + random() / 2);
    }
    const ended: ApprovalRecord[] = [];
    for (const { record } of this.#keeper.live.all()) {
      if (record.expiresAt <= now && (await this.#expire(record.name, now, false)))
        ended.push({ ...record, phase: 'expired' });
    }
    this.#keeper.rest();
    return ended;
  }

  async changed(name: string, deadline: number, signal: AbortSignal): Promise<ApprovalRecord | null> {
    return await this.#keeper.live.wait(name, deadline, signal);
  }

  health(): KubernetesStoreHealth {
    const { client } = this.#settings;
    return {
      problem: client.problem(),
      policies: this.#guard.state(),
      watchAgeMs: this.#keeper.watch.ageMs(),
      skewMs: client.skewMs(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
  }

  /** The request as it was made; where the name is taken, what holds it, if that is this gateway's. */
  async #openAs(made: object, name: string, identity: OwnIdentity): Promise<ApprovalRecord | null> {
    const created = await this.#requests.create(made);
    if (created === null) return (await this.#keeper.see(name))?.record ?? null;
    const seen = await this.#keeper.take(created, null);
    if (seen === null) return null;
    try {
      await this.#guard.checkDecisions(name, identity);
    } catch (error) {
      await this.#keeper
        .change(name, ({ object }) => voidPatch(object, 'policies-not-in-force', this.#observer.stamp()))
        .catch(() => null);
      throw error;
    }
    this.#keeper.tell(seen, 'ApprovalRequested', askLine(seen.record.ask));
    return seen.record;
  }

  /** All of the gateway's own; not read again while nothing was seen to change, since people follow lists. */
  async #everything(): Promise<readonly ApprovalRecord[]> {
    const identity = await this.#keeper.identity();
    const version = this.#keeper.live.version();
    const now = this.#settings.clock.monotonic();
    if (this.#listed?.version === version && now - this.#listed.at < LIST_MS) return this.#listed.records;
    const { items } = await this.#requests.list({ fields: ownBy(identity) });
    const records = items
      .map((item) => this.#observer.read(item, identity.user)?.record ?? null)
      .filter((record) => record !== null);
    this.#listed = { records, version, at: now };
    return records;
  }

  async #expire(name: string, now: number, told: boolean): Promise<boolean> {
    let isMine = false;
    const ended = await this.#keeper.change(name, ({ object, record }) => {
      isMine = isLive(record) && record.expiresAt <= now;
      if (isMine) return expiredPatch(object, told, this.#observer.stamp());
      return told && record.phase === 'expired' && !object.status.told
        ? toldPatch(object, this.#observer.stamp())
        : null;
    });
    if (ended === null || !isMine) return false;
    this.#keeper.tell(ended, 'ApprovalExpired', 'its time is up');
    return true;
  }

  #eventFailed(error: unknown): void {
    if (this.#eventsFailed) return;
    this.#eventsFailed = true;
    this.#settings.log.warn('approvals.event-not-sent', { problem: String(error) });
  }
}
