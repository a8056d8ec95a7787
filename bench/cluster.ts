/**
 * `npm run bench:cluster`: builds the product, starts etcd and kube-apiserver with the manifests, lets up to 1,000 sidecars
 * use them, and writes docs/benchmarks-cluster.*.
 *
 *   --quick          few sidecars and short: shows that it runs; the figures mean nothing
 *   --out FOLDER     where the report goes (default: docs)
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startCluster, type Cluster } from '../scripts/cluster-bed.ts';
import { SWEEP_INTERVAL_MS } from '../src/approval/gate.ts';
import { findCounterpart, provide } from '../scripts/counterparts.ts';
import { makeAccounts, type Account } from './cluster-accounts.ts';
import { Fleet } from './cluster-fleet.ts';
import { measureLatencies } from './cluster-latency.ts';
import { writeClusterReport, type Level, type Restart, type Window } from './cluster-report.ts';
import { cpuOf, openWatches, sharedMs, snapshotOf, type Snapshot } from './cluster-server.ts';
import { openStore } from './cluster-store.ts';
import { machine } from './report.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, out: { type: 'string', default: 'docs' } },
});
const { quick } = values;
/** What two cores can do beside the sidecars themselves. */
const EFFORT = quick
  ? { levels: [20, 40], idleS: 4, startsPerS: 20, asksPerS: 20, decisionsPerS: 20, approvals: 20 }
  : {
      levels: [100, 250, 500, 1_000],
      idleS: 20,
      lastIdleS: 65,
      startsPerS: 40,
      asksPerS: 30,
      decisionsPerS: 20,
      approvals: 220,
    };
/** A tenth of the sidecars asks first. */
const SOME = 0.1;
/** After work, so that what it leaves behind is over: Events in the background, the collection of garbage. */
const SETTLE_MS = 2_000;
const HELD_S = quick ? 2 : 4;
const BETWEEN_APPROVALS_MS = 20;
const RESTART_LOOKS_S = quick ? [5] : [5, 15, 30];
const NEEDED = ['etcd', 'kube-apiserver', 'kubectl'] as const;

const started = performance.now();
const say = (line: string): void =>
  console.log(`${((performance.now() - started) / 1_000).toFixed(0).padStart(4)} s  ${line}`);

interface Bench {
  readonly cluster: Cluster;
  readonly fleet: Fleet;
  readonly accounts: readonly Account[];
}

/** Does something between two looks at the server. */
async function during({ cluster, fleet }: Bench, name: Window['name'], work: () => Promise<unknown>): Promise<Window> {
  const before = await snapshotOf(cluster);
  // What the looks themselves cost is left out.
  const begin = { at: sharedMs(), ...cpuOf(cluster), sidecars: fleet.cpuSeconds() };
  await work();
  const end = { at: sharedMs(), ...cpuOf(cluster), sidecars: fleet.cpuSeconds() };
  const after = await snapshotOf(cluster);
  const seconds = (end.at - begin.at) / 1_000;
  const made: Window = {
    name,
    pending: fleet.pendingCount(),
    seconds,
    apiServerCores: (end.apiServer - begin.apiServer) / seconds,
    etcdCores: (end.etcd - begin.etcd) / seconds,
    sidecarCores: (end.sidecars - begin.sidecars) / seconds,
    ...differenceOf(before, after),
  };
  const total = Object.values(made.requests).reduce((sum, count) => sum + count, 0);
  say(
    `  ${name}: ${(total / made.seconds).toFixed(1)} requests/s, ${made.after.watches} watches, ${(made.after.apiServer.residentBytes / 1024 ** 2).toFixed(0)} MiB resident, ${(made.after.apiServer.liveBytes / 1024 ** 2).toFixed(0)} MiB live, API server ${made.apiServerCores.toFixed(2)} cores`,
  );
  return made;
}

function differenceOf(
  before: Snapshot,
  after: Snapshot,
): Pick<Window, 'requests' | 'watchEvents' | 'rejected' | 'queuedSeconds' | 'after'> {
  const requests = Object.entries(after.requests)
    .map(([kind, count]): [string, number] => [kind, count - (before.requests[kind] ?? 0)])
    .filter(([, count]) => count > 0);
  return {
    requests: Object.fromEntries(requests),
    watchEvents: after.watchEvents - before.watchEvents,
    rejected: after.rejected - before.rejected,
    queuedSeconds: after.queuedSeconds - before.queuedSeconds,
    after,
  };
}

/** What one sidecar that never asks for anything sends in an hour, its clock made to run fast. */
async function measureIdleHour(bench: Bench): Promise<Window> {
  const [account] = bench.accounts;
  if (account === undefined) throw new Error('expected an account');
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
  const refuse = async (): Promise<void> => {
    throw new Error('expected nothing to happen to an approval');
  };
  await using store = openStore(account, bench.cluster.url, {
    clock,
    log: { info: () => {}, warn: (event) => say(`  ${event}`), error: (event) => say(`  ${event}`) },
    onEvent: refuse,
  });
  await store.sweep(clock.now());
  return await during(bench, 'idle', async () => {
    for (let sweeps = 0; sweeps < 3_600_000 / SWEEP_INTERVAL_MS; sweeps += 1) {
      ahead += SWEEP_INTERVAL_MS;
      await store.sweep(clock.now());
    }
  });
}

/** Idle, some pending, all pending, decided, for so many sidecars. */
async function measureLevel(bench: Bench, sidecars: number, isLast: boolean): Promise<Level> {
  const { accounts, fleet } = bench;
  const windows: Window[] = [];
  const window = async (name: Window['name'], work: () => Promise<unknown>): Promise<void> => {
    windows.push(await during(bench, name, work));
    await sleep(SETTLE_MS);
  };
  say(`${sidecars} sidecars`);
  await window('start', async () => await fleet.start(accounts.slice(fleet.size(), sidecars), EFFORT.startsPerS));
  await window('idle', async () => await sleep(EFFORT.idleS * 1_000));
  await window('asking, some', async () => await fleet.ask(0, SOME, EFFORT.asksPerS));
  await window('some pending', async () => await sleep(HELD_S * 1_000));
  await window('asking, all', async () => await fleet.ask(SOME, 1, EFFORT.asksPerS));
  await window('all pending', async () => await sleep(HELD_S * 1_000));
  const restart = isLast ? await restarted(bench) : null;
  let latencies: readonly number[] = [];
  await window('deciding', async () => (latencies = await fleet.approveAll(EFFORT.decisionsPerS)));
  return { sidecars, windows, latencies, restart };
}

/** Kills the API server while everybody waits, and starts it again. */
async function restarted({ cluster, fleet }: Bench): Promise<Restart> {
  say('  the API server is killed and started again');
  await cluster.killApiServer();
  await sleep(quick ? 1_000 : 10_000);
  await cluster.restartApiServer();
  const at = sharedMs();
  const looks: Restart['looks'][number][] = [];
  for (const seconds of RESTART_LOOKS_S) {
    await sleep(Math.max(0, at + seconds * 1_000 - sharedMs()));
    const { apiServer, rejected, requests, watches } = await snapshotOf(cluster);
    looks.push({ seconds: (sharedMs() - at) / 1_000, requests, watches, rejected, cpuSeconds: apiServer.cpuSeconds });
    const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
    say(
      `  after ${seconds} s: ${total} requests, ${watches} watches, ${rejected} rejected: ${JSON.stringify(requests)}`,
    );
  }
  while ((await openWatches(cluster)) < fleet.size()) await sleep(1_000);
  return { looks, allBackAfterSeconds: (sharedMs() - at) / 1_000 };
}

async function run(cluster: Cluster, folder: string): Promise<void> {
  const applied = await cluster.kubectl('admin', ['apply', '-k', 'manifests']);
  if (applied.code !== 0) throw new Error(applied.stderr);
  say('accounts, pods and tokens');
  const accounts = await makeAccounts(cluster, folder, EFFORT.levels.at(-1) ?? 0);
  say('a gateway, alone: from approval to forwarding');
  const alone = await measureLatencies(cluster, EFFORT.approvals, BETWEEN_APPROVALS_MS);
  await using fleet = new Fleet(cluster);
  const bench = { cluster, fleet, accounts };
  say('no sidecar');
  const idleHour = (await measureIdleHour(bench)).requests;
  const nobody = await during(bench, 'idle', async () => await sleep(EFFORT.idleS * 1_000));
  const levels: Level[] = [];
  for (const sidecars of EFFORT.levels)
    levels.push(await measureLevel(bench, sidecars, sidecars === EFFORT.levels.at(-1)));
  say('the gateway beside all of them');
  const beside = await measureLatencies(cluster, EFFORT.approvals, BETWEEN_APPROVALS_MS);
  await writeClusterReport(resolve(values.out), {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    quick,
    effort: EFFORT,
    nobody,
    idleHour,
    levels,
    gateway: { alone, beside },
    warnings: fleet.warnings(),
  });
}

const missing = provide(say, NEEDED);
if (missing.length > 0) throw new Error(`expected ${missing.join(', ')}: scripts/counterparts.ts says how to get them`);
const built = spawnSync(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' });
if (built.status !== 0) throw new Error('the product could not be built');
const folder = await mkdtemp(join(tmpdir(), 'aegis-sidecars-'));
const [etcd = '', apiServer = '', kubectl = ''] = NEEDED.map((name) => findCounterpart(name) ?? '');
const cluster = await startCluster({ etcd, apiServer, kubectl }, { durable: true });
try {
  await run(cluster, folder);
  say(`written to ${values.out}/benchmarks-cluster.md and .json`);
} finally {
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
}
