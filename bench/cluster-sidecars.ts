/**
 * Many sidecars in one process: for each the product's client, store and gate, with a token and connections of its own.
 * A gateway process each would need a hundred times the memory. Started by cluster-fleet.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createApprovalGate, SWEEP_INTERVAL_MS, type SweptGate } from '../src/approval/gate.ts';
import type { KubernetesStore } from '../src/approval/kubernetes-store.ts';
import { systemClock } from '../src/cli/process-io.ts';
import type { Log } from '../src/model/ports.ts';
import { askOf, sha256 } from '../test/support/approval-asks.ts';
import type { Account } from './cluster-accounts.ts';
import type { FromSidecars, ToSidecars } from './cluster-fleet.ts';
import { sharedMs } from './cluster-server.ts';
import { openStore } from './cluster-store.ts';

const HOUR_MS = 3_600_000;

/** Whoever started this may have ended by now. */
const tell = (message: FromSidecars): void => {
  if (process.connected) process.send?.(message);
};
process.on('disconnect', () => process.exit());
const warn: Log['warn'] = (event) => tell({ kind: 'warned', event });
const log: Log = { info: () => {}, warn, error: warn };

class Sidecar {
  readonly #account: Account;
  readonly #store: KubernetesStore;
  readonly #gate: SweptGate;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #asked = 0;

  constructor(account: Account, apiServer: string) {
    const onEvent = async ({ approval, event }: { approval: string; event: string }): Promise<void> => {
      if (event === 'requested') tell({ kind: 'requested', namespace: account.namespace, name: approval });
    };
    this.#account = account;
    this.#store = openStore(account, apiServer, { clock: systemClock, log, onEvent });
    const bounds = { maxPending: 100, maxHeld: 100, holdThroughOutage: true };
    const times = { waitMs: HOUR_MS, ttlMs: HOUR_MS, forMs: HOUR_MS };
    this.#gate = createApprovalGate({ store: this.#store, clock: systemClock, onEvent }, { ...times, ...bounds });
    this.#timer = setInterval(() => void this.#sweep(), SWEEP_INTERVAL_MS);
    void this.#sweep();
  }

  /** Asks, waits for the decision and uses it, as an exchange does. */
  async ask(): Promise<void> {
    const { name: agentId, namespace } = this.#account;
    this.#asked += 1;
    const ask = askOf({
      binding: { agentId, bodyDigest: sha256(`${agentId}/${this.#asked}`) },
      rest: { exchangeId: `${agentId}-${this.#asked}` },
    });
    const outcome = await this.#gate.hold(ask, this.#stop.signal);
    if (outcome.kind !== 'granted') return tell({ kind: 'warned', event: `the request ended: ${outcome.kind}` });
    const used = await this.#gate.consume(outcome.approval, ask.exchangeId);
    tell({ kind: 'used', namespace, name: outcome.approval.name, at: sharedMs(), used: used === 'consumed' });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#store[Symbol.asyncDispose]();
  }

  async #sweep(): Promise<void> {
    try {
      await this.#gate.sweep();
    } catch {
      warn('approvals.not-swept');
    }
  }
}

const sidecars: Sidecar[] = [];
let work: Promise<void> = Promise.resolve();

/** Does something so many times a second, and waits for none of it. */
async function steadily<T>(items: readonly T[], perSecond: number, act: (item: T) => void): Promise<void> {
  const start = performance.now();
  for (const [index, item] of items.entries()) {
    await sleep(Math.max(0, start + (index * 1_000) / perSecond - performance.now()));
    act(item);
  }
}

async function follow(message: ToSidecars): Promise<void> {
  switch (message.kind) {
    case 'start':
      await steadily(message.accounts, message.perSecond, (account) =>
        sidecars.push(new Sidecar(account, message.apiServer)),
      );
      return tell({ kind: 'done' });
    case 'ask':
      await steadily(sidecars.slice(message.from, message.to), message.perSecond, (sidecar) => {
        sidecar.ask().catch((error: unknown) => warn(`the request failed: ${String(error)}`));
      });
      return tell({ kind: 'done' });
    case 'stop':
      await Promise.all(sidecars.map(async (sidecar) => await sidecar.stop()));
      return process.disconnect?.();
    default:
      message satisfies never;
  }
}

process.on('message', (message: ToSidecars) => {
  work = work.then(async () => await follow(message));
});
