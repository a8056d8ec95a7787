import { afterEach, beforeEach, expect, it } from 'vitest';
import { approvalOf } from '../support/agent.ts';
import type { SeenCall } from '../support/api-proxy.ts';
import { ClusterWorld, until } from '../support/cluster-gateway.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';

const TIMEOUT = { timeout: 90_000 };
/** Long enough that a watch is tried several times. */
const AWAY_MS = 4_000;

describeCluster('what a gateway asks an API server for without being asked', VARIANTS.slice(0, 1), (bed) => {
  let world: ClusterWorld;
  beforeEach(async () => {
    world = await ClusterWorld.start(bed);
  });
  afterEach(async () => await world[Symbol.asyncDispose]());

  it('at its start is one list, in which it finds what waits and what is granted', TIMEOUT, async () => {
    const before = await world.gateway({ direct: true });
    const granted = approvalOf(await world.refund(before, 501));
    await world.approve('alice', granted);
    const pending = approvalOf(await world.refund(before, 502));
    await before.stop('SIGKILL');
    const gateway = await world.gateway();
    await until(async () => world.proxy.watches() === 1);
    const asked = world.proxy.seen.filter(isRead);
    expect(asked.filter(isList)).toHaveLength(1);
    expect(asked.filter(({ url }) => url.includes(granted) || url.includes(pending))).toEqual([]);
    // Seen at once, and not only when the agent comes back: a grant lasts from when a gateway saw it.
    await until(async () => (await bed.get(granted)).status['grantExpiresAt']);
    expect((await world.refund(gateway, 501)).json).toEqual({ ok: true });
    expect(world.ran(501)).toBe(1);
    await bed.delete('gateway', pending);
  });

  it('when it is back is the watch, where it broke off, and no list', TIMEOUT, async () => {
    const gateway = await world.gateway({ limits: 'approval_wait: 25s' });
    const answer = world.refund(gateway, 503);
    const { metadata } = await world.pending(503);
    await until(async () => world.proxy.watches() === 1);
    await world.proxy.stop();
    await world.approve('alice', metadata.name);
    await new Promise((done) => setTimeout(done, AWAY_MS));
    world.proxy.seen.length = 0;
    await world.proxy.start();
    expect((await answer).json).toEqual({ ok: true });
    expect(world.proxy.seen.filter(isList)).toEqual([]);
    expect(world.ran(503)).toBe(1);
  });
});

function isRead({ method, url }: SeenCall): boolean {
  return method === 'GET' && url.includes('/approvalrequests');
}

function isList(call: SeenCall): boolean {
  const { pathname, searchParams } = new URL(call.url, 'https://api');
  return isRead(call) && pathname.endsWith('/approvalrequests') && !searchParams.has('watch');
}
