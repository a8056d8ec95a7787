import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Answer, Cluster } from '../scripts/cluster-bed.ts';
import type { Account } from './cluster-accounts.ts';
import { cpuSecondsOf, sharedMs } from './cluster-server.ts';

/** What the processes of the sidecars are told. */
export type ToSidecars =
  | {
      readonly kind: 'start';
      readonly apiServer: string;
      readonly accounts: readonly Account[];
      readonly perSecond: number;
    }
  /** Each of these sidecars asks for one approval and uses it. */
  | { readonly kind: 'ask'; readonly from: number; readonly to: number; readonly perSecond: number }
  | { readonly kind: 'stop' };

/** What they tell. */
export type FromSidecars =
  | { readonly kind: 'done' }
  | { readonly kind: 'requested'; readonly namespace: string; readonly name: string }
  | {
      readonly kind: 'used';
      readonly namespace: string;
      readonly name: string;
      readonly at: number;
      readonly used: boolean;
    }
  | { readonly kind: 'warned'; readonly event: string };

const PROCESSES = 5;
const PATIENCE_MS = 240_000;
const MAX_TRIES = 30;
const TRY_AGAIN_MS = 1_000;

/** Sidecars that were started, in a few processes. */
export class Fleet implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #children: readonly ChildProcess[];
  readonly #done: number[];
  /** Approvals that wait for a decision. */
  readonly #pending: { readonly namespace: string; readonly name: string }[] = [];
  readonly #usedAt = new Map<string, number>();
  readonly #warnings = new Map<string, number>();
  #each = 0;
  #asked = 0;
  #requested = 0;

  constructor(cluster: Cluster) {
    const script = fileURLToPath(new URL('./cluster-sidecars.ts', import.meta.url));
    this.#cluster = cluster;
    this.#children = Array.from({ length: PROCESSES }, () => fork(script));
    this.#done = this.#children.map(() => 0);
    for (const [index, child] of this.#children.entries())
      child.on('message', (message: FromSidecars) => this.#heard(message, index));
  }

  size(): number {
    return this.#each * PROCESSES;
  }

  /** What the sidecars warned of, and how often. */
  warnings(): { readonly [event: string]: number } {
    return Object.fromEntries(this.#warnings);
  }

  cpuSeconds(): number {
    return this.#children.reduce((sum, { pid = 0 }) => sum + cpuSecondsOf(pid), 0);
  }

  /** Starts further ones, so many a second. */
  async start(accounts: readonly Account[], perSecond: number): Promise<void> {
    const share = accounts.length / PROCESSES;
    await this.#tellAll((index) => ({
      kind: 'start',
      apiServer: this.#cluster.url,
      accounts: accounts.slice(index * share, (index + 1) * share),
      perSecond: perSecond / PROCESSES,
    }));
    this.#each += share;
  }

  /** Lets a share of the sidecars ask, from one fraction of them to another; resolves when all of that is pending. */
  async ask(from: number, to: number, perSecond: number): Promise<void> {
    const bounds = [from, to].map((share) => Math.round(share * this.#each));
    const [first = 0, last = 0] = bounds;
    this.#asked += (last - first) * PROCESSES;
    await this.#tellAll(() => ({ kind: 'ask', from: first, to: last, perSecond: perSecond / PROCESSES }));
    await this.#until(() => this.#requested >= this.#asked, 'all that was asked to be pending');
  }

  pendingCount(): number {
    return this.#pending.length;
  }

  /**
   * Approves all that is pending, so many a second, as one person with one connection would. The milliseconds from each
   * answer to the moment in which the sidecar may forward.
   */
  async approveAll(perSecond: number): Promise<readonly number[]> {
    const decided = new Map<string, number>();
    const approvals = this.#pending.splice(0);
    const start = performance.now();
    const deciding: Promise<void>[] = [];
    for (const [index, approval] of approvals.entries()) {
      await sleep(Math.max(0, start + (index * 1_000) / perSecond - performance.now()));
      deciding.push(
        approve(this.#cluster, approval).then((at) => void decided.set(`${approval.namespace}/${approval.name}`, at)),
      );
    }
    await Promise.all(deciding);
    await this.#until(() => [...decided.keys()].every((key) => this.#usedAt.has(key)), 'all grants to be used');
    return [...decided].map(([key, at]) => (this.#usedAt.get(key) ?? Number.NaN) - at);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
        if (child.connected) child.send({ kind: 'stop' } satisfies ToSidecars);
        else child.kill('SIGKILL');
        await gone;
        clearTimeout(late);
      }),
    );
  }

  async #tellAll(message: (index: number) => ToSidecars): Promise<void> {
    const before = [...this.#done];
    for (const [index, child] of this.#children.entries()) child.send(message(index));
    await this.#until(
      () => this.#done.every((count, index) => count > (before[index] ?? 0)),
      'an answer of each process',
    );
  }

  #heard(message: FromSidecars, index: number): void {
    switch (message.kind) {
      case 'done':
        this.#done[index] = (this.#done[index] ?? 0) + 1;
        return;
      case 'requested':
        this.#requested += 1;
        this.#pending.push(message);
        return;
      case 'used':
        if (message.used) this.#usedAt.set(`${message.namespace}/${message.name}`, message.at);
        return;
      case 'warned':
        this.#warnings.set(message.event, (this.#warnings.get(message.event) ?? 0) + 1);
        return;
      default:
        message satisfies never;
    }
  }

  async #until(isDone: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!isDone()) {
      const dead = this.#children.find(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null);
      if (dead !== undefined || performance.now() > deadline)
        throw new Error(`expected ${what}; warnings: ${JSON.stringify(this.warnings())}`);
      await sleep(20);
    }
  }
}

/** Approves as a person; when the answer had come. Says again what the server does not take yet after its start. */
export async function approve(
  cluster: Cluster,
  { name, namespace }: { readonly namespace: string; readonly name: string },
): Promise<number> {
  const path = `/apis/aegis.dev/v1alpha1/namespaces/${namespace}/approvalrequests/${name}/status`;
  const body = JSON.stringify([{ op: 'add', path: '/status/decisions/-', value: { verdict: 'approved' } }]);
  const contentType = 'application/json-patch+json';
  const send = async (): Promise<Answer> => await cluster.call('alice', { method: 'PATCH', path, body, contentType });
  let answer = await send();
  for (let tries = 1; (answer.status === 429 || answer.status >= 500) && tries < MAX_TRIES; tries += 1) {
    await sleep(TRY_AGAIN_MS);
    answer = await send();
  }
  const at = sharedMs();
  if (answer.status !== 200) throw new Error(`expected the decision to be taken: ${answer.status} ${answer.body}`);
  return at;
}
