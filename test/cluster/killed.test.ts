import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { approvalOf } from '../support/agent.ts';
import { ClusterWorld, until } from '../support/cluster-gateway.ts';
import { buildWithCountedKillPoints } from '../support/counted-kill-points.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';

/** More points than there are; the loop ends where a request has none left. */
const MAX_POINTS = 300;
/** A gateway that starts again waits for the disk more than for a core. */
const WORKERS = 3;

/** What the workers found. */
interface Tally {
  next: number;
  /** The number of the first request that had no such point left. */
  survived: number | null;
  readonly points: Set<string>;
  readonly results: string[];
}

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

  /** Kills a gateway at one point of one request after the other, while there are any. */
  async function killAtEach(worker: number, tally: Tally): Promise<void> {
    const armed = join(bed.cluster.folder, `kill-count-${worker}`);
    await writeFile(armed, '0');
    let gateway: GatewayProcess = await world.gateway({
      entry: product.entry,
      env: { AEGIS_KILL_COUNT_FILE: armed },
    });
    while (tally.survived === null && tally.next < MAX_POINTS) {
      const count = tally.next;
      tally.next += 1;
      const order = 1_000_000 + count;
      const name = approvalOf(await world.refund(gateway, order));
      expect((await bed.decide('alice', name, { verdict: 'approved' })).status).toBe(200);
      await writeFile(armed, String(count));
      const answer = await world.refund(gateway, order).catch(() => null);
      await writeFile(armed, '0');
      for (const { event, point } of gateway.log) if (event === 'kill-point') tally.points.add(String(point));
      // The answer can have gone out before the kill: whoever has an outcome of his own making was not killed.
      const { process: child } = gateway;
      const current = gateway;
      await until(async () => child.signalCode !== null || !(await outcomes(current, order)).includes(undefined));
      if (child.signalCode === null) {
        expect(answer?.status).toBe(200);
        tally.survived = count;
        return;
      }
      gateway = await world.restart(gateway);
      const isUsed = await expectAtMostOnce(gateway, { name, order }, tally);
      if (isUsed) continue;
      // It has counted the points of the retry.
      await gateway.stop('SIGKILL');
      gateway = await world.restart(gateway);
    }
  }

  /** What must hold after a kill; whether the grant was used up by then. */
  async function expectAtMostOnce(
    gateway: GatewayProcess,
    { name, order }: { readonly name: string; readonly order: number },
    tally: Tally,
  ): Promise<boolean> {
    const { status } = await bed.get(name);
    const ranBefore = world.ran(order);
    expect(['Approved', 'Consumed']).toContain(status.phase);
    const isUsed = status.phase === 'Consumed';
    // Not consumed: nothing went out, and the grant still holds. Consumed: it may have gone out once.
    expect(ranBefore).toBeLessThanOrEqual(isUsed ? 1 : 0);
    const [result] = await outcomes(gateway, order);
    tally.results.push(`${status.phase}, ran ${ranBefore}: ${String(result)}`);
    expect((await world.refund(gateway, order)).status).toBe(isUsed ? 403 : 200);
    expect(world.ran(order)).toBeLessThanOrEqual(1);
    // The outcome is written behind the answer.
    await until(async () => !(await outcomes(gateway, order)).includes(undefined));
    return isUsed;
  }

  it(
    'at any await between consumption and outcome runs the request never twice, and records what it cannot know as unknown',
    { timeout: 580_000 },
    async () => {
      const tally: Tally = { next: 1, survived: null, points: new Set(), results: [] };
      await Promise.all(Array.from({ length: WORKERS }, async (_, worker) => await killAtEach(worker, tally)));
      expect(tally.survived).toBeGreaterThan(15);
      // Where it ran before the kill is a point or two, which a sweep in the background can move out of the count.
      const results = new Set(tally.results);
      for (const seen of ['Approved, ran 0: unknown', 'Consumed, ran 0: unknown']) expect(results).toContain(seen);
      const files = [...tally.points].map((point) => point.split(':')[0]);
      for (const file of ['exchange', 'approval/gate', 'approval/kubernetes-store', 'approval/kubernetes-requests'])
        expect(files).toContain(`src/${file}.ts`);
    },
  );
});
