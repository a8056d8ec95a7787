import { beforeEach, describe, expect, it } from 'vitest';
import type { ApprovalEvent } from '../../../src/approval/approval-event.ts';
import { baseNameOf } from '../../../src/approval/approval-name.ts';
import { ApprovalEvents } from '../../../src/approval/kubernetes-events.ts';
import { Observer } from '../../../src/approval/kubernetes-observer.ts';
import { ApprovalRequests } from '../../../src/approval/kubernetes-requests.ts';
import { newApprovalRequest } from '../../../src/approval/kubernetes-spec.ts';
import type { ApiRequest } from '../../../src/kubernetes/send.ts';
import { FaultError } from '../../../src/model/fault.ts';
import { askOf, SetClock } from '../../support/approval-asks.ts';

const OWNER = 'system:serviceaccount:agents:gateway';
const GRANT_MS = 30_000;

let clock: SetClock;
let events: ApprovalEvent[];
let journalBroken: boolean;
let calls: ApiRequest[];
let object: { [member: string]: unknown };
let observer: Observer;

/** An API server that knows one object and takes patches of its status. */
const client = {
  call: async (request: ApiRequest): Promise<unknown> => {
    calls.push(request);
    if (request.path.includes('/events')) return {};
    if (request.method !== 'PATCH') throw new Error(`expected only patches, found ${request.method} ${request.path}`);
    const { status } = request.body as { status: object };
    object = { ...object, status: { ...(object['status'] as object), ...status } };
    return object;
  },
  watch: () => {
    throw new Error('expected no watch');
  },
  namespace: async () => 'agents',
  problem: () => null,
  skewMs: () => 0,
};

function stored(status: object): { [member: string]: unknown } {
  const ask = askOf();
  const made = newApprovalRequest({
    name: baseNameOf(ask.fingerprint),
    namespace: 'agents',
    ask,
    expiresAt: clock.now() + 60_000,
    grantMs: GRANT_MS,
    predecessor: null,
    identity: { user: OWNER, pod: null },
    workload: { namespace: '', pod: '', serviceAccount: '', labels: {} },
  }) as { metadata: object; spec: object };
  const creationTimestamp = new Date(clock.now()).toISOString();
  return { ...made, metadata: { ...made.metadata, uid: 'u', resourceVersion: '1', creationTimestamp }, status };
}

const approved = { approver: 'alice', verdict: 'approved', reason: '' };

beforeEach(() => {
  clock = new SetClock();
  events = [];
  calls = [];
  journalBroken = false;
  const requests = new ApprovalRequests(client, null);
  const told = new ApprovalEvents({ requests, now: () => clock.now(), failed: () => {} });
  observer = new Observer({
    requests,
    events: told,
    clock,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    auditHead: () => '7:abc',
    onEvent: async (event) => {
      if (journalBroken) throw new FaultError('audit-unavailable', 'disk full');
      events.push(event);
    },
  });
});

const patches = (): readonly ApiRequest[] => calls.filter(({ method }) => method === 'PATCH');

describe('a decision that is seen', () => {
  it('is in the trail before the grant gets its time, and once', async () => {
    object = stored({ phase: 'Approved', decisions: [approved] });
    const seen = await observer.take(object, OWNER);
    expect(seen?.record).toMatchObject({ phase: 'approved', expiresAt: clock.now() + GRANT_MS });
    expect(events).toMatchObject([{ event: 'decided', approver: 'alice', verdict: 'approved' }]);
    expect(patches()[0]?.body).toMatchObject({ metadata: { resourceVersion: '1' }, status: { auditHead: '7:abc' } });
    await observer.take(object, OWNER);
    expect([events.length, patches().length]).toEqual([1, 1]);
  });

  it('has no effect while it cannot be recorded', async () => {
    object = stored({ phase: 'Approved', decisions: [approved] });
    journalBroken = true;
    await expect(observer.take(object, OWNER)).rejects.toThrow('disk full');
    expect(patches()).toEqual([]);
    journalBroken = false;
    expect((await observer.take(object, OWNER))?.record.phase).toBe('approved');
    expect(events).toHaveLength(1);
  });

  it('is none when nobody saw it before the request ended', async () => {
    object = stored({ phase: 'Approved', decisions: [approved] });
    clock.forward(60_000);
    const seen = await observer.take(object, OWNER);
    expect(seen?.record.expiresAt).toBe(clock.now());
    expect(patches()).toEqual([]);
  });

  it('grants no longer than it says, whatever clock stamped its end', async () => {
    const grantExpiresAt = new Date(clock.now() + 3_600_000).toISOString();
    object = stored({ phase: 'Approved', decisions: [approved], grantExpiresAt });
    const end = clock.now() + GRANT_MS;
    expect((await observer.take(object, OWNER))?.record.expiresAt).toBe(end);
    clock.forward(20_000);
    expect((await observer.take(object, OWNER))?.record.expiresAt).toBe(end);
  });

  it('is concluded from where the server draws no conclusion', async () => {
    object = stored({ phase: 'Pending', decisions: [{ approver: 'bob', verdict: 'denied', reason: 'no' }] });
    expect((await observer.take(object, OWNER))?.record.phase).toBe('denied');
    expect(object['status']).toMatchObject({
      phase: 'Denied',
      approvals: 0,
      conditions: [{ type: 'Denied', message: 'denied by bob: no' }],
    });
  });
});
