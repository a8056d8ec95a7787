import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { descriptorsOf, gaugeOf, residentBytesOf, scrape } from '../support/measures.ts';
import { Load } from './load.ts';
import type { LoadReport } from './messages.ts';
import { Reloads, soakPolicy } from './reloads.ts';
import { readTrail, type Trail } from './trail-check.ts';
import { collectedHeapOf, Watch, type Sample } from './watch.ts';

export interface SoakLength {
  /** Seconds until caches and the history of sessions are warm. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly seed: number;
}

/** The gateway while nobody calls, after all garbage was collected. Bytes. */
export interface Rest {
  readonly heapBytes: number;
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly connections: number;
  readonly bufferedBytes: number;
}

/** Everything that a soak saw. */
export interface SoakReport {
  readonly length: SoakLength;
  readonly warmUp: LoadReport;
  readonly load: LoadReport;
  readonly samples: readonly Sample[];
  readonly before: Rest;
  readonly after: Rest;
  readonly reloads: number;
  readonly loads: { readonly loaded: number; readonly rejected: number };
  readonly trail: Trail;
  /** Requests that an upstream saw, and those of them that the journal does not know. */
  readonly seen: number;
  readonly unrecorded: readonly string[];
  readonly tunnelsSeen: number;
  readonly verify: { readonly code: number | null; readonly text: string };
  readonly exitCode: number | null;
}

const SAMPLE_EVERY_MS = 2_000;
/** Longer than every deadline of the gateway under soak but those that no call meets. */
const REST_WITHIN_MS = 60_000;

/** Runs a soak on a gateway of its own. */
export async function soak(length: SoakLength): Promise<SoakReport> {
  await using load = new Load();
  const upstreams = await load.listening();
  const more = (extraRoute: number): string => configOf(upstreams, extraRoute);
  await using gateway = await startGatewayProcess({
    policy: soakPolicy(0),
    config: more(0),
    files: { 'upstream-ca.pem': upstreams.ca },
    env: { NODE_OPTIONS: `--import=${new URL('memory-probe.mjs', import.meta.url).href}` },
  });
  const first = (await readFile(join(gateway.folder, 'gateway.yaml'), 'utf8')).slice(0, -more(0).length - 1);
  const target = { port: gateway.port, ca: await readFile(join(gateway.dataDir, 'agent', 'ca.pem'), 'utf8') };
  const { connections, seed, warmUpSeconds, seconds } = length;
  const reloading = (): Reloads => new Reloads(gateway, (extraRoute) => `${first}${more(extraRoute)}\n`);

  const warmReloads = reloading();
  const warmUp = await load.run(target, { connections, seed, seconds: warmUpSeconds });
  await warmReloads.stop();
  const before = await restOf(gateway);

  const reloads = reloading();
  const watch = new Watch(gateway, SAMPLE_EVERY_MS);
  const report = await load.run(target, { connections, seed: seed + connections, seconds });
  const samples = await watch.stop();
  const changes = await reloads.stop();
  const after = await restOf(gateway);

  const loads = loadsOf(await scrape(gateway));
  const exitCode = await gateway.stop('SIGTERM');
  const seen = await load.end();
  const trail = await readTrail(gateway.dataDir);
  const verify = await gateway.cli('audit', 'verify');
  return {
    length,
    warmUp,
    load: report,
    samples,
    before,
    after,
    reloads: changes,
    loads,
    trail,
    seen: seen.ids.length,
    unrecorded: seen.ids.filter((id) => !trail.intended.has(id)),
    tunnelsSeen: seen.tunnels,
    verify: { code: verify.code, text: `${verify.stdout}${verify.stderr}` },
    exitCode,
  };
}

function configOf(
  { http, https, tunnel }: { http: number; https: number; tunnel: number },
  extraRoute: number,
): string {
  return [
    `upstream: {allow: ["127.0.0.1:${http}", "localhost:${https}", "localhost:${tunnel}"], ca_files: [upstream-ca.pem]}`,
    `tunnel: ["localhost:${tunnel}"]`,
    `routes: {soak: {upstream: "http://127.0.0.1:${http}"}, extra-${extraRoute}: {upstream: "http://127.0.0.1:9"}}`,
    'limits: {body: 256KiB, buffered: 32MiB, headers_timeout: 5s, body_grace: 2s, body_timeout: 20s, reader_timeout: 20s,',
    '  response_timeout: 4s, approval_wait: 500ms, approval_ttl: 3s, drain_timeout: 10s}',
  ].join('\n');
}

/** Waits until nothing is open any more, and says what is left then. */
async function restOf(gateway: GatewayProcess): Promise<Rest> {
  const pid = gateway.process.pid ?? 0;
  const until = performance.now() + REST_WITHIN_MS;
  let text = await scrape(gateway);
  while (gaugeOf(text, 'aegis_open_connections') > 0 && performance.now() < until) {
    await sleep(500);
    text = await scrape(gateway);
  }
  // Idle connections to upstreams end after `upstream_keep_alive`, 4 s.
  await sleep(6_000);
  const heapBytes = await collectedHeapOf(gateway);
  text = await scrape(gateway);
  return {
    heapBytes,
    residentBytes: await residentBytesOf(pid),
    descriptors: await descriptorsOf(pid),
    connections: gaugeOf(text, 'aegis_open_connections'),
    bufferedBytes: gaugeOf(text, 'aegis_buffered_bytes'),
  };
}

function loadsOf(text: string): SoakReport['loads'] {
  const sum = (result: string): number =>
    [...text.matchAll(/^aegis_loads_total\{part="\w+",result="(\w+)"\} (\d+)$/gmu)]
      .filter(([, found]) => found === result)
      .reduce((total, [, , count]) => total + Number(count), 0);
  return { loaded: sum('loaded'), rejected: sum('rejected') };
}
