import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { throughProxy } from '../support/agent.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { distinct, startCollector, takenIds, type Collector } from '../unit/audit/collector.ts';

const POLICY = `version: "1"
rules:
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
`;

let upstream: HttpUpstream;
const ended: AsyncDisposable[] = [];

beforeEach(async () => {
  upstream = await startHttpUpstream((_request, response) => void response.end('{}'));
  ended.push(upstream);
});
afterEach(async () => {
  for (const one of ended.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

async function start(audit: string): Promise<GatewayProcess> {
  const config = `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\naudit: ${audit}`;
  const gateway = await startGatewayProcess({ policy: POLICY, config, files: { token: 'the-token\n' } });
  ended.push(gateway);
  return gateway;
}

async function restart(gateway: GatewayProcess): Promise<GatewayProcess> {
  const again = await gateway.restart();
  ended.push(again);
  return again;
}

async function get(gateway: GatewayProcess, path: string): Promise<number> {
  return (await throughProxy(gateway.port, `${upstream.origin}${path}`)).status;
}

async function admin(gateway: GatewayProcess, path: string): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${gateway.adminPort}${path}`)).text();
}

async function eventually(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(20);
}

function idsOf({ dataDir }: GatewayProcess): readonly string[] {
  const dir = join(dataDir, 'journal');
  const segments = readdirSync(dir).filter((name) => name.endsWith('.jsonl'));
  const lines = segments.sort().flatMap((name) => readFileSync(join(dir, name), 'utf8').trimEnd().split('\n'));
  return lines.filter((line) => line !== '').map((line) => String((JSON.parse(line) as { id: unknown }).id));
}

describe('the end of a journal', () => {
  it('is a signed end mark after a stop, anchored outside, and unproven after kill -9', async () => {
    const gateway = await start('{anchor_file: anchors.txt}');
    expect(await get(gateway, '/a')).toBe(200);
    await gateway.stop('SIGTERM');
    const anchorFile = join(gateway.folder, 'anchors.txt');
    const anchor = (await gateway.cli('audit', 'anchor')).stdout.trim();
    expect(readFileSync(anchorFile, 'utf8').trim().split('\n').at(-1)).toContain(anchor);
    expect(gateway.log.findLast(({ event }) => event === 'audit.checkpoint')).toMatchObject({ anchor, reason: 'end' });
    const closed = await gateway.cli('audit', 'verify');
    expect(closed.code).toBe(0);
    expect(closed.stdout).toContain('ends with the signed end mark');
    expect(closed.stdout).toContain('of the data folder itself');
    const publicKey = join(gateway.folder, 'kept.pem');
    writeFileSync(publicKey, readFileSync(join(gateway.dataDir, 'journal-key.pub.pem')));
    const proven = await gateway.cli('audit', 'verify', '--public-key', publicKey, '--anchor', anchorFile);
    expect(proven.stdout).toContain('end proven up to the anchor');
    expect(proven.stdout).toContain(`checked with ${publicKey}\n`);

    const again = await restart(gateway);
    expect(await get(again, '/b')).toBe(200);
    await again.stop('SIGKILL');
    expect((await again.cli('audit', 'verify')).stdout).toContain('\nend unproven');
    const later = await again.cli('audit', 'verify', '--anchor', anchorFile);
    expect([later.code, later.stdout]).toEqual([
      0,
      expect.stringMatching(/proven up to the anchor.*end unproven for the/u),
    ]);
  }, 90_000);
});

describe('a journal of many segments', () => {
  it('is found whole, read as one, and started from its newest segment', async () => {
    let gateway = await start('{segment_size: 64KiB}');
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(
        Array.from({ length: 60 }, async (_, n) => expect(await get(gateway, `/r${round}-${n}`)).toBe(200)),
      );
      await gateway.stop(round === 1 ? 'SIGKILL' : 'SIGTERM');
      gateway = await restart(gateway);
    }
    await gateway.stop('SIGTERM');
    expect(
      readdirSync(join(gateway.dataDir, 'journal')).filter((name) => name.endsWith('.jsonl')).length,
    ).toBeGreaterThan(2);
    expect((await gateway.cli('audit', 'verify')).code).toBe(0);
    const exported = (await gateway.cli('audit', 'export')).stdout.trimEnd().split('\n');
    expect(exported.map((line) => String((JSON.parse(line) as { id: unknown }).id))).toEqual(idsOf(gateway));
    const listed: unknown = JSON.parse(
      (await gateway.cli('audit', 'list', '--limit', '1000', '--format', 'json')).stdout,
    );
    expect(listed).toHaveLength(180);
  }, 60_000);
});

describe('a webhook', () => {
  const sinkAt = ({ url }: Pick<Collector, 'url'>): string =>
    `{sinks: [{kind: webhook, name: siem, url: "${url.href}", credential: {file: token}}]}`;

  it('that is down holds up no request, is named by readiness and metrics, and gets everything in the end', async () => {
    const gone = await startCollector();
    await gone[Symbol.asyncDispose]();
    const first = await start(sinkAt(gone));
    for (let n = 0; n < 10; n += 1) expect(await get(first, `/down-${n}`)).toBe(200);
    await eventually(async () => (await admin(first, '/readyz')).includes('nothing is lost'));
    const ready = await fetch(`http://127.0.0.1:${first.adminPort}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.text()).toContain('audit-sink-siem');
    const metrics = await admin(first, '/metrics');
    expect(metrics).toContain('aegis_audit_sink_healthy{sink="siem"} 0');
    expect(metrics).toMatch(/aegis_audit_sink_behind_records\{sink="siem"\} [1-9]/u);
    await first.stop('SIGKILL');

    const collector = await startCollector(Number(gone.url.port));
    ended.push(collector);
    const second = await restart(first);
    await eventually(async () =>
      (await admin(second, '/metrics')).includes('aegis_audit_sink_behind_records{sink="siem"} 0'),
    );
    collector.next.push((response) => void response.writeHead(500).end());
    for (let n = 0; n < 10; n += 1) expect(await get(second, `/up-${n}`)).toBe(200);
    await second.stop('SIGTERM');
    // What a failing sink lacks when the gateway stops, it gets at the next start.
    const third = await restart(second);
    await eventually(async () =>
      (await admin(third, '/metrics')).includes('aegis_audit_sink_behind_records{sink="siem"} 0'),
    );
    await third.stop('SIGKILL');
    expect(distinct(takenIds(collector))).toEqual(idsOf(third));
    expect(collector.taken[0]?.headers.authorization).toBe('Bearer the-token');
  }, 60_000);

  it('is no way out for the agent: its address stays refused to requests', async () => {
    const collector = await startCollector();
    ended.push(collector);
    const gateway = await start(sinkAt(collector));
    const answer = await throughProxy(gateway.port, collector.url.href);
    expect([answer.status, answer.json['code']]).toEqual([403, 'upstream-address-refused']);
    await gateway.stop('SIGTERM');
    expect(collector.seen.every(({ headers }) => headers['user-agent'] === 'aegis-gateway')).toBe(true);
  });
});

describe('standard output', () => {
  it('gets every record between the log lines', async () => {
    const gateway = await start('{sinks: [{kind: stdout}]}');
    expect(await get(gateway, '/a')).toBe(200);
    await gateway.stop('SIGTERM');
    await eventually(() => gateway.log.some(({ event }) => event === 'gateway.stopped'));
    const ids = gateway.log.flatMap((line) => ('seq' in line && 'prev' in line ? [String(line['id'])] : []));
    expect(ids).toEqual(idsOf(gateway));
  });
});
