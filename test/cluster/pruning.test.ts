import { afterAll, beforeAll, expect, it } from 'vitest';
import { approvalOf } from '../support/agent.ts';
import { ClusterWorld } from '../support/cluster-gateway.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';
import { runCli, type CliResult } from '../support/gateway-process.ts';

const byText = (left: string | undefined, right: string | undefined): number => ((left ?? '') < (right ?? '') ? -1 : 1);

describeCluster('approvals prune', VARIANTS.slice(0, 1), (bed) => {
  let world: ClusterWorld;
  beforeAll(async () => {
    world = await ClusterWorld.start(bed);
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  const prune = async (user: 'gateway' | 'neighbour', ...more: readonly string[]): Promise<CliResult> =>
    await runCli(['approvals', 'prune', '--kubeconfig', bed.cluster.kubeconfig(user), '--older-than', '0s', ...more]);
  const names = async (): Promise<readonly string[]> =>
    (await bed.kubectl('admin', 'get', 'apr', '-n', 'agents', '-o', 'name')).stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace('approvalrequest.aegis.dev/', ''));

  it('deletes what has ended, and never what is pending or granted', { timeout: 60_000 }, async () => {
    const gateway = await world.gateway();
    const [pending, granted, denied, consumed] = await Promise.all(
      [401, 402, 403, 404].map(async (order) => approvalOf(await world.refund(gateway, order))),
    );
    await world.approve('alice', granted ?? '');
    await world.kubectlDecides('alice', denied ?? '', { verdict: 'denied', reason: 'no' });
    await world.approve('alice', consumed ?? '');
    expect((await world.refund(gateway, 404)).status).toBe(200);
    expect((await world.refund(gateway, 403)).json['code']).toBe('approval-denied');
    const young = await runCli(['approvals', 'prune', '--kubeconfig', bed.cluster.kubeconfig('gateway')]);
    expect([young.code, young.stdout, young.stderr]).toEqual([
      0,
      '',
      expect.stringContaining('0 requests deleted; 2 pending or granted; 2 ended less than 30d ago'),
    ]);
    const dry = await prune('gateway', '--dry-run');
    expect(
      dry.stdout
        .split('\n')
        .filter((line) => line !== '')
        .toSorted(byText),
    ).toEqual([denied, consumed].toSorted(byText));
    expect(await names()).toHaveLength(4);
    const foreign = await prune('neighbour');
    expect([foreign.code, foreign.stdout, foreign.stderr]).toEqual([1, '', expect.stringContaining('can delete it')]);
    const done = await prune('gateway');
    expect([done.code, done.stderr]).toEqual([
      0,
      '2 requests deleted; 2 pending or granted; 0 ended less than 0ms ago\n',
    ]);
    expect((await names()).toSorted(byText)).toEqual([pending, granted].toSorted(byText));
  });

  it('fails after some tries where the API server is away', { timeout: 60_000 }, async () => {
    await world.proxy.stop();
    const folder = await world.serviceAccount('gateway');
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(world.proxy.port) };
    const { code, stderr } = await runCli(['approvals', 'prune', '--service-account-dir', folder], { env });
    expect([code, stderr]).toEqual([2, expect.stringContaining('the API server cannot be reached')]);
  });

  it('says what it needs where there is no cluster', async () => {
    const { code, stderr } = await runCli(['approvals', 'prune']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('kubeconfig')]);
  });
});
