import { writeFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { approvalOf, throughProxy } from '../support/agent.ts';
import { ClusterWorld, until } from '../support/cluster-gateway.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';

const TIMEOUT = { timeout: 90_000 };
const REQUESTS = /\/approvalrequests/u;

describeCluster('an API server in trouble', VARIANTS.slice(0, 1), (bed) => {
  let world: ClusterWorld;
  beforeEach(async () => {
    world = await ClusterWorld.start(bed);
  });
  afterEach(async () => await world[Symbol.asyncDispose]());

  it(
    'lets nothing pass while it is away, refuses at once where told so, and what needs no approval passes (fault:approvals-unavailable)',
    TIMEOUT,
    async () => {
      const gateway = await world.gateway({ approvals: 'on_outage: refuse', limits: 'approval_wait: 20s' });
      const name = approvalOf(await world.refund(await world.gateway(), 101));
      await world.approve('alice', name);
      await world.proxy.stop();
      const refused = await world.refund(gateway, 101);
      expect([refused.status, refused.json['code']]).toEqual([503, 'approvals-unavailable']);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect((await throughProxy(gateway.port, `${world.upstream.origin}/prices`)).status).toBe(200);
      expect((await fetch(`http://127.0.0.1:${gateway.adminPort}/readyz`)).status).toBe(200);
      expect((await world.readiness(gateway, 'approvals')).detail).toContain('cannot be reached');
      expect(await world.metric(gateway, 'aegis_approval_store_reachable')).toBe(0);
      expect(world.ran(101)).toBe(0);
      await world.proxy.start();
      const ran = await until(async () => {
        const answer = await world.refund(gateway, 101);
        return answer.status === 503 ? null : answer;
      });
      expect(ran.json).toEqual({ ok: true });
      expect(world.ran(101)).toBe(1);
    },
  );

  it('holds who came while it is away, and serves him when it is back', TIMEOUT, async () => {
    const gateway = await world.gateway({ limits: 'approval_wait: 25s' });
    await until(async () => (await world.readiness(gateway, 'approval-policies')).detail.includes('in force as of'));
    await world.proxy.stop();
    const answer = world.refund(gateway, 102);
    await new Promise((done) => setTimeout(done, 2_000));
    expect(world.ran(102)).toBe(0);
    await world.proxy.start();
    await world.approve('alice', (await world.pending(102)).metadata.name);
    expect((await answer).json).toEqual({ ok: true });
    expect(world.ran(102)).toBe(1);
  });

  it(
    'holds who waits already: a decision made while the watch was cut off is seen when it is back',
    TIMEOUT,
    async () => {
      const gateway = await world.gateway({ limits: 'approval_wait: 25s' });
      const answer = world.refund(gateway, 103);
      const { metadata } = await world.pending(103);
      await until(async () => world.proxy.watches() === 1);
      await world.proxy.stop();
      await world.approve('alice', metadata.name);
      await new Promise((done) => setTimeout(done, 500));
      await world.proxy.start();
      expect((await answer).json).toEqual({ ok: true });
      expect(world.ran(103)).toBe(1);
    },
  );

  it('sends who waits away where told to refuse', TIMEOUT, async () => {
    const gateway = await world.gateway({ approvals: 'on_outage: refuse', limits: 'approval_wait: 25s' });
    const answer = world.refund(gateway, 104);
    await world.pending(104);
    await until(async () => world.proxy.watches() === 1);
    await world.proxy.stop();
    expect((await answer).json['code']).toBe('approvals-unavailable');
  });

  it('is asked again with patience when it says 429, 500 or nothing for a while', TIMEOUT, async () => {
    const gateway = await world.gateway();
    await world.refund(gateway, 1_105);
    const trouble = [
      { kind: 'answer', status: 429, headers: { 'retry-after': '1' } },
      { kind: 'answer', status: 500 },
      { kind: 'delay', milliseconds: 1_000 },
      { kind: 'answer', status: 503 },
    ] as const;
    let calls = 0;
    world.proxy.fault = ({ url }) =>
      REQUESTS.test(url) && !url.includes('watch=') ? (trouble[calls++ % 5] ?? null) : null;
    const name = approvalOf(await world.refund(gateway, 105));
    world.proxy.fault = () => null;
    await world.approve('alice', name);
    expect((await world.refund(gateway, 105)).json).toEqual({ ok: true });
    expect(world.ran(105)).toBe(1);
  });

  it(
    'is not asked more than it said with Retry-After: beyond the patience of an agent the gateway refuses',
    TIMEOUT,
    async () => {
      const gateway = await world.gateway();
      await world.refund(gateway, 1_106);
      world.proxy.fault = ({ url }) =>
        REQUESTS.test(url) ? { kind: 'answer', status: 429, headers: { 'retry-after': '60' } } : null;
      const before = world.proxy.seen.length;
      expect((await world.refund(gateway, 106)).json['code']).toBe('approvals-unavailable');
      expect(world.proxy.seen.length - before).toBeLessThan(4);
    },
  );

  it('may lose the answer to any change: the request is asked once, and runs once', TIMEOUT, async () => {
    const gateway = await world.gateway();
    await world.refund(gateway, 1_107);
    const lost = new Set<string>();
    world.proxy.fault = ({ method, url }) => {
      const path = `${method} ${new URL(url, 'https://api').pathname}`;
      if (method === 'GET' || !REQUESTS.test(url) || url.includes('dryRun') || lost.has(path)) return null;
      lost.add(path);
      return { kind: 'lose-answer' };
    };
    const name = approvalOf(await world.refund(gateway, 107));
    expect(name).not.toMatch(/-2$/u);
    lost.clear();
    await world.approve('alice', name);
    expect((await world.refund(gateway, 107)).json).toEqual({ ok: true });
    expect(lost.size).toBeGreaterThan(0);
    expect(world.ran(107)).toBe(1);
    expect(await bed.get(name)).toMatchObject({ status: { phase: 'Consumed' } });
  });

  it('is watched only while something is pending, and listed anew when it has forgotten', TIMEOUT, async () => {
    const gateway = await world.gateway({ limits: 'approval_wait: 25s' });
    await until(async () => (await world.readiness(gateway, 'approval-policies')).detail.includes('in force as of'));
    // What other tests left pending belongs to the same ServiceAccount.
    for (const { metadata } of await allPending()) await bed.delete('gateway', metadata.name);
    await until(async () => world.proxy.watches() === 0);
    expect(await world.metric(gateway, 'aegis_approval_watch_open')).toBe(0);
    let gone = 0;
    world.proxy.fault = ({ url }) => {
      if (!url.includes('watch=true') || gone > 1) return null;
      gone += 1;
      return {
        kind: 'answer',
        status: 410,
        body: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' },
      };
    };
    const answer = world.refund(gateway, 108);
    const { metadata } = await world.pending(108);
    await until(async () => world.proxy.watches() === 1);
    expect(gone).toBe(2);
    expect(await world.metric(gateway, 'aegis_approval_watch_open')).toBe(1);
    expect(await world.metric(gateway, 'aegis_approval_watch_age_seconds')).toBeLessThan(60);
    await world.approve('alice', metadata.name);
    expect((await answer).json).toEqual({ ok: true });
    await until(async () => world.proxy.watches() === 0);
  });

  it('is spoken to with the token that the file holds by now', TIMEOUT, async () => {
    const gateway = await world.gateway();
    const name = approvalOf(await world.refund(gateway, 109));
    await world.approve('alice', name);
    const old = bed.cluster.token('gateway');
    // A token that is revoked, as the old one is when its pod's ServiceAccount token has been rotated and ran out.
    world.proxy.fault = ({ token }) =>
      token === `Bearer ${old}`
        ? {
            kind: 'answer',
            status: 401,
            body: { kind: 'Status', code: 401, reason: 'Unauthorized', message: 'Unauthorized' },
          }
        : null;
    expect((await world.refund(gateway, 109)).json['code']).toBe('approvals-unavailable');
    await writeFile(join(gateway.account, 'new'), bed.cluster.token('gateway-replica'));
    await rename(join(gateway.account, 'new'), join(gateway.account, 'token'));
    expect((await world.refund(gateway, 109)).json).toEqual({ ok: true });
    expect(world.ran(109)).toBe(1);
  });

  it(
    'may have another clock: what ends, ends by that of the gateway, which tells the difference',
    TIMEOUT,
    async () => {
      const gateway = await world.gateway({ limits: 'approval_wait: 25s, approval_ttl: 3s' });
      world.proxy.fault = () => null;
      world.proxy.date = () => new Date(Date.now() + 600_000).toUTCString();
      const answer = await world.refund(gateway, 110);
      expect(answer.json['code']).toBe('approval-expired');
      expect((await world.readiness(gateway, 'approvals')).detail).toMatch(/its clock is (?:599|600|601) s ahead/u);
      expect(await world.metric(gateway, 'aegis_approval_clock_skew_seconds')).toBeGreaterThan(590);
      expect(world.ran(110)).toBe(0);
    },
  );

  async function allPending(): Promise<readonly { readonly metadata: { readonly name: string } }[]> {
    const { stdout } = await bed.kubectl(
      'admin',
      'get',
      'apr',
      '-n',
      'agents',
      '--field-selector=status.phase=Pending',
      '-o',
      'json',
    );
    return (JSON.parse(stdout) as { items: { metadata: { name: string } }[] }).items;
  }
});
