import { afterAll, beforeAll, expect, it } from 'vitest';
import { approvalOf } from '../support/agent.ts';
import { ClusterWorld } from '../support/cluster-gateway.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';

const GATEWAYS = 20;
/** As many as two cores can start at once. */
const AT_ONCE = 4;

describeCluster('twenty gateways with one approval', VARIANTS.slice(0, 1), (bed) => {
  let world: ClusterWorld;
  const gateways: GatewayProcess[] = [];
  beforeAll(async () => {
    world = await ClusterWorld.start(bed);
    while (gateways.length < GATEWAYS) {
      const users = Array.from({ length: AT_ONCE }, (_, index) =>
        index % 2 === 0 ? ('gateway' as const) : ('gateway-replica' as const),
      );
      gateways.push(
        ...(await Promise.all(users.map(async (user) => await world.gateway({ user, limits: 'approval_wait: 20s' })))),
      );
    }
  }, 180_000);
  afterAll(async () => await world[Symbol.asyncDispose](), 60_000);

  it('let it through exactly once, though all of them saw it granted', { timeout: 120_000 }, async () => {
    const [first] = gateways;
    if (first === undefined) throw new Error('expected gateways');
    const asked = gateways.map(async (gateway) => await world.refund(gateway, 301));
    const { metadata } = await world.pending(301);
    await world.approve('alice', metadata.name);
    const answers = await Promise.all(asked);
    const ran = answers.filter(({ status }) => status === 200);
    expect(ran).toHaveLength(1);
    expect(world.ran(301)).toBe(1);
    const { status } = await bed.get(metadata.name);
    expect(status.phase).toBe('Consumed');
    const codes = answers.filter((answer) => answer.status !== 200).map(({ json }) => json['code']);
    expect(codes.filter((code) => code !== 'approval-consumed' && code !== 'approval-pending')).toEqual([]);
    const intents = (await Promise.all(gateways.map(async (gateway) => await world.trail(gateway)))).flat();
    expect(intents.filter(({ kind, event }) => kind === 'approval' && event === 'consumed')).toHaveLength(1);
  });

  it('ask once, however many of them are asked at the same moment', { timeout: 120_000 }, async () => {
    const answers = await Promise.all(
      gateways.map(async (gateway) => await world.refund(gateway, 302, AbortSignal.timeout(24_000)).catch(() => null)),
    );
    const names = answers.flatMap((answer) => (answer === null ? [] : [approvalOf(answer)]));
    expect(new Set(names).size).toBe(1);
    expect(world.ran(302)).toBe(0);
  });

  it('use a grant that was given before they looked exactly once', { timeout: 120_000 }, async () => {
    const { metadata } = await world.pending(302);
    await world.approve('bob', metadata.name);
    const answers = await Promise.all(
      gateways.map(async (gateway) => await world.refund(gateway, 302, AbortSignal.timeout(24_000)).catch(() => null)),
    );
    expect(answers.filter((answer) => answer?.status === 200)).toHaveLength(1);
    expect(world.ran(302)).toBe(1);
  });
});
