import { afterEach, expect, it } from 'vitest';
import type { ApprovalRequest } from '../support/approval-request.ts';
import { describeCluster, refusalOf, VARIANTS, type Bed } from '../support/cluster.ts';

/** What a dry run shows of the policies, as docs/kubernetes.md says. */
type Shown = 'stamped' | 'checked' | 'open';

const POLICIES = '/apis/admissionregistration.k8s.io/v1';
const BINDINGS = {
  stampRequester: `${POLICIES}/mutatingadmissionpolicybindings/aegis-stamp-requester`,
  stampDecision: `${POLICIES}/mutatingadmissionpolicybindings/aegis-stamp-decision`,
  checkRequests: `${POLICIES}/validatingadmissionpolicybindings/aegis-approval-requests`,
  checkDecisions: `${POLICIES}/validatingadmissionpolicybindings/aegis-approval-decisions`,
};

describeCluster('a dry run shows whether the policies are in force', VARIANTS.slice(0, 1), (bed) => {
  afterEach(async () => await restored(bed));

  it('as they are installed, the server stamps, and keeps nothing of the dry run', async () => {
    expect(await dryCreate(bed)).toBe('stamped');
    expect(await dryDecision(bed)).toBe('checked');
    const { stdout } = await bed.kubectl('admin', 'get', 'apr', '-n', 'agents', '-o', 'name');
    expect(stdout).not.toContain('apr-prbeprbe00');
  });

  it('without the policies that stamp, those that check remain', async () => {
    await without(bed, BINDINGS.stampRequester);
    await shows(bed, dryCreate, 'checked');
    const { name } = (await bed.create({ spec: stated(bed) })).metadata;
    await without(bed, BINDINGS.stampDecision);
    const nameless = [{ op: 'add', path: '/status/decisions/-', value: { verdict: 'approved' } }];
    const path = `${bed.pathOf(name)}/status?dryRun=All`;
    await expect
      .poll(async () => refusalOf(await bed.send('alice', 'JSON patch', path, nameless)), { timeout: 10_000 })
      .toBe('everybody decides for themselves: approver has to be you, alice');
  });

  it('without either, a spoofed requester comes back', async () => {
    await without(bed, BINDINGS.stampRequester);
    await without(bed, BINDINGS.checkRequests);
    await shows(bed, dryCreate, 'open');
  });

  it.each([
    ['only audits', { validationActions: ['Audit'] }],
    [
      'leaves the namespace out',
      { matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'others' } } } },
    ],
  ])('a check whose binding %s shows as open', async (_title, spec) => {
    await without(bed, BINDINGS.stampRequester);
    await changed(bed, BINDINGS.checkRequests, { spec });
    await shows(bed, dryCreate, 'open');
    await without(bed, BINDINGS.checkRequests);
  });

  it('without the check of decisions, the gateway could decide its own request', async () => {
    await without(bed, BINDINGS.checkDecisions);
    await shows(bed, dryDecision, 'open');
  });

  it('a scale subresource that somebody adds is no way to what is asked', async () => {
    const request = await bed.create();
    const scale = { specReplicasPath: '.spec.approvers', statusReplicasPath: '.status.approvals' };
    await bed.send(
      'admin',
      'JSON patch',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/approvalrequests.aegis.dev',
      [{ op: 'add', path: '/spec/versions/0/subresources/scale', value: scale }],
    );
    const patch = async (): Promise<string> =>
      refusalOf(
        await bed.send('admin', 'merge patch', `${bed.pathOf(request.metadata.name)}/scale`, { spec: { replicas: 2 } }),
      );
    await expect.poll(patch, { timeout: 10_000 }).toMatch(/what is asked cannot be changed/u);
    expect((await bed.get(request.metadata.name)).spec).toEqual(request.spec);
  });

  it('a policy that was changed to let things pass shows as open', async () => {
    const path = `${POLICIES}/validatingadmissionpolicies/aegis-approval-decisions`;
    await changed(bed, path, { spec: { validations: [{ expression: 'true' }] } });
    await shows(bed, dryDecision, 'open');
  });
});

/** What a gateway sees when it makes a request in another's name, without keeping it. */
async function dryCreate(bed: Bed): Promise<Shown> {
  const { labels } = bed.manifest().metadata;
  const spoofed = bed.manifest({
    name: 'apr-prbeprbe00',
    metadata: { labels },
    spec: { ...stated(bed), requester: 'spoofed' },
  });
  const answer = await bed.post('gateway', spoofed, '?dryRun=All');
  if (answer.status === 403) return 'checked';
  expect(answer.status).toBe(201);
  return (JSON.parse(answer.body) as ApprovalRequest).spec['requester'] === 'spoofed' ? 'open' : 'stamped';
}

/** What a gateway sees when it decides its own request, without keeping it. */
async function dryDecision(bed: Bed): Promise<Shown> {
  const { name } = (await bed.create({ spec: stated(bed) })).metadata;
  const decision = { approver: 'system:serviceaccount:agents:gateway', verdict: 'approved' };
  const answer = await bed.send('gateway', 'JSON patch', `${bed.pathOf(name)}/status?dryRun=All`, [
    { op: 'add', path: '/status/decisions/-', value: decision },
  ]);
  expect([200, 403]).toContain(answer.status);
  return answer.status === 403 ? 'checked' : 'open';
}

function stated(bed: Bed): { readonly [member: string]: unknown } {
  return {
    requester: 'system:serviceaccount:agents:gateway',
    requestingPod: { name: 'gateway-0', uid: bed.uids.get('gateway') },
  };
}

async function shows(bed: Bed, look: (bed: Bed) => Promise<Shown>, expected: Shown): Promise<void> {
  await expect.poll(async () => await look(bed), { timeout: 10_000 }).toBe(expected);
}

async function without(bed: Bed, path: string): Promise<void> {
  expect((await bed.call('admin', { method: 'DELETE', path })).status).toBe(200);
}

async function changed(bed: Bed, path: string, body: object): Promise<void> {
  expect((await bed.send('admin', 'merge patch', path, body)).status).toBe(200);
}

/** Installs again, and waits until that is in force. */
async function restored(bed: Bed): Promise<void> {
  await bed.install('manifests');
  await shows(bed, dryCreate, 'stamped');
  await shows(bed, dryDecision, 'checked');
}
