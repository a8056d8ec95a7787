import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { approvalOf, throughRoute, type AgentAnswer } from '../support/agent.ts';
import { ClusterWorld, until } from '../support/cluster-gateway.ts';
import { describeCluster, VARIANTS } from '../support/cluster.ts';

const TIMEOUT = { timeout: 90_000 };

/** A policy of somebody else; without a reason of its own it refuses as Invalid (422). */
const KEEPS_ACCOUNTS_OUT = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: test-keeps-gateway-out}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - {apiGroups: [aegis.dev], apiVersions: ['*'], operations: [UPDATE], resources: [approvalrequests/status]}
  validations:
    - expression: >-
        request.userInfo.username != 'system:serviceaccount:agents:gateway' ||
        object.status.decisions.size() == oldObject.status.decisions.size()
      message: accounts decide nothing
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: test-keeps-gateway-out}
spec: {policyName: test-keeps-gateway-out, validationActions: [Deny]}
`;

describeCluster('a cluster in which not everybody is honest', VARIANTS.slice(0, 1), (bed) => {
  let world: ClusterWorld;
  beforeEach(async () => {
    world = await ClusterWorld.start(bed);
  });
  afterEach(async () => await world[Symbol.asyncDispose]());

  it('gives no grant by an object that somebody else made under the derived name', TIMEOUT, async () => {
    const gateway = await world.gateway();
    const name = approvalOf(await world.refund(gateway, 201));
    const { spec } = await bed.get(name);
    expect((await bed.delete('gateway', name)).status).toBe(200);
    // A neighbour knows everything about the request, and has an accomplice who may approve.
    await bed.create({ name, spec: { ...spec, requester: 'unknown' } }, 'neighbour');
    expect((await bed.decide('alice', name, { verdict: 'approved' })).status).toBe(200);
    const answer = await world.refund(gateway, 201);
    expect([answer.json['code'], approvalOf(answer)]).toEqual(['approval-pending', `${name}-2`]);
    expect(world.ran(201)).toBe(0);
    const reported = await gateway.logged('approvals.object-refused');
    expect(reported).toMatchObject({
      name,
      problem: expect.stringContaining('system:serviceaccount:agents:neighbour'),
    });
    await world.approve('alice', `${name}-2`);
    expect((await world.refund(gateway, 201)).status).toBe(200);
    expect(world.ran(201)).toBe(1);
  });

  it('takes no object of its own name whose binding is another', TIMEOUT, async () => {
    const gateway = await world.gateway();
    const name = approvalOf(await world.refund(gateway, 202));
    const { metadata, spec } = await bed.get(name);
    expect((await bed.delete('gateway', name)).status).toBe(200);
    const binding = { ...(spec['binding'] as object), method: 'DELETE' };
    await bed.create({ name, spec: { ...spec, binding }, metadata: { labels: metadata.labels } }, 'gateway');
    await bed.decide('alice', name, { verdict: 'approved' });
    const answer = await world.refund(gateway, 202);
    expect([answer.json['code'], approvalOf(answer)]).toEqual(['approval-pending', `${name}-2`]);
    expect((await gateway.logged('approvals.object-refused'))['problem']).toContain('fingerprint');
    expect(world.ran(202)).toBe(0);
  });

  it(
    'refuses the store while a policy that says who asks or who decides is missing, and uses it when they are back',
    TIMEOUT,
    async () => {
      const gateway = await world.gateway({ approvals: 'policy_check: 1s' });
      const name = approvalOf(await world.refund(gateway, 203));
      await world.approve('alice', name);
      for (const [kind, policy] of [
        ['validatingadmissionpolicybinding', 'aegis-approval-decisions'],
        ['mutatingadmissionpolicybinding', 'aegis-stamp-requester'],
      ] as const) {
        // Something has to be pending for the decisions to be tried.
        await world.refund(gateway, 1_203);
        await bed.kubectl('admin', 'delete', kind, policy);
        if (kind.startsWith('mutating'))
          await bed.kubectl('admin', 'delete', 'validatingadmissionpolicybinding', 'aegis-approval-requests');
        const refused = await until(async () => {
          const answer = await world.refund(gateway, kind.startsWith('mutating') ? 1_204 : 1_203);
          return answer.json['code'] === 'approvals-unavailable' ? answer : null;
        });
        expect(refused.json['detail']).toContain('is not in force');
        expect((await world.refund(gateway, 203)).json['code']).toBe('approvals-unavailable');
        expect(await world.readiness(gateway, 'approval-policies')).toMatchObject({ ok: false });
        expect(await world.metric(gateway, 'aegis_approval_policies_in_force')).toBe(0);
        await bed.install(bed.variant.manifests);
        await until(async () => (await world.refund(gateway, 1_203)).json['code'] === 'approval-pending');
      }
      expect(world.ran(203)).toBe(0);
      expect((await world.refund(gateway, 203)).json).toEqual({ ok: true });
      expect(world.ran(203)).toBe(1);
    },
  );

  it('uses no grant that was given while the policy of decisions was missing', TIMEOUT, async () => {
    const gateway = await world.gateway({ approvals: 'policy_check: 5s' });
    const name = approvalOf(await world.refund(gateway, 205));
    await bed.kubectl('admin', 'delete', 'validatingadmissionpolicybinding', 'aegis-approval-decisions');
    // The agent's accomplice may write the status, as every gateway may, and could not approve while the policy was there.
    await until(async () => (await bed.decide('neighbour', name, { verdict: 'approved' })).status === 200);
    await sleep(5_000);
    const answer = await world.refund(gateway, 205);
    expect([answer.json['code'], answer.json['detail']]).toEqual([
      'approvals-unavailable',
      expect.stringContaining('aegis-approval-decisions is not in force'),
    ]);
    expect((await world.refund(gateway, 205)).json['code']).toBe('approvals-unavailable');
    expect(world.ran(205)).toBe(0);
    await bed.delete('gateway', name);
    await bed.install(bed.variant.manifests);
    await until(async () => (await world.refund(gateway, 205)).json['code'] === 'approval-pending');
  });

  it('uses no grant while only another policy than its own keeps it from deciding', TIMEOUT, async () => {
    const gateway = await world.gateway({ approvals: 'policy_check: 2s' });
    const name = approvalOf(await world.refund(gateway, 206));
    // It refuses the gateway as the policy of decisions does, but for another reason, and nobody else at all.
    await bed.cluster.kubectl('admin', ['apply', '-f', '-'], KEEPS_ACCOUNTS_OUT);
    await bed.kubectl('admin', 'delete', 'validatingadmissionpolicybinding', 'aegis-approval-decisions');
    await until(async () => (await bed.decide('neighbour', name, { verdict: 'approved' })).status === 200);
    await sleep(2_000);
    expect((await world.refund(gateway, 206)).json['code']).toBe('approvals-unavailable');
    expect(world.ran(206)).toBe(0);
    await bed.cluster.kubectl('admin', ['delete', '-f', '-'], KEEPS_ACCOUNTS_OUT);
    await bed.delete('gateway', name);
    await bed.install(bed.variant.manifests);
    await until(async () => (await world.refund(gateway, 206)).json['code'] === 'approval-pending');
  });

  it('goes on without the policies where it is told to, and says so', TIMEOUT, async () => {
    for (const [kind, policy] of [
      ['validatingadmissionpolicybinding', 'aegis-approval-requests'],
      ['mutatingadmissionpolicybinding', 'aegis-stamp-requester'],
    ] as const)
      await bed.kubectl('admin', 'delete', kind, policy);
    const gateway = await world.gateway({ approvals: 'require_policies: false, policy_check: 1s' });
    const warned = await until(async () => {
      await world.refund(gateway, 204);
      return gateway.log.find(({ event }) => event === 'approvals.policies-not-in-force');
    });
    expect(warned).toMatchObject({ level: 'error', refused: false });
    expect((await world.refund(gateway, 204)).json['code']).toBe('approval-pending');
    await bed.install(bed.variant.manifests);
    await until(async () => {
      await world.refund(gateway, 204);
      return (await world.readiness(gateway, 'approval-policies')).detail.includes('in force as of');
    });
  });

  it(
    'makes a grant void when policy, action map or credential changed, each with its own reason',
    TIMEOUT,
    async () => {
      const files = { 'token.txt': 'first-secret' };
      const config = `routes: {shop: {upstream: "${world.upstream.origin}", credential: {file: token.txt}}}`;
      const policy = (note: string): string =>
        `version: "1"\n# ${note}\nrules:\n  - {name: ${note}, match: {type: pay}, risk_level: high, approval: approve}\n`;
      const actions = (note: string): string =>
        `version: 1\nhost: "127.0.0.1"\nactions:\n  - {match: {method: POST, path: /pay}, action: {type: pay, target: "${note}"}}\n`;
      const gateway = await world.gateway({ files, config, policy: policy('one'), actions: actions('one') });
      const pay = async (): Promise<AgentAnswer> =>
        await throughRoute(gateway.port, '/routes/shop/pay', { body: { amount: 5 } });
      const inForce = async (): Promise<string> =>
        (await world.readiness(gateway, 'policy')).detail + (await world.readiness(gateway, 'actions')).detail;
      for (const [reason, file, text] of [
        ['policy-changed', 'policy.yaml', policy('two')],
        ['actions-changed', 'actions.yaml', actions('two')],
        ['credential-changed', 'token.txt', 'second-secret'],
      ] as const) {
        const name = approvalOf(await pay());
        await world.approve('alice', name);
        const worldBefore = await inForce();
        await writeFile(join(gateway.folder, file), text);
        // A credential is used for as long as it may be old; the other files are watched.
        if (reason === 'credential-changed') await sleep(2_000);
        else await until(async () => (await inForce()) !== worldBefore);
        const answer = await pay();
        expect([answer.json['code'], JSON.stringify(answer.json)]).toEqual([
          'approval-void',
          expect.stringContaining(reason),
        ]);
        expect(await bed.get(name)).toMatchObject({ status: { phase: 'Void', voidReason: reason } });
      }
      expect(world.upstream.seen.filter(({ url }) => url === '/pay')).toHaveLength(0);
    },
  );
});
