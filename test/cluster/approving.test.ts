import { afterAll, beforeAll, expect, it } from 'vitest';
import { approvalOf } from '../support/agent.ts';
import { ClusterWorld, until, type TrailRecord } from '../support/cluster-gateway.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';

const TIMEOUT = { timeout: 60_000 };

describeCluster('a gateway that keeps approvals in a cluster', VARIANTS, (bed) => {
  let world: ClusterWorld;
  let gateway: GatewayProcess;
  let held: GatewayProcess;
  beforeAll(async () => {
    world = await ClusterWorld.start(bed);
    gateway = await world.gateway();
    held = await world.gateway({ limits: 'approval_wait: 20s' });
  }, 60_000);
  afterAll(async () => await world[Symbol.asyncDispose]());

  const trailOf = async (from: GatewayProcess): Promise<readonly TrailRecord[]> =>
    (await world.trail(from)).filter(({ kind }) => kind === 'approval');

  it('asks, is approved with kubectl, runs the request exactly once and asks anew after that', TIMEOUT, async () => {
    const first = await world.refund(gateway, 1);
    expect([first.status, first.json['code']]).toEqual([403, 'approval-pending']);
    const name = approvalOf(first);
    expect(approvalOf(await world.refund(gateway, 1))).toBe(name);
    expect((await bed.get(name)).spec).toMatchObject({
      requester: 'system:serviceaccount:agents:gateway',
      requestingPod: { name: 'gateway-0' },
    });
    await world.approve('alice', name);
    const waited = await bed.kubectl(
      'alice',
      'wait',
      '--for=condition=Approved',
      '-n',
      'agents',
      `apr/${name}`,
      '--timeout=20s',
    );
    expect([waited.code, waited.stderr]).toEqual([0, '']);
    const ran = await world.refund(gateway, 1);
    expect([ran.status, ran.json]).toEqual([200, { ok: true }]);
    const again = await world.refund(gateway, 1);
    expect(again.json['code']).toBe('approval-pending');
    expect(approvalOf(again)).toBe(`${name}-2`);
    expect(world.ran(1)).toBe(1);
    const { spec, status } = await bed.get(name);
    expect(status).toMatchObject({
      phase: 'Consumed',
      approvals: 1,
      decisions: [{ approver: 'alice', verdict: 'approved' }],
      consumption: { pod: 'gateway-0' },
    });
    expect(status['auditHead']).toMatch(/^\d+:[0-9a-f]{64}$/u);
    expect(status.conditions.map(({ type }) => type)).toEqual(['Approved', 'Consumed']);
    expect(status.conditions.every(({ lastTransitionTime }) => typeof lastTransitionTime === 'string')).toBe(true);
    expect(spec['summary']).toMatchObject({ action: 'create', agent: 'shop-agent', rule: 'refund' });
    expect(spec['agent']).toEqual({
      id: 'shop-agent',
      namespace: 'agents',
      pod: 'gateway-0',
      serviceAccount: 'agent',
      labels: { app: 'shop', 'app.kubernetes.io/part-of': 'orders' },
    });
    expect((await bed.get(`${name}-2`)).spec['predecessor']).toMatchObject({ name, phase: 'Consumed' });
    const events = (await trailOf(gateway)).filter(({ approval }) => approval === name);
    expect(events.map(({ event, approver }) => [event, approver])).toEqual([
      ['requested', ''],
      ['decided', 'alice'],
      ['consumed', ''],
    ]);
  });

  it('holds the connection and goes on as soon as somebody agreed', TIMEOUT, async () => {
    const answer = world.refund(held, 2);
    const { metadata } = await world.pending(2);
    await world.approve('alice', metadata.name);
    expect((await answer).json).toEqual({ ok: true });
    expect(world.ran(2)).toBe(1);
  });

  it('waits for two people where the rule says so', TIMEOUT, async () => {
    const policy = `version: "1"\nrules:\n  - {name: big, match: {type: create}, risk_level: high, approval: {approvers: 2, wait: 0s}}\n`;
    const two = await world.gateway({ policy });
    const name = approvalOf(await world.refund(two, 3));
    await world.approve('alice', name);
    expect((await world.refund(two, 3)).json['code']).toBe('approval-pending');
    expect((await bed.decide('alice', name, { verdict: 'approved' })).status).not.toBe(200);
    await world.approve('bob', name);
    expect((await world.refund(two, 3)).status).toBe(200);
    expect(world.ran(3)).toBe(1);
    const decided = (await trailOf(two)).filter(({ event }) => event === 'decided');
    expect(decided.map(({ approver }) => approver)).toEqual(['alice', 'bob']);
  });

  it('tells the agent of a denial, with its reason', TIMEOUT, async () => {
    const answer = world.refund(held, 4);
    const { metadata } = await world.pending(4);
    await world.kubectlDecides('bob', metadata.name, { verdict: 'denied', reason: 'not without a receipt' });
    const { json } = await answer;
    expect([json['code'], JSON.stringify(json)]).toEqual([
      'approval-denied',
      expect.stringContaining('not without a receipt'),
    ]);
    expect((await world.refund(gateway, 4)).json['code']).toBe('approval-denied');
    expect(await bed.get(metadata.name)).toMatchObject({ status: { phase: 'Denied', endedAt: expect.any(String) } });
    expect(world.ran(4)).toBe(0);
  });

  it('ends what nobody decided by its own clock, and tells the agent once', TIMEOUT, async () => {
    const brief = await world.gateway({ limits: 'approval_wait: 20s, approval_ttl: 2s' });
    const answer = await world.refund(brief, 5);
    expect(answer.json['code']).toBe('approval-expired');
    const name = approvalOf(answer);
    expect(await bed.get(name)).toMatchObject({ status: { phase: 'Expired', told: true } });
    const late = await bed.decide('alice', name, { verdict: 'approved' });
    expect([late.status, late.body]).toEqual([422, expect.stringContaining('cannot be decided any more')]);
  });

  it('finds after a restart what was decided while it was away, unless it comes too late', TIMEOUT, async () => {
    const one = await world.gateway({ limits: 'approval_wait: 0s, approval_ttl: 10s' });
    const [inTime, tooLate] = await Promise.all(
      [7, 8].map(async (order) => approvalOf(await world.refund(one, order))),
    );
    await one.stop('SIGKILL');
    for (const name of [inTime, tooLate]) await world.approve('alice', name ?? '');
    const two = await world.restart(one);
    expect((await world.refund(two, 7)).json).toEqual({ ok: true });
    await two.stop('SIGKILL');
    const { spec, status } = await bed.get(tooLate ?? '');
    const seen = typeof status['grantExpiresAt'] === 'string' ? status['grantExpiresAt'] : String(spec['expiresAt']);
    await new Promise((done) => setTimeout(done, Math.max(0, Date.parse(seen) - Date.now()) + 100));
    const three = await world.restart(two);
    expect((await world.refund(three, 8)).json['code']).toBe('approval-expired');
    expect([world.ran(7), world.ran(8)]).toEqual([1, 0]);
  });

  it('counts the uses of a grant that covers more than one request', TIMEOUT, async () => {
    const policy = `version: "1"\nrules:\n  - {name: all, match: {type: create}, risk_level: high, approval: {approvers: 1, wait: 0s, scope: target, for: 10m}}\n`;
    const wide = await world.gateway({ policy });
    const name = approvalOf(await world.refund(wide, 9));
    await world.approve('alice', name);
    for (const order of [9, 9, 10]) expect((await world.refund(wide, order)).json).toEqual({ ok: true });
    expect(await bed.get(name)).toMatchObject({ status: { phase: 'Approved', uses: 3 } });
    const other = await world.gateway({ policy: policy.replace('name: all', 'name: changed') });
    expect((await world.refund(other, 11)).json['code']).toBe('approval-pending');
  });

  it('sends Events of the request and of the pod', TIMEOUT, async () => {
    let messages: readonly string[] = [];
    const reasons = await until(async () => {
      const { stdout } = await bed.kubectl('admin', 'get', 'events', '-n', 'agents', '-o', 'json');
      const { items } = JSON.parse(stdout) as {
        items: { reason: string; message: string; involvedObject: { kind: string } }[];
      };
      messages = items.map(({ message }) => message);
      const found = new Set(items.map(({ involvedObject, reason }) => `${involvedObject.kind} ${reason}`));
      return found.has('Pod ApprovalExpired') ? found : null;
    });
    for (const reason of ['ApprovalRequested', 'ApprovalGranted', 'ApprovalDenied', 'ApprovalConsumed']) {
      expect(reasons).toContain(`ApprovalRequest ${reason}`);
      expect(reasons).toContain(`Pod ${reason}`);
    }
    expect(messages).toContain('waits for 1 to approve: create 127.0.0.1 (risk high, rule refund)');
  });

  it('lists and shows approvals on its control socket, and refuses to decide there', TIMEOUT, async () => {
    const name = approvalOf(await world.refund(gateway, 6));
    expect((await gateway.cli('approvals', 'list', '-o', 'name')).stdout.split('\n')).toContain(name);
    expect((await gateway.cli('approvals', 'show', name)).stdout).toContain('order');
    const refused = await gateway.cli('approvals', 'approve', name, '--yes');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('kubectl patch apr')]);
  });
});
