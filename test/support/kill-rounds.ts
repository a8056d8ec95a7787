import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyJournal } from '../../src/audit/verify.ts';
import { takenIds, distinct, startCollector, type Collector } from '../unit/audit/collector.ts';
import { TestAuthority } from '../unit/forward/certificates.ts';
import { ExchangeLedger, nameIn } from './exchange-ledger.ts';
import { startGatewayProcess, type GatewayProcess } from './gateway-process.ts';
import { GrowingJournal } from './growing-journal.ts';
import { approve, approvedName, call, KILL_POLICY, loadUntil, useApproval, type LoadTargets } from './kill-load.ts';
import { randomFrom } from './random.ts';
import { startHttpUpstream, type HttpUpstream } from './upstream.ts';

export interface KillPlan {
  readonly rounds: number;
  /** Makes the moments of the kills; what runs at such a moment is the machine's affair. */
  readonly seed: number;
  readonly progress?: (line: string) => void;
}

/** What the rounds came to. */
export interface KillSummary {
  readonly rounds: number;
  readonly seed: number;
  /** Kills of a gateway that was still starting. */
  readonly killedStarts: number;
  readonly reachedUpstream: number;
  readonly intents: number;
  readonly unknown: number;
  readonly tornTails: number;
  readonly approvalsUsed: number;
  readonly records: number;
  readonly segments: number;
  readonly webhookRepeats: number;
}

/** From the first request to the kill: a request takes about ten milliseconds, an approval some more. */
const LONGEST_LOAD_MS = 160;
/** A start takes half a second: some are killed in their middle. */
const LONGEST_START_MS = 700;
const KILLED_STARTS = 0.15;
/** How often the web service that takes the records does something else. */
const WEBHOOK_TROUBLE = 0.3;
const ENTRY = resolve('dist/aegis-gateway.mjs');

/**
 * Kills a gateway under load at random moments, again and again on one data folder, and checks after each time and at the
 * end that nothing was lost. Rejects with what does not hold; the message names seed and round.
 */
export async function runKillRounds(plan: KillPlan): Promise<KillSummary> {
  await using stack = new AsyncDisposableStack();
  const authority = stack.use(new TestAuthority());
  const plain = stack.use(await startHttpUpstream());
  const secure = stack.use(await startHttpUpstream(undefined, authority.issue('DNS:localhost,IP:127.0.0.1')));
  const collector = stack.use(await startCollector());
  const config = [
    `upstream: {allow: ["127.0.0.1:${plain.port}", "localhost:${secure.port}"], ca_files: [upstream-ca.pem]}`,
    'limits: {approval_wait: 0s}',
    'audit:',
    '  segment_size: 64KiB',
    '  checkpoint_interval: 1s',
    '  anchor_file: anchors.txt',
    `  sinks: [{kind: webhook, name: siem, url: "${collector.url.href}", batch: 100}]`,
  ].join('\n');
  const files = { 'upstream-ca.pem': authority.cert };
  const gateway = await startGatewayProcess({ policy: KILL_POLICY, config, files });
  const run = new KillRun(plan, { gateway, plain, secure, collector });
  stack.defer(async () => await run.gateway[Symbol.asyncDispose]());
  return await run.all();
}

class KillRun {
  gateway: GatewayProcess;
  readonly #plan: KillPlan;
  readonly #random: () => number;
  readonly #plain: HttpUpstream;
  readonly #secure: HttpUpstream;
  readonly #collector: Collector;
  readonly #journal: GrowingJournal;
  readonly #ledger = new ExchangeLedger();
  #killedStarts = 0;

  constructor(plan: KillPlan, world: LoadTargets & { readonly collector: Collector }) {
    this.#plan = plan;
    this.#random = randomFrom(plan.seed);
    this.gateway = world.gateway;
    this.#plain = world.plain;
    this.#secure = world.secure;
    this.#collector = world.collector;
    this.#journal = new GrowingJournal(world.gateway.dataDir);
  }

  async all(): Promise<KillSummary> {
    let round = 0;
    try {
      for (; round < this.#plan.rounds; round += 1) {
        await this.#round(round);
        if (round % 25 === 24)
          this.#plan.progress?.(`${round + 1} rounds: ${JSON.stringify(this.#summary(round + 1))}`);
      }
      await this.#end();
    } catch (error) {
      throw new Error(`seed ${this.#plan.seed}, round ${round}: ${String(error)}`, { cause: error });
    }
    return this.#summary(round);
  }

  get #targets(): LoadTargets {
    return { gateway: this.gateway, plain: this.#plain, secure: this.#secure };
  }

  async #round(round: number): Promise<void> {
    // In one half of the rounds the grant is there to be used, in the other it comes about under the load.
    const granted = this.#random() < 0.5;
    if (granted) await approve(this.#targets, round);
    this.#troubleCollector();
    const stop = new AbortController();
    const asking = granted ? null : approve(this.#targets, round).catch(() => null);
    const loading = loadUntil(this.#targets, round, stop.signal);
    await sleep(this.#random() * LONGEST_LOAD_MS);
    await this.gateway.stop('SIGKILL');
    stop.abort();
    await Promise.all([loading, asking]);
    const open = await this.#lookAtOpen();
    const before = this.#ledger.recovered.length;
    const twice = this.#random() < KILLED_STARTS;
    if (twice) await this.#killWhileStarting();
    this.gateway = await this.gateway.restart();
    await this.#expectRecovered(open, before);
    // A start that was killed may have done it all already.
    if (open.length > 0 && !twice) this.#expectLogged();
    // Whoever retries is asked for anew, or has his grant still; nothing runs a second time.
    await useApproval(this.#targets, round);
    await call(this.#targets, `after-${round}`);
    await this.#expectSound();
  }

  #troubleCollector(): void {
    if (this.#random() >= WEBHOOK_TROUBLE) return;
    const chosen = Math.floor(this.#random() * 3);
    this.#collector.next.push((response) => {
      if (chosen === 0) response.writeHead(500).end();
      else if (chosen === 1) response.destroy();
      else setTimeout(() => response.writeHead(204).end(), 300);
    });
  }

  async #lookAtOpen(): Promise<readonly string[]> {
    this.#ledger.take(await this.#journal.readOn());
    return this.#ledger.open();
  }

  async #killWhileStarting(): Promise<void> {
    const config = join(this.gateway.folder, 'gateway.yaml');
    const child = spawn(process.execPath, [ENTRY, 'serve', '--config', config], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    await sleep(this.#random() * LONGEST_START_MS);
    child.kill('SIGKILL');
    await exited;
    this.#killedStarts += 1;
  }

  /** Each request that was under way got the outcome `unknown`, and the start said how many there were. */
  async #expectRecovered(open: readonly string[], before: number): Promise<void> {
    this.#ledger.take(await this.#journal.readOn());
    for (const exchange of open) assert.equal(this.#ledger.outcomes.get(exchange), 'unknown');
    const found = this.#ledger.recovered.slice(before);
    if (open.length > 0) assert.ok(found.some(({ data }) => data['open_intents'] === open.length));
    for (const { data } of found) assert.notDeepEqual([data['open_intents'], data['torn_bytes']], [0, 0]);
  }

  #expectLogged(): void {
    const logged = this.gateway.log.find(({ event }) => event === 'audit.recovered');
    assert.equal(logged?.['detail'], this.#ledger.recovered.at(-1)?.detail, 'the log does not say what was found');
  }

  async #expectSound(): Promise<void> {
    const dir = join(this.gateway.dataDir, 'journal');
    const verified = await verifyJournal({ dir, anchors: [], keys: new Map(), wait: (ms) => sleep(ms) });
    assert.deepEqual(verified.breaks, []);
    // The outcome of a request comes after its answer.
    for (let tries = 0; (await this.#lookAtOpen()).length > 0; tries += 1) {
      assert.ok(tries < 1_000, `without outcome: ${this.#ledger.open().join(' ')}`);
      await sleep(10);
    }
    const reached = this.#reached();
    const intended = this.#ledger.intended();
    assert.deepEqual(
      reached.filter((id) => !intended.has(id)),
      [],
      'requests reached the upstream without an intent',
    );
    assert.deepEqual(distinct(reached), reached, 'requests reached the upstream twice');
  }

  /** What reached an upstream, by its `n`. */
  #reached(): readonly string[] {
    return [...this.#plain.seen, ...this.#secure.seen].map(({ url }) => nameIn(url));
  }

  async #end(): Promise<void> {
    await this.gateway.stop('SIGKILL');
    const anchors = join(this.gateway.folder, 'anchors.txt');
    const proven = await this.gateway.cli('audit', 'verify', '--anchor', anchors);
    assert.equal(proven.code, 0, proven.stdout);
    assert.match(proven.stdout, /proven up to the anchor/u);
    this.#collector.next.length = 0;
    this.gateway = await this.gateway.restart();
    await this.#expectDelivered();
    await this.gateway.stop('SIGTERM');
    await this.#lookAtOpen();
    const last = await this.gateway.cli('audit', 'verify', '--anchor', anchors);
    assert.match(last.stdout, /end proven up to the anchor/u);
  }

  /** The web service has every record, in order, and what came again came the same. */
  async #expectDelivered(): Promise<void> {
    await this.#lookAtOpen();
    const wanted = this.#journal.records.map(({ id }) => id);
    for (let tries = 0; distinct(takenIds(this.#collector)).length < wanted.length; tries += 1) {
      assert.ok(tries < 3_000, 'the web service did not get every record');
      await sleep(20);
      await this.#lookAtOpen();
    }
    assert.deepEqual(distinct(takenIds(this.#collector)).slice(0, wanted.length), wanted);
    await this.#lookAtOpen();
    const known = new Set(this.#journal.lines);
    const taken = this.#collector.taken.flatMap(({ body }) => body.split('\n').filter((line) => line !== ''));
    assert.deepEqual(
      taken.filter((line) => !known.has(line)),
      [],
      'the web service got what is not in the journal',
    );
  }

  #summary(rounds: number): KillSummary {
    const taken = takenIds(this.#collector);
    const reached = this.#reached();
    return {
      rounds,
      seed: this.#plan.seed,
      killedStarts: this.#killedStarts,
      reachedUpstream: reached.length,
      intents: this.#ledger.intents.size,
      unknown: this.#ledger.unknown(),
      tornTails: this.#ledger.recovered.filter(({ data }) => data['torn_bytes'] !== 0).length,
      approvalsUsed: reached.filter((id) => id.startsWith(approvedName(0).slice(0, -1))).length,
      records: this.#journal.records.length,
      segments: this.#journal.segments,
      webhookRepeats: taken.length - distinct(taken).length,
    };
  }
}
