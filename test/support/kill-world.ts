import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlClient } from '../../src/cli/control-client.ts';
import { throughProxy, type AgentAnswer, type AgentRequest } from './agent.ts';
import { ExchangeLedger, nameIn } from './exchange-ledger.ts';
import { startGatewayProcess, type GatewayFiles, type GatewayProcess } from './gateway-process.ts';
import { GrowingJournal } from './growing-journal.ts';
import type { HttpUpstream } from './upstream.ts';

/** Something that happens to a gateway with kill points. */
export interface Story {
  readonly name: string;
  /** How many requests end after `arm`. */
  readonly calls: number;
  /** Does it, and resolves when the agent has its answer. `key` is another each time, and the `n` of its requests. */
  readonly play: (at: KillWorld, key: string) => Promise<void>;
  /** What an agent does when the gateway is there again: nothing may run a second time. */
  readonly after?: (at: KillWorld, key: string) => Promise<unknown>;
}

/** For what happens within a second, on a machine that is busy with everything else. */
const PATIENCE_MS = 20_000;

/** A gateway with kill points, and what its journal came to. */
export class KillWorld implements AsyncDisposable {
  gateway: GatewayProcess;
  readonly #upstream: HttpUpstream;
  readonly #armedFile: string;
  readonly #policyOf: (version: number) => string;
  readonly #journal: GrowingJournal;
  readonly #ledger = new ExchangeLedger();
  #chosen = '';
  #armedAt = 0;
  #version = 0;

  private constructor(gateway: GatewayProcess, given: { armedFile: string } & KillWorldOptions) {
    this.gateway = gateway;
    this.#upstream = given.upstream;
    this.#armedFile = given.armedFile;
    this.#policyOf = given.policyOf;
    this.#journal = new GrowingJournal(gateway.dataDir);
  }

  /** Starts the gateway; `armedFile` is to name the point at which it ends. */
  static async start(options: KillWorldOptions, armedFile: string): Promise<KillWorld> {
    await writeFile(armedFile, '');
    const { entry, config, policyOf } = options;
    const env = { AEGIS_KILL_POINT_FILE: armedFile };
    return new KillWorld(await startGatewayProcess({ policy: policyOf(0), config, env, entry }), {
      ...options,
      armedFile,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]();
  }

  /** From now on points are traced, and the chosen one ends the gateway. */
  async arm(): Promise<void> {
    this.#armedAt = this.gateway.log.length;
    await writeFile(this.#armedFile, this.#chosen);
  }

  /** The points that were passed since `arm`. */
  passed(): readonly string[] {
    const lines = this.gateway.log.slice(this.#armedAt).filter(({ event }) => event === 'kill-point');
    return lines.map(({ point }) => String(point));
  }

  /** Plays a story to its end; the points that it passes. `last` says which points end a call. */
  async trace(story: Story, last: ReadonlySet<string>): Promise<readonly string[]> {
    this.#chosen = '';
    await story.play(this, `traced-${story.name}`);
    await this.eventually(() => this.passed().filter((point) => last.has(point)).length === story.calls);
    await this.#expectSound();
    return this.passed();
  }

  /** Plays a story until the gateway dies at a point, starts it again, and checks what must hold of all that ever was. */
  async killAt(point: string, story: Story): Promise<void> {
    const key = `${story.name}-${point.replaceAll(' ', '-')}`;
    this.#chosen = point;
    const { process: dying } = this.gateway;
    const died = once(dying, 'exit');
    const played = story.play(this, key).catch(() => null);
    await Promise.race([died, sleep(PATIENCE_MS, null, { ref: false })]);
    assert.equal(dying.signalCode, 'SIGKILL', `the gateway did not come to ${point}`);
    await played;
    this.#chosen = '';
    await this.arm();
    const open = await this.#look();
    const before = this.#ledger.recovered.length;
    this.gateway = await this.gateway.restart();
    await this.#look();
    for (const exchange of open) assert.equal(this.#ledger.outcomes.get(exchange), 'unknown');
    const found = this.#ledger.recovered.slice(before).map(({ data }) => data['open_intents']);
    assert.deepEqual(found, open.length > 0 ? [open.length] : []);
    await story.after?.(this, key);
    await this.#expectSound();
  }

  /** Brings another version of the policy into force. */
  async reload(): Promise<void> {
    this.#version += 1;
    const loaded = (): number => this.gateway.log.filter(({ event }) => event === 'policy.loaded').length;
    const before = loaded();
    await writeFile(join(this.gateway.folder, 'policy.yaml'), this.#policyOf(this.#version));
    await this.eventually(() => loaded() > before);
  }

  async call(path: string, given: AgentRequest = {}): Promise<AgentAnswer> {
    return await throughProxy(this.gateway.port, this.urlOf(path), given);
  }

  urlOf(path: string): string {
    return `${this.#upstream.origin}${path}`;
  }

  /** The name of the approval that waits for a request with this `n`. */
  async pendingFor(key: string): Promise<string> {
    let name: string | undefined;
    await this.eventually(async () => {
      const pending = await this.#control().list(['pending'], 500);
      name = pending.find(({ ask }) => nameIn(ask.request.url) === key)?.name;
      return name !== undefined;
    });
    return name ?? '';
  }

  async approve(name: string): Promise<void> {
    await this.#control().decide(name, { verdict: 'approved', reason: '', fingerprint: null });
  }

  /** Waits until it is so; fails where the gateway ends meanwhile, or after a long while. */
  async eventually(what: () => boolean | Promise<boolean>): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (!(await what())) {
      if (this.gateway.process.signalCode !== null) throw new Error('the gateway ended');
      if (performance.now() > end) throw new Error('it did not happen in time');
      await sleep(5);
    }
  }

  #control(): ControlClient {
    return new ControlClient(join(this.gateway.dataDir, 'control.sock'));
  }

  /** The exchanges that are open now. */
  async #look(): Promise<readonly string[]> {
    this.#ledger.take(await this.#journal.readOn());
    return this.#ledger.open();
  }

  /** Every exchange gets closed, what reached the upstream has its intent, and did so once. */
  async #expectSound(): Promise<void> {
    await this.eventually(async () => (await this.#look()).length === 0);
    const reached = this.#upstream.seen.map(({ url }) => nameIn(url));
    const intended = this.#ledger.intended();
    assert.deepEqual(
      reached.filter((one) => !intended.has(one)),
      [],
    );
    assert.deepEqual([...new Set(reached)], reached);
  }
}

interface KillWorldOptions extends Pick<GatewayFiles, 'config' | 'entry'> {
  readonly config: string;
  readonly entry: string;
  readonly upstream: HttpUpstream;
  /** Versions of a policy, each different from the others. */
  readonly policyOf: (version: number) => string;
}
