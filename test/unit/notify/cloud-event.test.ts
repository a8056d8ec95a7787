import { HTTP } from 'cloudevents';
import { describe, expect, it } from 'vitest';
import { CLOUD_EVENT_TYPE, cloudEventOf } from '../../../src/notify/cloud-event.ts';
import { commandsFor, type DecidingPlace } from '../../../src/notify/commands.ts';
import { messageOf, summaryOf } from '../../../src/notify/message.ts';
import { noticeOf, pendingEventOf, type ApprovalEvent } from '../../../src/notify/notice.ts';
import { makeVisible } from '../../../src/visible/text.ts';
import { approvalOf, HOSTILE, messagesWith, noticeFor, NOW, writtenBy } from './notices.ts';

const CLUSTER: DecidingPlace = { kind: 'kubernetes', namespace: 'agents' };
const SOURCE = '/aegis-gateway/namespaces/agents/agents/support';
const UNSAFE = /(?!\n)[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;

type Event = { readonly id: string; readonly data?: { readonly [member: string]: unknown } };

function read(body: Buffer): Event {
  const event = HTTP.toEvent<{ readonly [member: string]: unknown }>({
    headers: { 'content-type': CLOUD_EVENT_TYPE },
    body: body.toString(),
  });
  if (Array.isArray(event)) throw new Error('expected one event');
  return event;
}

const eventOf = (message: Parameters<typeof cloudEventOf>[0]): Event =>
  read(cloudEventOf(message, { source: SOURCE, place: CLUSTER }));

describe('a CloudEvent', () => {
  it.each(HOSTILE)('holds $name as what it is, in printable ASCII and 64 KiB', ({ text: written }) => {
    for (const message of messagesWith(written)) {
      const body = cloudEventOf(message, { source: SOURCE, place: CLUSTER });
      expect(body.toString()).toMatch(/^[ -~]+$/u);
      expect(body.length).toBeLessThanOrEqual(64 * 1024);
      const { data } = read(body);
      for (const text of textsIn(data)) expect(text).not.toMatch(UNSAFE);
      expect(data).toMatchObject({
        agent: makeVisible(written, { limit: 200, rightToLeft: 'escape' }),
        target: makeVisible(written, { limit: 200, rightToLeft: 'escape' }),
      });
    }
  });

  it('leaves out what would make it too large, and says of how many actions', () => {
    const [action] = approvalOf().ask.actions;
    if (action === undefined) throw new Error('expected an action');
    const small = approvalOf({
      actions: Array.from({ length: 50 }, () => ({ ...action, params: { note: 'x'.repeat(1_000) } })),
    });
    const { data } = eventOf(messageOf(noticeFor(pendingEventOf(small), small)));
    const actions = data?.['actions'] as readonly { readonly params: string | null }[];
    expect([actions.length, data?.['action_count']]).toEqual([10, 50]);
    expect(actions.map(({ params }) => params === null)).toEqual([
      false,
      false,
      false,
      false,
      ...Array.from({ length: 6 }, () => true),
    ]);
    const wide = '\u202E'.repeat(400);
    const large = approvalOf({
      actions: Array.from({ length: 10 }, () => ({
        ...action,
        type: wide,
        target: wide,
        description: wide,
        params: [wide],
      })),
    });
    const body = cloudEventOf(messageOf(noticeFor(pendingEventOf(large), large)), { source: SOURCE, place: CLUSTER });
    expect(body.length).toBeLessThanOrEqual(64 * 1024);
    expect(read(body).data?.['action_count']).toBe(10);
  });

  it('has the same id for the same event whoever tells it, and another for any other', () => {
    const approval = approvalOf();
    const later = { ...approval, ask: { ...approval.ask, exchangeId: 'another' } };
    const pending = pendingEventOf(approval);
    const decided: ApprovalEvent = { ...pending, event: 'decided', approver: 'anna', verdict: 'approved' };
    const all: readonly (readonly [ApprovalEvent, typeof approval])[] = [
      [pending, approval],
      [decided, approval],
      [{ ...decided, approver: 'bob' }, approval],
      [{ ...pending, event: 'expired' }, approval],
      [pending, later],
    ];
    const ids = all.map(([event, one]) => noticeFor(event, one).id);
    expect(new Set(ids).size).toBe(all.length);
    expect(all.map(([event, one]) => noticeOf(event, { ...one, phase: 'approved' }, NOW + 5)?.id)).toEqual(ids);
  });

  it('says nothing of a use that ends nothing', () => {
    const approval = approvalOf();
    expect(noticeOf({ ...pendingEventOf(approval), event: 'used' }, approval, NOW)).toBeNull();
  });

  it.each<[Partial<ApprovalEvent>, string, string]>([
    [{ event: 'requested' }, 'pending', 'apr-7zq3k9x2mb waits for 2 to approve until 2026-11-24T08:15:00Z'],
    [{ event: 'decided', verdict: 'approved', approver: 'bob' }, 'pending', 'apr-7zq3k9x2mb was approved by 1 of 2'],
    [{ event: 'decided', verdict: 'denied', approver: 'bob' }, 'denied', 'apr-7zq3k9x2mb was denied'],
    [{ event: 'consumed' }, 'consumed', 'apr-7zq3k9x2mb was used: its request was let through'],
    [{ event: 'expired' }, 'expired', 'apr-7zq3k9x2mb was not decided in time'],
    [{ event: 'voided', reason: 'policy-changed' }, 'void', 'apr-7zq3k9x2mb became void'],
  ])('of %j has phase %s and says so', (change, phase, text) => {
    const terms = { approvers: 2, scope: 'once', ttlMs: null, waitMs: null, forMs: null } as const;
    const approval = approvalOf({ terms });
    const { data } = eventOf(messageOf(noticeFor({ ...pendingEventOf(approval), ...change }, approval)));
    expect(data).toMatchObject({ phase, text: `${text}: high risk, "refund" on "payments", amount "50", by "shop"` });
  });

  it('sums up what was folded', () => {
    const { approval, event } = writtenBy('x');
    const message = summaryOf(
      [noticeFor(pendingEventOf(approval), approval), noticeFor(event, approval)],
      { pending: 1, decided: 0, ended: 2 },
      NOW,
    );
    expect(eventOf(message)).toMatchObject({
      type: 'dev.aegis.approval.summary',
      data: {
        text: '2 more requests wait for a decision; 1 more decision; 2 more ended',
        namespace: 'agents',
        counts: { pending: 2, decided: 1, ended: 2 },
        names: ['apr-7zq3k9x2mb'],
        first_expires_at: '2026-11-24T08:15:00.000Z',
        commands: { list: 'kubectl aegis pending -n agents' },
      },
    });
  });

  it.each(['', 'a b', '$(id)', '-n', 'x'.repeat(64)])('never puts a namespace like %j into a command', (namespace) => {
    const named = { name: 'apr-7zq3k9x2mb', fingerprint: 'ab' };
    expect(() => commandsFor({ kind: 'kubernetes', namespace }, named)).toThrow('expected the name of a namespace');
  });
});

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
