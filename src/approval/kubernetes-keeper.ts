import type { Clock, Log } from '../model/ports.ts';
import type { ApprovalEvents, EventReason } from './kubernetes-events.ts';
import { isLive, newestFirst } from './kubernetes-find.ts';
import type { PolicyGuard } from './kubernetes-guard.ts';
import { LiveApprovals } from './kubernetes-live.ts';
import type { OwnIdentity } from './kubernetes-object.ts';
import type { Observer, Seen } from './kubernetes-observer.ts';
import type { ApprovalRequests } from './kubernetes-requests.ts';
import type { StatusPatch } from './kubernetes-status.ts';
import { PendingWatch } from './kubernetes-watch.ts';
import { ApprovalStoreError } from './store-error.ts';

export interface KeeperPorts {
  readonly requests: ApprovalRequests;
  readonly guard: PolicyGuard;
  readonly observer: Observer;
  readonly events: ApprovalEvents;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** Whether those who wait stay while the API server is away. */
  readonly holdThroughOutage: boolean;
}

/** Each try meets another change made meanwhile. */
const MAX_TRIES = 10;
/** Leaves out what nothing is to be done for any more. */
const ENDED = { 'status.phase': ['Denied', 'Expired', 'Consumed', 'Void'] };

/** Follows the gateway's own requests: whatever is read goes through here, and so does every change. */
export class RequestKeeper implements AsyncDisposable {
  readonly live: LiveApprovals;
  readonly watch: PendingWatch;
  readonly #ports: KeeperPorts;
  #owner = '';

  constructor(ports: KeeperPorts) {
    const { clock, log, random, requests } = ports;
    this.#ports = ports;
    this.live = new LiveApprovals(clock);
    this.watch = new PendingWatch({
      clock,
      random,
      open: (since, signal) => requests.watch(this.#owner, since, signal),
      changed: async (object) => void (await this.take(object, null)),
      gone: (object) => this.#gone(nameOf(object)),
      relist: async () => await this.relist(),
      lost: (problem) => {
        log.warn('approvals.watch-lost', { problem });
        if (!ports.holdThroughOutage) this.live.dismiss();
      },
    });
  }

  /** Who the gateway is. Rejects while the policies are not in force and have to be. */
  async identity(): Promise<OwnIdentity> {
    const [pending] = this.live.pending();
    const identity = await this.#ports.guard.passed(pending?.record.name ?? null);
    this.#owner = identity.user;
    return identity;
  }

  /** The same for what is done now and then, whether anything waits or not. */
  async identityForUpkeep(): Promise<OwnIdentity> {
    if (this.live.all().length > 0) return await this.identity();
    const identity = await this.#ports.guard.passedIdle();
    this.#owner = identity.user;
    return identity;
  }

  /** The same before a grant is used. */
  async identityForGrant(): Promise<OwnIdentity> {
    const [pending] = this.live.pending();
    return await this.#ports.guard.passedForGrant(pending?.record.name ?? null);
  }

  /** The gateway's own requests with a label, the newest first. */
  async list(labels: { readonly [name: string]: string }, phase?: 'Approved'): Promise<readonly Seen[]> {
    const identity = await this.identity();
    const { items, resourceVersion } = await this.#ports.requests.list({ labels, fields: ownBy(identity, phase) });
    const seen: Seen[] = [];
    for (const item of items) {
      const one = await this.take(item, resourceVersion);
      if (one !== null) seen.push(one);
    }
    return seen.sort(newestFirst);
  }

  /** The newest version; null when there is none of this gateway's. */
  async see(name: string): Promise<Seen | null> {
    await this.identity();
    const found = await this.#ports.requests.get(name);
    if (found !== null) return await this.take(found, null);
    this.#gone(name);
    return null;
  }

  /** Checks an object, notes what it says, and watches while anything waits. */
  async take(value: unknown, resourceVersion: string | null): Promise<Seen | null> {
    const { observer } = this.#ports;
    const seen = await observer.take(value, this.#owner);
    if (seen === null) return null;
    this.live.note(seen);
    const { metadata } = seen.object;
    if (seen.record.phase === 'pending') this.watch.want(resourceVersion ?? metadata.resourceVersion);
    else this.rest();
    if (!isLive(seen.record)) observer.forget(metadata.uid);
    return seen;
  }

  /** A compare-and-swap: what `next` makes of the newest version, unless it changed meanwhile. Null when `next` says so. */
  async change(name: string, next: (seen: Seen) => StatusPatch | 'done' | null): Promise<Seen | null> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const seen = await this.see(name);
      const patch = seen === null ? null : next(seen);
      if (patch === 'done') return seen;
      if (patch === null) return null;
      const patched = await this.#ports.requests.patchStatus(name, patch);
      if (patched !== null) return await this.take(patched, null);
    }
    throw new ApprovalStoreError(`${name} changes faster than it can be read`);
  }

  /**
   * Looks at all that waits or is granted, what other replicas saw among it. What was live before and is not in the list
   * is looked at by itself.
   */
  async relist(known?: OwnIdentity): Promise<string> {
    const identity = known ?? (await this.identity());
    const { items, resourceVersion } = await this.#ports.requests.list({ fields: ownBy(identity), without: ENDED });
    const listed = new Set(items.map(nameOf));
    for (const item of items) await this.take(item, resourceVersion);
    for (const { record } of this.live.all()) if (!listed.has(record.name)) await this.see(record.name);
    return resourceVersion;
  }

  /** Closes the watch when nothing waits. */
  rest(): void {
    if (this.live.pending().length === 0) this.watch.release();
  }

  /** Sends an Event in the background. */
  tell({ object }: Seen, reason: EventReason, message: string): void {
    this.#ports.events.tell(object, reason, message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.live.dismiss();
    await this.watch.unwant();
  }

  #gone(name: string): void {
    const seen = this.live.gone(name);
    if (seen !== null) this.#ports.observer.forget(seen.object.metadata.uid);
    this.rest();
  }
}

/** Selects the gateway's own. */
export function ownBy({ user }: OwnIdentity, phase?: 'Approved'): { readonly [field: string]: string } {
  return { 'spec.requester': user, ...(phase === undefined ? {} : { 'status.phase': phase }) };
}

function nameOf(object: unknown): string {
  const metadata: unknown = Reflect.get(Object(object), 'metadata');
  return String(Reflect.get(Object(metadata), 'name'));
}
