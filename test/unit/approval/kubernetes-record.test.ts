import { describe, expect, it } from 'vitest';
import { baseNameOf } from '../../../src/approval/approval-name.ts';
import { approvalRequestOf } from '../../../src/approval/kubernetes-object.ts';
import { kubernetesRecord } from '../../../src/approval/kubernetes-record.ts';
import { newApprovalRequest } from '../../../src/approval/kubernetes-spec.ts';
import type { ApprovalAsk } from '../../../src/model/approval.ts';
import { askOf } from '../../support/approval-asks.ts';

const OWNER = 'system:serviceaccount:agents:gateway';
const NOW = Date.parse('2026-11-24T12:00:00Z');

interface Changed {
  readonly name?: string;
  readonly spec?: object;
  readonly status?: object;
}

/** The object of an ask as the API server gives it back, with what somebody made of it. */
function stored(ask: ApprovalAsk, changed: Changed = {}): unknown {
  const made = newApprovalRequest({
    name: changed.name ?? baseNameOf(ask.fingerprint),
    namespace: 'agents',
    ask,
    expiresAt: NOW + 60_000,
    grantMs: 30_000,
    predecessor: null,
    identity: { user: OWNER, pod: { name: 'gateway-0', uid: 'u-1' } },
    workload: { namespace: 'agents', pod: 'gateway-0', serviceAccount: 'agent', labels: { app: 'support' } },
  });
  const { metadata, spec } = made as { metadata: object; spec: object };
  return {
    ...made,
    metadata: { ...metadata, uid: 'u-2', resourceVersion: '7', creationTimestamp: '2026-11-24T12:00:00Z' },
    spec: { ...spec, ...changed.spec },
    ...(changed.status === undefined ? {} : { status: changed.status }),
  };
}

const read = (value: unknown) => kubernetesRecord(approvalRequestOf(value), OWNER);
const said = (approver: string, verdict = 'approved') => ({
  approver,
  verdict,
  reason: verdict === 'denied' ? 'no' : '',
});

describe('an ApprovalRequest that is read back', () => {
  it('is what was asked', () => {
    const ask = askOf({ binding: { agentId: 'agent-\u00e9\\' } });
    const { terms, ...rest } = ask;
    const record = read(stored(ask));
    expect(record.ask).toEqual({ ...rest, terms: { ...terms, ttlMs: null, waitMs: null, forMs: null } });
    expect(record).toMatchObject({
      phase: 'pending',
      createdAt: NOW,
      expiresAt: NOW + 60_000,
      uses: 0,
      voidReason: null,
    });
  });

  it.each<[string, Changed, string]>([
    ['was asked for by somebody else', { spec: { requester: 'mallory' } }, 'was asked for by "mallory"'],
    [
      'has another fingerprint than its binding',
      { spec: { fingerprint: 'a'.repeat(64) } },
      'its fingerprint is not that of its binding',
    ],
    ['has the name of another', { name: 'apr-0000000000' }, 'its name is not that of its fingerprint'],
    ['speaks of another agent', { spec: { agent: { id: 'other' } } }, 'its agent is not that of its binding'],
    ['is approved by nobody', { status: { phase: 'Approved' } }, 'it is Approved with 0 of 1 approvals'],
    [
      'is approved by the gateway',
      { status: { phase: 'Approved', decisions: [said(OWNER)] } },
      'a decision of the gateway itself',
    ],
    [
      'is approved by one without a name',
      { status: { phase: 'Approved', decisions: [said('')] } },
      'a decision without approver',
    ],
    [
      'is approved twice by one',
      { status: { phase: 'Pending', decisions: [said('a'), said('a')] } },
      'two of one approver',
    ],
    [
      'is approved although denied',
      { status: { phase: 'Approved', decisions: [said('a'), said('b', 'denied')] } },
      'it is Approved with 1 of 1',
    ],
    ['holds a text that the gateway does not write', { spec: { rule: '\u0430' } }, 'printable ASCII'],
  ])('is refused when it %s', (_title, changed, problem) => {
    expect(() => read(stored(askOf(), changed))).toThrow(problem);
  });

  it.each([[null], [{}], [{ metadata: {}, spec: {} }], ['text']])(
    'is refused when it is no such object: %j',
    (value) => {
      expect(() => approvalRequestOf(value)).toThrow('expected an ApprovalRequest');
    },
  );

  it('is decided by its decisions where the server draws no conclusion', () => {
    expect(read(stored(askOf(), { status: { phase: 'Pending', decisions: [said('a')] } })).phase).toBe('approved');
    expect(read(stored(askOf(), { status: { phase: 'Pending', decisions: [said('a', 'denied')] } })).phase).toBe(
      'denied',
    );
  });
});
