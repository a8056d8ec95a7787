import { readFileSync } from 'node:fs';
import type { ApprovalAsk, ApprovalRecord } from '../../../src/model/approval.ts';
import { messageOf, type Message } from '../../../src/notify/message.ts';
import { noticeOf, pendingEventOf, type ApprovalEvent, type Notice } from '../../../src/notify/notice.ts';
import { askOf } from '../../support/approval-asks.ts';

export const NOW = Date.parse('2026-11-24T08:00:00Z');

interface Hostile {
  readonly name: string;
  readonly text: string;
}

/** Texts by which Slack and what is like it would be made to do or show something else. */
const FOR_SLACK: readonly Hostile[] = [
  { name: 'mention of everybody', text: '<!channel> <!here> <!everyone> @channel @here @everyone' },
  { name: 'mention of a person and a group', text: '<@U012ABCDEF> <!subteam^S012ABCDEF> <#C012ABCDEF>' },
  { name: 'link under another name', text: '<https://evil.example|https://good.example/approve>' },
  { name: 'date command', text: '<!date^1392734382^Posted {date_num}^https://evil.example|now>' },
  { name: 'end of the code', text: '` *APPROVED* <!here> `' },
  { name: 'end of the block', text: '```\n*approved by alice*\n```' },
  { name: 'mark-up', text: '*bold* _italic_ ~strike~ > quote :rotating_light: [a](https://evil.example)' },
  { name: 'entities', text: '&lt;!channel&gt; &amp;lt;!here&amp;gt;' },
  { name: 'address to fetch', text: 'https://evil.example/?leak=1' },
  { name: 'quote and backslash', text: String.raw`" on "elsewhere\"` },
  { name: 'something very long', text: '<&>`'.repeat(5_000) },
];

/** The corpus of src/visible, and what is hostile to a messenger. */
export const HOSTILE: readonly Hostile[] = [
  ...(JSON.parse(readFileSync(new URL('../../cases/hostile-strings.json', import.meta.url), 'utf8')) as Hostile[]),
  ...FOR_SLACK,
];

export function approvalOf(rest: Partial<ApprovalAsk> = {}, changes: Partial<ApprovalRecord> = {}): ApprovalRecord {
  return {
    name: 'apr-7zq3k9x2mb',
    ask: askOf({ rest }),
    phase: 'pending',
    decisions: [],
    createdAt: NOW,
    expiresAt: NOW + 900_000,
    consumedAt: null,
    voidReason: null,
    uses: 0,
    predecessor: null,
    ...changes,
  };
}

/** An approval in which everything that an agent or a person can write is this text. */
export function writtenBy(text: string): { readonly approval: ApprovalRecord; readonly event: ApprovalEvent } {
  const { actions, request } = askOf();
  const action = {
    type: text,
    target: text,
    params: { [text]: text, amount: text, deep: [{ [text]: [text] }] },
    description: text,
    effect: 'irreversible' as const,
    amountParam: 'amount',
    mappedBy: text,
  };
  const approval = approvalOf(
    {
      agentId: text,
      rule: text,
      why: text,
      request: { ...request, method: text, url: text, route: text },
      actions: [action, ...actions, action],
    },
    { predecessor: { name: 'apr-1111111111', phase: 'denied', endedAt: NOW, reason: text } },
  );
  return {
    approval,
    event: { ...pendingEventOf(approval), event: 'decided', approver: text, verdict: 'denied', reason: text },
  };
}

export function noticeFor(event: ApprovalEvent, approval: ApprovalRecord): Notice {
  const notice = noticeOf(event, approval, NOW);
  if (notice === null) throw new Error(`expected a notice of ${event.event}`);
  return notice;
}

/** The messages of a request that waits and of the denial of it. */
export function messagesWith(text: string): readonly Message[] {
  const { approval, event } = writtenBy(text);
  return [pendingEventOf(approval), event].map((one) => messageOf(noticeFor(one, approval)));
}
