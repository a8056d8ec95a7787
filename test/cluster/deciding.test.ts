import { beforeAll, expect, it, vi } from 'vitest';
import type { ApprovalRequest, Changes } from '../support/approval-request.ts';
import {
  AUTHENTICATED,
  describeCluster,
  refusalOf,
  VARIANTS,
  WAYS,
  type Bed,
  type UserName,
} from '../support/cluster.ts';

const TWO: Changes = { spec: { approvers: 2 } };
const TIME = '2026-11-24T18:00:00Z';
const APPROVE = { verdict: 'approved' };

describeCluster('deciding', VARIANTS, (bed) => {
  beforeAll(async () => {
    // Somebody was careless: the verb is not what keeps these three from deciding.
    const careless = ['gateway', 'agent'].map((account) => `--serviceaccount=agents:${account}`);
    const made = await bed.kubectl(
      'admin',
      'create',
      'rolebinding',
      'careless',
      '--clusterrole=aegis-approver',
      ...careless,
    );
    if (made.code !== 0) throw new Error(made.stderr);
    // RBAC answers from a cache of its own.
    await vi.waitFor(async () => {
      const { status } = await bed.decide('agent', 'apr-none000000', APPROVE);
      if (status !== 404) throw new Error(`expected the role to be in force, found ${status}`);
    }, 10_000);
  });

  it('takes one approval where one person has to agree, and says so by phase, count and condition', async () => {
    const { metadata } = await bed.create();
    expect((await bed.decide('alice', metadata.name, APPROVE)).status).toBe(200);
    await bed.settle(metadata.name, 'Approved');
    const { status } = await bed.get(metadata.name);
    expect(status).toEqual({
      phase: 'Approved',
      approvals: 1,
      decisions: [{ approver: 'alice', verdict: 'approved', reason: '' }],
      conditions: [{ type: 'Approved', status: 'True', reason: 'Decided', message: '' }],
      uses: 0,
      told: false,
    });
  });

  it('waits for the second of two people', async () => {
    const { metadata } = await bed.create(TWO);
    expect((await bed.decide('alice', metadata.name, APPROVE)).status).toBe(200);
    expect((await bed.get(metadata.name)).status.phase).toBe('Pending');
    expect((await bed.decide('bob', metadata.name, { verdict: 'approved', reason: 'looked it up' })).status).toBe(200);
    await bed.settle(metadata.name, 'Approved');
    const { status } = await bed.get(metadata.name);
    expect(status.phase).toBe('Approved');
    expect(status.decisions).toEqual([
      { approver: 'alice', verdict: 'approved', reason: '' },
      { approver: 'bob', verdict: 'approved', reason: 'looked it up' },
    ]);
  });

  it('ends with one denial, even after somebody agreed', async () => {
    const { metadata } = await bed.create(TWO);
    expect((await bed.decide('alice', metadata.name, APPROVE)).status).toBe(200);
    expect((await bed.decide('bob', metadata.name, { verdict: 'denied', reason: 'not this customer' })).status).toBe(
      200,
    );
    await bed.settle(metadata.name, 'Denied');
    const { status } = await bed.get(metadata.name);
    expect(status.phase).toBe('Denied');
    expect(status.approvals).toBe(1);
    const late = await bed.decide('admin', metadata.name, APPROVE);
    expect(refusalOf(late)).toMatch(/this request is Denied: it cannot be decided any more/u);
  });

  it('takes no third decision between a denial and the phase that follows from it', async () => {
    const { metadata } = await bed.create({ spec: { approvers: 3 } });
    expect((await bed.decide('bob', metadata.name, { verdict: 'denied', reason: 'no' })).status).toBe(200);
    const late = await bed.decide('alice', metadata.name, APPROVE);
    expect(refusalOf(late)).toMatch(/this request is Denied: it cannot be decided any more/u);
  });

  it.each(WAYS)('takes a decision by %s', async (way) => {
    const { metadata, status } = await bed.create();
    const mine = bed.variant.stamps && way !== 'server-side apply' ? {} : { approver: 'alice' };
    const answer = await bed.write('alice', way, metadata.name, { ...status, decisions: [{ ...mine, ...APPROVE }] });
    expect(answer.status).toBe(200);
    expect((await bed.get(metadata.name)).status.decisions).toEqual([
      { approver: 'alice', verdict: 'approved', reason: '' },
    ]);
  });

  it('lets two people apply their own decision without the other one', async () => {
    const { metadata } = await bed.create(TWO);
    for (const user of ['alice', 'bob'] as const) {
      const decisions = [{ approver: user, verdict: 'approved' }];
      const applied = await bed.send(user, 'server-side apply', `${bed.pathOf(metadata.name)}/status`, {
        apiVersion: 'aegis.dev/v1alpha1',
        kind: 'ApprovalRequest',
        metadata: { name: metadata.name },
        status: { decisions },
      });
      expect(refusalOf(applied)).toBe('');
    }
    expect((await bed.get(metadata.name)).status.approvals).toBe(bed.variant.stamps ? 2 : 0);
  });

  it.each(WAYS)("never keeps somebody else's name by %s", async (way) => {
    const { metadata, status } = await bed.create();
    const wanted = { ...status, decisions: [{ approver: 'bob', verdict: 'approved', reason: '' }] };
    const answer = await bed.write('alice', way, metadata.name, wanted);
    const { decisions } = (await bed.get(metadata.name)).status;
    if (bed.variant.stamps) {
      expect(decisions).toEqual([{ approver: 'alice', verdict: 'approved', reason: '' }]);
    } else {
      expect(refusalOf(answer)).toBe('everybody decides for themselves: approver has to be you, alice, found bob');
      expect(decisions).toEqual([]);
    }
  });

  it.each(WAYS)('takes no second decision of the same person by %s', async (way) => {
    const { metadata } = await bed.create(TWO);
    await bed.decide('alice', metadata.name, APPROVE);
    const before = (await bed.get(metadata.name)).status;
    for (const approver of ['alice', 'bob']) {
      const again = { ...before, decisions: [...before.decisions, { approver, verdict: 'approved', reason: 'again' }] };
      const answer = await bed.write('alice', way, metadata.name, again);
      expect([403, 409, 422, 500]).toContain(answer.status);
      expect(refusalOf(answer)).toMatch(
        /Duplicate value: .*"approver":"alice"|approver has to be you, alice|duplicate entries|a decision that was made cannot be changed/u,
      );
    }
    expect((await bed.get(metadata.name)).status).toEqual(before);
  });

  it.each([
    ['gateway', 'system:serviceaccount:agents:gateway made this request and may not decide it'],
    ['gateway-replica', 'system:serviceaccount:agents:gateway made this request and may not decide it'],
    ['gateway-unbound', 'system:serviceaccount:agents:gateway made this request and may not decide it'],
    ['agent', 'system:serviceaccount:agents:agent belongs to the workload that asks and may not decide'],
    [
      'neighbour',
      'system:serviceaccount:agents:neighbour may not decide here: it takes the verb approve on approvalrequests.aegis.dev in namespace agents',
    ],
  ] as const)('is not for %s, in any way, with or without the verb', async (user, says) => {
    const { metadata } = await bed.create();
    await expectNoDecision(bed, user, metadata.name, (text) => text === says);
  });

  it.each(['viewer', 'stranger', 'foreign-gateway'] as const)(
    'is not for %s, whom no role lets write',
    async (user) => {
      const { metadata } = await bed.create();
      await expectNoDecision(bed, user, metadata.name, (text) =>
        /cannot (?:patch|update) resource "approvalrequests\/status" in API group "aegis.dev" in the namespace "agents"/u.test(
          text,
        ),
      );
    },
  );

  it('is for whom it was granted by name alone, and for that request alone', async () => {
    const [one, other] = [await bed.create(), await bed.create()];
    const { name } = one.metadata;
    const rules = [
      ['get,patch,update', 'approvalrequests/status'],
      ['approve', 'approvalrequests'],
    ] as const;
    for (const [verbs, resource] of rules) {
      const role = `one-${resource.replace('/', '-')}`;
      const rule = { apiGroups: ['aegis.dev'], resources: [resource], verbs: verbs.split(',') };
      const made = await bed.call('admin', {
        method: 'POST',
        path: '/apis/rbac.authorization.k8s.io/v1/namespaces/agents/roles',
        body: JSON.stringify({
          metadata: { name: role },
          rules: [verbs === 'approve' ? { ...rule, resourceNames: [name] } : rule],
        }),
      });
      expect(made.status).toBe(201);
      await bed.kubectl('admin', 'create', 'rolebinding', role, `--role=${role}`, '--user=stranger');
    }
    await expect.poll(async () => (await bed.decide('stranger', name, APPROVE)).status).toBe(200);
    expect(refusalOf(await bed.decide('stranger', other.metadata.name, APPROVE))).toMatch(
      /stranger may not decide here/u,
    );
  });

  it.each([
    ['another phase', { phase: 'Void', voidReason: 'x' }, 'may set phase Void'],
    [
      'a condition',
      { conditions: [{ type: 'Approved', status: 'True', reason: 'Decided', message: '' }] },
      'may set conditions',
    ],
    ['that the agent was told', { told: true }, 'may set told'],
    ['the end of the grant and an anchor', { grantExpiresAt: TIME, auditHead: '7:abc' }, 'may set '],
  ])('brings nothing else along: %s', async (_title, other, says) => {
    const { metadata, status } = await bed.create(TWO);
    const decisions = [{ approver: 'alice', verdict: 'approved', reason: '' }];
    for (const way of WAYS) {
      const answer = await bed.write('alice', way, metadata.name, { ...status, decisions, ...other });
      expect(answer.status).toBe(403);
      expect(refusalOf(answer)).toContain(`only the gateway that asked (system:serviceaccount:agents:gateway) ${says}`);
    }
    expect((await bed.get(metadata.name)).status).toEqual(status);
  });

  it.each([
    ['a denial without a reason', { verdict: 'denied' }, 'a denial needs a reason, which the agent is told'],
    ['a denial with a blank reason', { verdict: 'denied', reason: '  ' }, 'a denial needs a reason'],
    ['another verdict', { verdict: 'maybe' }, 'Unsupported value: "maybe": supported values: "approved", "denied"'],
    ['no verdict', {}, 'status.decisions[0].verdict: Required value'],
    ['a reason that moves the cursor', { verdict: 'denied', reason: 'no\u001B[2J' }, 'should match'],
    ['a reason of two lines', { verdict: 'denied', reason: 'no\nyes' }, 'should match'],
    ['a reason that turns the text around', { verdict: 'denied', reason: 'a\u202Eb' }, 'should match'],
    ['a reason without end', { verdict: 'denied', reason: 'x'.repeat(1_001) }, 'Too long: may not be more than 1000'],
  ])('refuses %s', async (_title, decision, says) => {
    const { metadata } = await bed.create();
    const answer = await bed.decide('alice', metadata.name, decision);
    expect(answer.status).toBe(422);
    expect(refusalOf(answer)).toContain(says);
    expect((await bed.get(metadata.name)).status.decisions).toEqual([]);
  });

  it('may be tied to what was seen: a test operation that fails decides nothing', async () => {
    const { metadata } = await bed.create();
    const answer = await bed.send('alice', 'JSON patch', `${bed.pathOf(metadata.name)}/status`, [
      { op: 'test', path: '/spec/fingerprint', value: '0'.repeat(64) },
      { op: 'add', path: '/status/decisions/-', value: { approver: 'alice', ...APPROVE } },
    ]);
    expect(answer.status).toBe(422);
    expect((await bed.get(metadata.name)).status.decisions).toEqual([]);
  });

  it('lets the gateway that asked do what is its own: times, anchors, expiry, use and consumption', async () => {
    const once = await bed.create();
    await bed.decide('alice', once.metadata.name, APPROVE);
    await bed.settle(once.metadata.name, 'Approved');
    const at = '2026-11-24T18:00:00Z';
    const seen = await bed.get(once.metadata.name);
    const condition = { type: 'Approved', status: 'True', reason: 'Decided', message: '', lastTransitionTime: at };
    await ok(bed, seen, { conditions: [condition], grantExpiresAt: at, auditHead: '7:abc' });
    const consumption = { exchangeId: 'ex-2', pod: 'gateway-1', at };
    // Another replica may use it up: identity is the workload, the pod is recorded.
    await ok(bed, seen, { phase: 'Consumed', consumption, endedAt: at }, 'gateway-replica');
    await ok(bed, seen, { told: true, auditHead: '9:def' });

    const reusable = await bed.create({ spec: { scope: 'target' } });
    await bed.decide('alice', reusable.metadata.name, APPROVE);
    await bed.settle(reusable.metadata.name, 'Approved');
    for (const uses of [1, 2]) await ok(bed, reusable, { uses });
    await ok(bed, reusable, { phase: 'Void', voidReason: 'policy-changed' });
    await ok(bed, await bed.create(), { phase: 'Expired', endedAt: at });
  });

  it('is not used up before it is called approved, though enough people agreed', async () => {
    if (bed.variant.stamps) return;
    const { metadata } = await bed.create();
    await bed.decide('alice', metadata.name, APPROVE);
    const { status } = await bed.get(metadata.name);
    const consumed = { ...status, phase: 'Consumed', consumption: { exchangeId: 'ex-2', at: TIME } };
    for (const way of WAYS) {
      expect(refusalOf(await bed.write('gateway', way, metadata.name, consumed))).toMatch(
        /from Pending the phase can only become Approved, Denied, Expired or Void/u,
      );
    }
  });

  it('lets one of two consumers win, by the resource version', async () => {
    const { metadata } = await bed.create();
    await bed.decide('alice', metadata.name, APPROVE);
    await bed.settle(metadata.name, 'Approved');
    const seen = await bed.get(metadata.name);
    const consumption = { exchangeId: 'ex-2', at: '2026-11-24T18:00:00Z' };
    const body = { ...seen, status: { ...seen.status, phase: 'Consumed', consumption } };
    const answers = await Promise.all(
      (['gateway', 'gateway-replica', 'gateway', 'gateway-replica'] as const).map(
        async (user) => await bed.send(user, 'replace', `${bed.pathOf(metadata.name)}/status`, body),
      ),
    );
    expect(answers.map(({ status }) => status).sort((left, right) => left - right)).toEqual([200, 409, 409, 409]);
  });
});

async function expectNoDecision(
  bed: Bed,
  user: UserName,
  name: string,
  isRefusal: (text: string) => boolean,
): Promise<void> {
  const before = (await bed.get(name)).status;
  const wrong: string[] = [];
  for (const verdict of ['approved', 'denied']) {
    for (const way of WAYS) {
      const decisions = [{ approver: AUTHENTICATED[user], verdict, reason: 'because' }];
      const answer = await bed.write(user, way, name, { ...before, decisions });
      if (answer.status !== 403 || !isRefusal(refusalOf(answer))) {
        wrong.push(`${user}, ${way}: ${answer.status} ${refusalOf(answer)}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect((await bed.get(name)).status).toEqual(before);
}

async function ok(bed: Bed, { metadata }: ApprovalRequest, status: object, as: UserName = 'gateway'): Promise<void> {
  const answer = await bed.send(as, 'merge patch', `${bed.pathOf(metadata.name)}/status`, { status });
  expect(answer.status === 200 ? '' : refusalOf(answer)).toBe('');
}
