import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { approvalOf } from '../support/agent.ts';
import { ClusterWorld } from '../support/cluster-gateway.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';
import { startNoticeReceiver, type NoticeReceiver } from '../support/notice-receiver.ts';

const TIMEOUT = { timeout: 60_000 };

describeCluster('telling of approvals in a cluster', VARIANTS.slice(0, 1), (bed) => {
  let world: ClusterWorld;
  let receiver: NoticeReceiver;
  beforeAll(async () => {
    world = await ClusterWorld.start(bed);
    receiver = await startNoticeReceiver();
  }, 60_000);
  afterAll(async () => {
    await receiver[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  it(
    'names the request as kubectl does, and the command in the message approves it for whoever may',
    TIMEOUT,
    async () => {
      const target = `notify: [{kind: cloudevents, url: "${receiver.url}", events: [pending, decided, ended]}]`;
      const gateway = await world.gateway({ approvals: target });
      const name = approvalOf(await world.refund(gateway, 1));
      const [pending] = await receiver.events(1);
      expect(pending).toMatchObject({
        type: 'dev.aegis.approval.pending',
        source: '/aegis-gateway/namespaces/agents/serviceaccounts/agent/agents/shop-agent',
        subject: name,
        data: { name, namespace: 'agents', actions: [{ params: expect.stringContaining('"order": 1') }] },
      });
      const commands = Object(pending?.data?.['commands']) as { readonly [which: string]: string };
      expect(commands).toMatchObject({
        approve: `kubectl aegis approve ${name} -n agents`,
        deny: `kubectl aegis deny ${name} -n agents --reason 'why not'`,
        kubectl_show: `kubectl get apr ${name} -n agents -o yaml`,
      });
      expect(await pastedByAlice(commands['kubectl_show'])).toMatchObject({ code: 0 });
      expect(await pastedByAlice(commands['kubectl_approve'])).toMatchObject({ code: 0, stderr: '' });
      expect((await world.refund(gateway, 1)).json).toEqual({ ok: true });
      const events = await receiver.events(3);
      expect(events.slice(1).map(({ type, data }) => [type, data?.['phase'], data?.['decision']])).toEqual([
        ['dev.aegis.approval.decided', 'approved', { approver: 'alice', verdict: 'approved', reason: '' }],
        ['dev.aegis.approval.ended', 'consumed', null],
      ]);
      expect(world.ran(1)).toBe(1);
    },
  );

  it(
    'tells after a restart what still waits, with the id that it had, also when the API server comes back late',
    TIMEOUT,
    async () => {
      await using other = await startNoticeReceiver();
      const gateway = await world.gateway({ approvals: `notify: [{kind: cloudevents, url: "${other.url}"}]` });
      const name = approvalOf(await world.refund(gateway, 2));
      const [before] = await other.events(1);
      await gateway.stop('SIGKILL');
      await world.proxy.stop();
      const next = await world.restart(gateway);
      await next.logged('notify.not-recalled');
      await world.proxy.start();
      const [, after] = await other.events(2);
      expect([after?.subject, after?.id, after?.data?.['actions']]).toEqual([
        name,
        before?.id,
        before?.data?.['actions'],
      ]);
    },
  );

  /** As alice would, who pastes the command into a shell. */
  async function pastedByAlice(command = ''): Promise<{ readonly code: number | null; readonly stderr: string }> {
    const { stdout } = spawnSync('sh', ['-c', `set -- ${command}; printf '%s\\0' "$@"`], { encoding: 'utf8' });
    const [program, ...words] = stdout.split('\0').slice(0, -1);
    expect(program).toBe('kubectl');
    return await bed.kubectl('alice', ...words);
  }
});
