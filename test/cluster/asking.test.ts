import { expect, it } from 'vitest';
import type { ApprovalRequest, Changes } from '../support/approval-request.ts';
import { AUTHENTICATED, describeCluster, refusalOf, VARIANTS, WAYS, type Bed } from '../support/cluster.ts';

describeCluster('asking', VARIANTS, (bed) => {
  it('records who asked and in which pod, whatever the client says', async () => {
    const { spec } = await bed.create();
    expect(spec['requester']).toBe('system:serviceaccount:agents:gateway');
    expect(spec['requestingPod']).toEqual({ name: 'gateway-0', uid: bed.uids.get('gateway') });
  });

  it('records no pod where the token is bound to none', async () => {
    const { spec } = await bed.create({}, 'gateway-unbound');
    expect(spec['requester']).toBe('system:serviceaccount:agents:gateway');
    expect(Object.hasOwn(spec, 'requestingPod')).toBe(false);
  });

  it.each([
    [
      'another requester',
      { requester: 'alice' },
      /^spec.requester has to be you, system:serviceaccount:agents:gateway, found alice$/u,
    ],
    [
      'another pod',
      { requestingPod: { name: 'other-0', uid: 'other' } },
      /^spec.requestingPod has to be the pod that your token is bound to, gateway-0 \([0-9a-f-]{36}\)$/u,
    ],
  ])('never keeps %s', async (_title, spec, says) => {
    const changes: Changes = { spec };
    const answer = await bed.post('gateway', bed.manifest(changes));
    if (bed.variant.stamps) {
      const made = JSON.parse(answer.body) as ApprovalRequest;
      expect(made.spec['requester']).toBe('system:serviceaccount:agents:gateway');
      expect(made.spec['requestingPod']).toEqual({ name: 'gateway-0', uid: bed.uids.get('gateway') });
    } else {
      expect(answer.status).toBe(403);
      expect(refusalOf(answer)).toMatch(says);
    }
  });

  it('never keeps a pod that a token without one claims', async () => {
    const claimed = { requestingPod: { name: 'gateway-0', uid: 'x' } };
    const answer = await bed.post('gateway-unbound', bed.manifest({ spec: claimed }, 'gateway-unbound'));
    if (bed.variant.stamps) {
      expect(Object.hasOwn((JSON.parse(answer.body) as ApprovalRequest).spec, 'requestingPod')).toBe(false);
    } else {
      expect(refusalOf(answer)).toBe('your token is bound to no pod, so spec.requestingPod has to be left out');
    }
  });

  it('starts undecided, whatever status the client sends along', async () => {
    const status = {
      phase: 'Approved',
      approvals: 1,
      decisions: [{ approver: 'alice', verdict: 'approved', reason: '' }],
      conditions: [],
      uses: 0,
      told: false,
    };
    const name = bed.freshName();
    expect((await bed.post('gateway', { ...bed.manifest({ name }), status })).status).toBe(201);
    expect((await bed.get(name)).status).toEqual({
      phase: 'Pending',
      approvals: 0,
      decisions: [],
      conditions: [],
      uses: 0,
      told: false,
    });
  });

  it.each(['alice', 'viewer', 'stranger', 'agent', 'foreign-gateway'] as const)('is not for %s', async (user) => {
    const answer = await bed.post(user, bed.manifest({}, user));
    expect(answer.status).toBe(403);
    expect(refusalOf(answer)).toMatch(/cannot create resource "approvalrequests" in API group "aegis.dev"/u);
  });

  it.each([
    ['an owner, whose end would take it along', { ownerReferences: [OWNER] }, 'an ApprovalRequest has no owner'],
    [
      'a finalizer, which would hold up its namespace',
      { finalizers: ['x.dev/y'] },
      'an ApprovalRequest takes no finalizers',
    ],
  ])('refuses %s', async (_title, metadata, says) => {
    const { labels } = bed.manifest().metadata;
    const answer = await bed.post('gateway', bed.manifest({ metadata: { labels, ...metadata } }));
    expect(refusalOf(answer)).toBe(says);
  });

  it.each(['refund', 'apr-', 'apr-ABCDEFGHIJ', 'apr-0000000000-0', 'apr-00000000000'])(
    'refuses the name %s',
    async (name) => {
      const answer = await bed.post('gateway', bed.manifest({ name }));
      expect(answer.status).toBe(422);
    },
  );

  it('refuses names that the server would make up', async () => {
    const { metadata, ...rest } = bed.manifest();
    const answer = await bed.post('gateway', {
      ...rest,
      metadata: { namespace: metadata.namespace, generateName: 'apr-' },
    });
    expect(refusalOf(answer)).toMatch(/the name has to be apr- and ten letters or digits of the fingerprint/u);
  });

  it.each([
    ['an escape sequence in the parameters', { actions: [{ type: 'a', target: 'b', params: '{"a":"\u001B[2J"}' }] }],
    ['a letter of another alphabet in a target', { actions: [{ type: 'a', target: 'p\u0430ypal', params: '{}' }] }],
    ['a line break in why', { why: 'one\ntwo' }],
    ['a turned-around text in a column', { summary: { ...SUMMARY, target: 'a\u202Eb' } }],
    ['a run of spaces in a column', { summary: { ...SUMMARY, target: 'a    b' } }],
    ['a line separator in a column', { summary: { ...SUMMARY, rule: 'a\u2028b' } }],
    [
      'an escape sequence in the key of a label',
      { agent: { id: 'support-agent', labels: { 'app.kubernetes.io/name': 'shop', 'a\u001B[2J': 'b' } } },
    ],
    ['a turned-around text in the key of a label', { agent: { id: 'support-agent', labels: { 'a\u202Eb': 'c' } } }],
    ['65 actions', { actions: Array.from({ length: 65 }, () => ({ type: 'a', target: 'b', params: '{}' })) }],
    ['no action', { actions: [] }],
    ['parameters of more than 256 KiB', { actions: [{ type: 'a', target: 'b', params: 'x'.repeat(262_145) }] }],
    ['a risk that there is not', { riskLevel: 'none' }],
    ['no approver', { approvers: 0 }],
    ['a digest that is none', { fingerprint: 'abc' }],
    ['a time that is none', { expiresAt: 'tomorrow' }],
  ])('refuses %s', async (_title, spec) => {
    const answer = await bed.post('gateway', bed.manifest({ spec }));
    expect(answer.status).toBe(422);
    expect(refusalOf(answer)).toMatch(/^ApprovalRequest.aegis.dev "apr-\d{10}" is invalid: /u);
  });

  it('takes a request as large as the schema allows one action to be, and keeps it as it is', async () => {
    const params = JSON.stringify({ text: 'x'.repeat(262_000) });
    const { metadata } = await bed.create({ spec: { actions: [{ type: 'a', target: 'b', params }] } });
    const kept = (await bed.get(metadata.name)).spec['actions'];
    expect(kept).toEqual([{ type: 'a', target: 'b', params }]);
    expect((await bed.decide('alice', metadata.name, { verdict: 'approved' })).status).toBe(200);
  });

  it('can be decided when it is as large as etcd takes', async () => {
    const action = { type: 'a', target: 'b', params: JSON.stringify({ text: 'x'.repeat(262_000) }) };
    const { metadata } = await bed.create({ spec: { actions: Array.from({ length: 5 }, () => action) } });
    expect((await bed.decide('alice', metadata.name, { verdict: 'approved' })).status).toBe(200);
    const larger = await bed.post(
      'gateway',
      bed.manifest({ spec: { actions: Array.from({ length: 7 }, () => action) } }),
    );
    expect(refusalOf(larger)).toMatch(/request is too large/u);
  });

  it.each(WAYS)('cannot be changed afterwards by %s, not even by the cluster administrator', async (way) => {
    const request = await bed.create();
    const { apiVersion, kind, metadata, spec } = request;
    const bodies = {
      'merge patch': { spec: { approvers: 2 } },
      'JSON patch': [{ op: 'replace', path: '/spec/approvers', value: 2 }],
      replace: { ...request, spec: { ...spec, approvers: 2 } },
      'server-side apply': { apiVersion, kind, metadata: { name: metadata.name }, spec: { ...spec, approvers: 2 } },
    };
    const answer = await bed.send('admin', way, bed.pathOf(metadata.name), bodies[way]);
    expect(refusalOf(answer)).toMatch(/what is asked cannot be changed/u);
    const mine = await bed.send('gateway', way, bed.pathOf(metadata.name), bodies[way]);
    expect(refusalOf(mine)).toMatch(/cannot (?:patch|update) resource "approvalrequests"/u);
    expect((await bed.get(metadata.name)).spec).toEqual(spec);
  });

  it('cannot be changed by kubectl apply', async () => {
    const { metadata, spec } = await bed.create();
    const file = JSON.stringify({
      apiVersion: 'aegis.dev/v1alpha1',
      kind: 'ApprovalRequest',
      metadata: { name: metadata.name, namespace: 'agents' },
      spec: { ...spec, rule: 'another' },
    });
    const applied = await bed.cluster.kubectl('admin', ['apply', '-f', '-'], file);
    expect(applied.stderr).toContain(
      'what is asked cannot be changed; the gateway makes a new ApprovalRequest instead',
    );
  });

  it.each([
    [
      'a label that the gateway finds it by',
      { labels: { 'aegis.dev/request-key': 'other' } },
      'the labels aegis.dev/... stay as they were made',
    ],
    [
      'a new label of the gateway',
      { labels: { 'aegis.dev/new': 'x' } },
      'the labels aegis.dev/... stay as they were made',
    ],
    ['a label taken away', { labels: { 'aegis.dev/agent': null } }, 'the labels aegis.dev/... stay as they were made'],
    ['an owner', { ownerReferences: [OWNER] }, 'an ApprovalRequest has no owner'],
    ['a finalizer', { finalizers: ['x.dev/y'] }, 'an ApprovalRequest takes no finalizers'],
  ])('keeps its metadata: %s is refused to the cluster administrator', async (_title, metadata, says) => {
    const request = await bed.create();
    const answer = await bed.send('admin', 'merge patch', bed.pathOf(request.metadata.name), { metadata });
    expect(refusalOf(answer)).toBe(says);
  });

  it('takes labels and annotations of others', async () => {
    const { metadata } = await bed.create();
    const changes = { metadata: { labels: { team: 'a' }, annotations: { note: 'b' } } };
    expect((await bed.send('admin', 'merge patch', bed.pathOf(metadata.name), changes)).status).toBe(200);
  });

  it.each(WAYS)('takes neither spec nor metadata through the status by %s', async (way) => {
    const request = await bed.create();
    const { apiVersion, kind, metadata, spec } = request;
    const other = { labels: { 'aegis.dev/request-key': 'x' }, ownerReferences: [OWNER], finalizers: ['x.dev/y'] };
    const bodies = {
      'merge patch': { metadata: other, spec: { approvers: 2 } },
      'JSON patch': [
        { op: 'replace', path: '/spec/approvers', value: 2 },
        { op: 'add', path: '/metadata/finalizers', value: ['x.dev/y'] },
      ],
      replace: { ...request, metadata: { ...metadata, ...other }, spec: { ...spec, approvers: 2 } },
      'server-side apply': { apiVersion, kind, metadata: { name: metadata.name, ...other }, spec: { approvers: 2 } },
    };
    await bed.send('alice', way, `${bed.pathOf(metadata.name)}/status`, bodies[way]);
    const after = await bed.get(metadata.name);
    expect(after.spec).toEqual(spec);
    expect(after.metadata.labels).toEqual(metadata.labels);
    expect(after.metadata['ownerReferences']).toBeUndefined();
    expect(after.metadata['finalizers']).toBeUndefined();
  });

  it('hides no decision in managedFields: rewriting them changes neither names nor phase', async () => {
    const { metadata } = await bed.create({ spec: { approvers: 2 } });
    await bed.decide('alice', metadata.name, { verdict: 'approved' });
    const before = (await bed.get(metadata.name)).status;
    for (const managedFields of [[], [{}]]) {
      await bed.send('bob', 'merge patch', `${bed.pathOf(metadata.name)}/status`, { metadata: { managedFields } });
    }
    const forced = await bed.send('bob', 'server-side apply', `${bed.pathOf(metadata.name)}/status`, {
      apiVersion: 'aegis.dev/v1alpha1',
      kind: 'ApprovalRequest',
      metadata: { name: metadata.name },
      status: { decisions: [{ approver: 'alice', verdict: 'denied', reason: 'forced' }] },
    });
    expect(refusalOf(forced)).toMatch(/a decision that was made cannot be changed/u);
    expect((await bed.get(metadata.name)).status).toEqual(before);
  });

  it('has no scale and no other subresource', async () => {
    const { metadata } = await bed.create();
    for (const part of ['scale', 'approve', 'finalize']) {
      const answer = await bed.send('admin', 'merge patch', `${bed.pathOf(metadata.name)}/${part}`, {
        spec: { replicas: 2 },
      });
      expect(answer.status).toBe(404);
    }
  });

  it('may be deleted by its gateway and by those who may approve it, and by nobody else', async () => {
    const says =
      'only the gateway that asked (system:serviceaccount:agents:gateway) and those who may approve this request can delete it';
    const waiting = (await bed.create()).metadata.name;
    expect(refusalOf(await bed.delete('neighbour', waiting))).toBe(says);
    expect((await bed.delete('gateway-replica', waiting)).status).toBe(200);
    const granted = await approved(bed);
    expect(refusalOf(await bed.delete('neighbour', granted))).toBe(says);
    expect(refusalOf(await bed.delete('alice', granted))).toMatch(/cannot delete resource/u);
    expect((await bed.delete('admin', granted)).status).toBe(200);
    const ended = (await bed.create()).metadata.name;
    await bed.decide('alice', ended, { verdict: 'denied', reason: 'no' });
    await bed.settle(ended, 'Denied');
    expect(refusalOf(await bed.delete('neighbour', ended))).toBe(says);
    expect((await bed.delete('gateway', ended)).status).toBe(200);
  });

  it('is not deleted by the collection either', async () => {
    const { metadata } = await bed.create();
    const granted = await bed.kubectl(
      'admin',
      'create',
      'clusterrole',
      'collector',
      '--verb=deletecollection',
      '--resource=approvalrequests.aegis.dev',
    );
    expect(granted.stderr).toBe('');
    await bed.kubectl(
      'admin',
      'create',
      'rolebinding',
      'collector',
      '--clusterrole=collector',
      '--serviceaccount=agents:neighbour',
    );
    const all = { method: 'DELETE', path: bed.pathOf('').slice(0, -1) };
    await expect.poll(async () => refusalOf(await bed.call('neighbour', all))).toMatch(/only the gateway that asked/u);
    expect((await bed.get(metadata.name)).metadata.name).toBe(metadata.name);
  });

  it('goes with its namespace', async () => {
    const { body } = await bed.call('admin', {
      method: 'DELETE',
      path: `${bed.pathOf((await bed.create()).metadata.name)}?dryRun=All`,
    });
    expect(body).toContain('"Success"');
    const { metadata } = await bed.create();
    const asController = await bed.kubectl(
      'admin',
      'delete',
      'apr',
      metadata.name,
      '--as=system:serviceaccount:kube-system:namespace-controller',
      '--as-group=system:masters',
    );
    expect(asController.stderr).toBe('');
  });

  it('knows its users by what the server says of them', () => {
    expect(AUTHENTICATED['gateway-replica']).toBe(AUTHENTICATED.gateway);
  });
});

const OWNER = { apiVersion: 'v1', kind: 'Pod', name: 'gone', uid: '00000000-0000-0000-0000-000000000000' };
const SUMMARY = { action: 'a', target: 'b', amount: '', effect: '', rule: 'r', agent: 'a', request: 'GET /' };

async function approved(bed: Bed): Promise<string> {
  const { metadata } = await bed.create();
  expect((await bed.decide('alice', metadata.name, { verdict: 'approved' })).status).toBe(200);
  await bed.settle(metadata.name, 'Approved');
  return metadata.name;
}
