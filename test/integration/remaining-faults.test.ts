import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { throughProxy } from '../support/agent.ts';
import { expectRecord, journalOf } from '../support/audit-trail.ts';
import { describeWhere } from '../support/counterparts.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { sendRaw } from '../support/wire.ts';
import { startPort } from '../unit/intercept/port-fixture.ts';

const ALLOW_ALL = 'version: "1"\nrules:\n  - {name: everything, risk_level: low, approval: auto}\n';
const ACTIONS = `version: 1
host: "*"
actions:
  - match: {method: POST, path: /refunds, arguments: {kind: {in: [full, part]}}}
    action: {type: refund}
    params: {amount: {body: /amount, as: integer}, kind: {argument: kind}}
    required: [amount]
`;

const ended: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of ended.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

async function start(upstream: HttpUpstream, more: { readonly actions?: string } = {}): Promise<GatewayProcess> {
  const config = `upstream: {allow: ["127.0.0.1:${upstream.port}"]}`;
  const gateway = await startGatewayProcess({ policy: ALLOW_ALL, config, ...more });
  ended.push(gateway);
  return gateway;
}

async function upstreamOf(): Promise<HttpUpstream> {
  const upstream = await startHttpUpstream();
  ended.push(upstream);
  return upstream;
}

describe('a request that the action map cannot read in one way', () => {
  it.each([
    ['a value in the query and another in the body', '/refunds?kind=full', { kind: 'part', amount: 1 }],
    ['a value twice in the query', '/refunds?kind=full&kind=part', { amount: 1 }],
    ['a name spelled almost as the one that the map reads', '/refunds?Kind=full', { amount: 1 }],
  ])('is refused: %s (fault:ambiguous-action)', async (_what, path, body) => {
    const upstream = await upstreamOf();
    const gateway = await start(upstream, { actions: ACTIONS });
    const answer = await throughProxy(gateway.port, `${upstream.origin}${path}`, { body });
    expect([answer.status, answer.json['code']]).toEqual([400, 'ambiguous-action']);
    expect(upstream.seen).toEqual([]);
    await expectRecord(gateway, 'refusal', { fault: 'ambiguous-action' });
  });

  it.each([
    ['a parameter that is required is missing', { kind: 'full' }],
    ['an amount that is no whole number', { kind: 'full', amount: 'all of it' }],
  ])('is refused: %s (fault:body-mismatch)', async (_what, body) => {
    const upstream = await upstreamOf();
    const gateway = await start(upstream, { actions: ACTIONS });
    const answer = await throughProxy(gateway.port, `${upstream.origin}/refunds`, { body });
    expect([answer.status, answer.json['code']]).toEqual([400, 'body-mismatch']);
    expect(upstream.seen).toEqual([]);
    await expectRecord(gateway, 'refusal', { fault: 'body-mismatch' });
    const passes = await throughProxy(gateway.port, `${upstream.origin}/refunds`, {
      body: { kind: 'full', amount: 7 },
    });
    expect(passes.status).toBe(200);
  });

  it('is refused although its body is not sent as JSON at all (fault:body-mismatch)', async () => {
    const upstream = await upstreamOf();
    const gateway = await start(upstream, { actions: ACTIONS });
    const headers = { 'content-type': 'application/octet-stream' };
    const url = `${upstream.origin}/refunds?kind=full`;
    const answer = await throughProxy(gateway.port, url, { method: 'POST', body: 'amount=9', headers });
    expect([answer.status, answer.json['code']]).toEqual([400, 'body-mismatch']);
    expect(upstream.seen).toEqual([]);
  });
});

/** A file system of 1 MiB for a test to fill. */
class SmallDisk implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Puts a folder with what it holds onto one. */
  static async under(folder: string): Promise<SmallDisk> {
    const names = await readdir(folder);
    const files = await Promise.all(names.map(async (name) => await readFile(join(folder, name))));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', folder]);
    for (const [index, bytes] of files.entries()) {
      await writeFile(join(folder, names[index] ?? ''), bytes, { mode: 0o600 });
    }
    return new SmallDisk(folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    execFileSync('umount', ['-l', this.folder]);
  }
}

const NEEDS = { missing: mountable() ? '' : 'root and mount', hint: 'run it as root in a container that may mount' };

function mountable(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    // In a mount namespace of its own, so that trying leaves nothing behind.
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describeWhere(NEEDS, 'a journal whose disk is full', () => {
  it('stops every request until there is room again, and then goes on (fault:audit-unavailable)', async () => {
    const upstream = await upstreamOf();
    const first = await start(upstream);
    await first.stop('SIGTERM');
    const disk = await SmallDisk.under(join(first.dataDir, 'journal'));
    ended.push(disk);
    const gateway = await first.restart();
    ended.splice(-1, 0, gateway);
    const call = async (path: string) => await throughProxy(gateway.port, `${upstream.origin}${path}`);
    const ready = async () => (await fetch(`http://127.0.0.1:${gateway.adminPort}/readyz`)).status;

    expect((await call('/before')).status).toBe(200);
    const ballast = join(disk.folder, 'ballast');
    await writeFile(ballast, Buffer.alloc(2 * 1024 * 1024)).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'ENOSPC' });
    });
    // The last page of the journal may have room for a few records.
    let refused = await call('/filling');
    for (let n = 0; refused.status === 200 && n < 20; n += 1) refused = await call(`/filling-${n}`);
    expect([refused.status, refused.json['code']]).toEqual([503, 'audit-unavailable']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.text).not.toContain(gateway.folder);
    const sentBefore = upstream.seen.length;
    for (let n = 0; n < 5; n += 1) expect((await call(`/full-${n}`)).json['code']).toBe('audit-unavailable');
    expect(upstream.seen).toHaveLength(sentBefore);
    expect(await ready()).toBe(503);
    expect((await fetch(`http://127.0.0.1:${gateway.adminPort}/healthz`)).status).toBe(200);

    await rm(ballast);
    await expect.poll(ready, { timeout: 10_000 }).toBe(200);
    expect((await call('/after')).status).toBe(200);
    expect(upstream.seen.at(-1)?.url).toBe('/after');
    await gateway.stop('SIGTERM');
    expect((await gateway.cli('audit', 'verify')).stdout).not.toMatch(/broken/iu);
    const records = await journalOf(gateway);
    const exchangesOf = (wanted: string): readonly string[] =>
      records.filter(({ kind }) => kind === wanted).map((record) => String(record['exchangeId']));
    expect(exchangesOf('outcome').toSorted()).toEqual(exchangesOf('intent').toSorted());
    expect(records.filter(({ kind, result }) => kind === 'outcome' && result === 'success')).toHaveLength(
      upstream.seen.length,
    );
  });
});

describe('a gateway that fails in its own code', () => {
  it('says that it failed and nothing of how, and serves the next request (fault:internal)', async () => {
    let fails = true;
    await using data = await startPort(async ({ client }) => {
      if (fails) throw new Error('the secret is hunter2');
      if (client.kind === 'http') client.response.end('fine');
    });
    const { port, lines } = data;
    const request = 'GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n';
    const answer = await sendRaw(port, request);
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([500, { code: 'internal' }]);
    expect(answer.raw + JSON.stringify(lines)).not.toContain('hunter2');
    expect(lines.map(({ event }) => event)).toContain('intercept.handler-failed');
    fails = false;
    const next = await sendRaw(port, request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    expect(next.raw).toContain('fine');
  });
});
