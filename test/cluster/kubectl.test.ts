import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeCluster, VARIANTS } from '../support/cluster.ts';

/** The lines that people type, as docs/kubernetes.md gives them. */
const APPROVE = `[{"op":"add","path":"/status/decisions/-","value":{"verdict":"approved"}}]`;
const DENY = `[{"op":"add","path":"/status/decisions/-","value":{"verdict":"denied","reason":"not this customer"}}]`;
const APPROVE_AS = `[{"op":"add","path":"/status/decisions/-","value":{"approver":"alice","verdict":"approved"}}]`;
const DENY_AS = `[{"op":"add","path":"/status/decisions/-","value":{"approver":"alice","verdict":"denied","reason":"not this customer"}}]`;

describeCluster('plain kubectl', VARIANTS, (bed) => {
  const stamps = bed.variant.stamps;
  const patch = async (name: string, operations: string): Promise<string> => {
    const { stderr, stdout } = await bed.kubectl(
      'alice',
      'patch',
      'apr',
      name,
      '--subresource=status',
      '--type=json',
      '-p',
      operations,
    );
    return stdout + stderr;
  };

  it('approves with the documented line, and ends a wait for the condition', async () => {
    const { name } = (await bed.create()).metadata;
    const waiting = bed.kubectl('viewer', 'wait', `apr/${name}`, '--for=condition=Approved', '--timeout=30s');
    expect(await patch(name, stamps ? APPROVE : APPROVE_AS)).toBe(`approvalrequest.aegis.dev/${name} patched\n`);
    await bed.settle(name, 'Approved');
    expect(await waiting).toEqual({ code: 0, stdout: `approvalrequest.aegis.dev/${name} condition met\n`, stderr: '' });
    const byPhase = await bed.kubectl(
      'viewer',
      'wait',
      `apr/${name}`,
      '--for=jsonpath={.status.phase}=Approved',
      '--timeout=30s',
    );
    expect(byPhase.code).toBe(0);
  });

  it('denies with the documented line', async () => {
    const { name } = (await bed.create()).metadata;
    expect(await patch(name, stamps ? DENY : DENY_AS)).toBe(`approvalrequest.aegis.dev/${name} patched\n`);
    await bed.settle(name, 'Denied');
    const denied = await bed.kubectl('viewer', 'wait', `apr/${name}`, '--for=condition=Denied', '--timeout=30s');
    expect(denied.code).toBe(0);
  });

  it('has the lines in the page as they are typed here', () => {
    const page = readFileSync('docs/kubernetes.md', 'utf8');
    for (const operations of [APPROVE, DENY, APPROVE_AS, DENY_AS]) expect(page).toContain(`-p '${operations}'`);
  });

  it('refuses in a sentence that names who and why', async () => {
    const { name } = (await bed.create()).metadata;
    const own = await bed.kubectl(
      'gateway',
      'patch',
      'apr',
      name,
      '--subresource=status',
      '--type=json',
      '-p',
      APPROVE,
    );
    expect(own.stderr).toBe(
      `Error from server (Forbidden): approvalrequests.aegis.dev "${name}" is forbidden: ValidatingAdmissionPolicy 'aegis-approval-decisions' with binding 'aegis-approval-decisions' denied request: system:serviceaccount:agents:gateway made this request and may not decide it\n`,
    );
    const silent = `[{"op":"add","path":"/status/decisions/-","value":{"verdict":"denied"}}]`;
    expect(await patch(name, stamps ? silent : silent.replace('{"verdict"', '{"approver":"alice","verdict"'))).toBe(
      `The ApprovalRequest "${name}" is invalid: status.decisions[0].reason: Required value: a denial needs a reason, which the agent is told\n`,
    );
    const viewer = await bed.kubectl(
      'viewer',
      'patch',
      'apr',
      name,
      '--subresource=status',
      '--type=json',
      '-p',
      APPROVE,
    );
    expect(viewer.stderr).toBe(
      `Error from server (Forbidden): approvalrequests.aegis.dev "${name}" is forbidden: User "viewer" cannot patch resource "approvalrequests/status" in API group "aegis.dev" in the namespace "agents"\n`,
    );
  });

  it('tells an approver who left his name out where the server does not write it', async () => {
    if (stamps) return;
    const { name } = (await bed.create()).metadata;
    expect(await patch(name, APPROVE)).toContain('everybody decides for themselves: approver has to be you, alice\n');
  });

  it('takes a decision by server-side apply', async () => {
    const { name } = (await bed.create()).metadata;
    const file = `{apiVersion: aegis.dev/v1alpha1, kind: ApprovalRequest, metadata: {name: ${name}}, status: {decisions: [{approver: alice, verdict: approved}]}}`;
    const applied = await bed.cluster.kubectl(
      'alice',
      ['apply', '--server-side', '--subresource=status', '-f', '-'],
      file,
    );
    expect(applied.stdout + applied.stderr).toBe(`approvalrequest.aegis.dev/${name} serverside-applied\n`);
  });

  it('lists what a person needs to decide', async () => {
    const { name } = (await bed.create({ name: 'apr-7zq3k9x2mb', spec: { approvers: 2 } })).metadata;
    await bed.decide('alice', name, { verdict: 'approved' });
    await bed.settle(name, 'Approved').catch(() => null);
    const listed = await bed.kubectl('viewer', 'get', 'apr', name);
    const agreed = stamps ? 1 : 0;
    expect(table(listed.stdout)).toEqual([
      [
        'NAME',
        'PHASE',
        'ACTION',
        'TARGET',
        'AMOUNT',
        'EFFECT',
        'RISK',
        'RULE',
        'AGENT',
        'AGREED',
        'NEEDED',
        'EXPIRES',
        'AGE',
      ],
      [
        'apr-7zq3k9x2mb',
        'Pending',
        'refund',
        'order-1001',
        '250',
        'irreversible',
        'high',
        'large-refunds',
        'support-agent',
        String(agreed),
        '2',
        '2026-11-24T18:15:00Z',
        expect.stringMatching(/^\d+s$/u),
      ],
    ]);
    const wide = await bed.kubectl('viewer', 'get', 'apr', name, '-o', 'wide');
    expect(table(wide.stdout)[1]?.slice(13)).toEqual([
      'POST https://billing.example.com/refunds',
      'once',
      '0',
      'system:serviceaccount:agents:gateway',
      'gateway-0',
    ]);
    expect((await bed.kubectl('viewer', 'get', 'aegis')).stdout).toContain(name);
  });

  it('finds what waits by phase', async () => {
    const { name } = (await bed.create()).metadata;
    const pending = await bed.kubectl('viewer', 'get', 'apr', '--field-selector=status.phase=Pending', '-o', 'name');
    expect(pending.stdout).toContain(`approvalrequest.aegis.dev/${name}\n`);
    const denied = await bed.kubectl('viewer', 'get', 'apr', '--field-selector=status.phase=Denied', '-o', 'name');
    expect(denied.stdout).not.toContain(name);
  });

  it('explains a decision', async () => {
    const { stdout } = await bed.kubectl('viewer', 'explain', 'apr.status.decisions');
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual([
      'GROUP:      aegis.dev',
      'KIND:       ApprovalRequest',
      'VERSION:    v1alpha1',
      '',
      'FIELD: decisions <[]Object>',
      '',
      '',
      'DESCRIPTION:',
      '    What people said, in order. Add yours at the end, with verdict and, to deny,',
      '    reason.',
      '',
      'FIELDS:',
      '  approver\t<string>',
      '    The authenticated user who decided: stamped or checked by the API server.',
      '',
      '  reason\t<string>',
      '    Why. Required to deny, and told to the agent. One line.',
      '',
      '  verdict\t<string> -required-',
      '  enum: approved, denied',
      '    approved or denied.',
    ]);
  });

  it('explains every field', async () => {
    const { stdout } = await bed.kubectl('viewer', 'explain', 'apr', '--recursive');
    expect(stdout).not.toContain('<no description>');
    const { body } = await bed.call('admin', { method: 'GET', path: '/openapi/v3/apis/aegis.dev/v1alpha1' });
    const { components } = JSON.parse(body) as { components: { schemas: { [name: string]: Schema } } };
    const schema = components.schemas['dev.aegis.v1alpha1.ApprovalRequest'];
    expect(undescribed(schema?.properties?.['spec'] ?? {}, 'spec')).toEqual([]);
    expect(undescribed(schema?.properties?.['status'] ?? {}, 'status')).toEqual([]);
  });
});

interface Schema {
  readonly description?: string;
  readonly properties?: { readonly [name: string]: Schema };
  readonly items?: Schema;
}

/** The paths of fields that say nothing of themselves. */
function undescribed({ description, items, properties }: Schema, path: string): readonly string[] {
  const own = description === undefined || description === '' ? [path] : [];
  const members = { ...properties, ...items?.properties };
  return [...own, ...Object.entries(members).flatMap(([name, schema]) => undescribed(schema, `${path}.${name}`))];
}

/** Cells of a table of kubectl; columns are set apart by three spaces. */
function table(text: string): readonly (readonly string[])[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd().split(/ {3,}/u));
}
