import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { approvalOf } from '../support/agent.ts';
import { ClusterWorld, until } from '../support/cluster-gateway.ts';
import { buildWithCountedKillPoints } from '../support/counted-kill-points.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';

/** More points than there are; the loop ends where a request has none left. */
const MAX_POINTS = 200;

describeCluster('a gateway that is killed while it uses a grant', VARIANTS.slice(0, 1), (bed) => {
  let world: ClusterWorld;
  let product: Awaited<ReturnType<typeof buildWithCountedKillPoints>>;
  beforeAll(async () => {
    product = await buildWithCountedKillPoints();
    world = await ClusterWorld.start(bed);
  }, 120_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
    await product[Symbol.asyncDispose]();
  });

  /** The result that the journal gives an order's last intent. */
  async function outcomes(gateway: GatewayProcess, order: number): Promise<readonly unknown[]> {
    const records = await world.trail(gateway);
    const mine = records.filter(
      ({ actions, kind }) => kind === 'intent' && JSON.stringify(actions).includes(`"order":${order}`),
    );
    return mine.map(
      ({ exchangeId }) =>
        records.find((record) => record.kind === 'outcome' && record['exchangeId'] === exchangeId)?.['result'],
    );
  }

  it(
    'at any await between consumption and outcome runs the request never twice, and records what it cannot know as unknown',
    { timeout: 580_000 },
    async () => {
      const armed = join(bed.cluster.folder, 'kill-count');
      await writeFile(armed, '0');
      let gateway: GatewayProcess = await world.gateway({
        entry: product.entry,
        env: { AEGIS_KILL_COUNT_FILE: armed },
      });
      const results = new Map<string, number>();
      const points = new Set<string>();
      let count = 1;
      for (; count < MAX_POINTS; count += 1) {
        const order = 1_000_000 + count;
        const name = approvalOf(await world.refund(gateway, order));
        await world.approve('alice', name);
        await writeFile(armed, String(count));
        const answer = await world.refund(gateway, order).catch(() => null);
        await writeFile(armed, '0');
        for (const { event, point } of gateway.log) if (event === 'kill-point') points.add(String(point));
        if (answer !== null) {
          expect(answer.status).toBe(200);
          break;
        }
        gateway = await world.restart(gateway);
        const ranBefore = world.ran(order);
        const { status } = await bed.get(name);
        const [result] = await outcomes(gateway, order);
        results.set(String(result), (results.get(String(result)) ?? 0) + 1);
        // Not consumed: nothing went out, and the grant still holds. Consumed: it may have gone out once.
        expect(['Approved', 'Consumed']).toContain(status.phase);
        expect(ranBefore).toBeLessThanOrEqual(1);
        if (status.phase === 'Approved') expect(ranBefore).toBe(0);
        const retried = await world.refund(gateway, order);
        expect(retried.status).toBe(status.phase === 'Approved' ? 200 : 403);
        expect(world.ran(order)).toBeLessThanOrEqual(1);
        // The outcome is written behind the answer.
        await until(async () => !(await outcomes(gateway, order)).includes(undefined));
        if (retried.status !== 200) continue;
        // It has counted the points of the retry.
        await gateway.stop('SIGKILL');
        gateway = await world.restart(gateway);
      }
      expect(count).toBeGreaterThan(15);
      expect(count).toBeLessThan(MAX_POINTS);
      expect(results.get('unknown')).toBeGreaterThan(5);
      expect([...points].some((point) => point.startsWith('src/approval/kubernetes-requests.ts'))).toBe(true);
      console.log(`killed at ${count - 1} points: ${JSON.stringify([...results])}`);
    },
  );
});
