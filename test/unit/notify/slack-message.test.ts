import { describe, expect, it } from 'vitest';
import type { DecidingPlace } from '../../../src/notify/commands.ts';
import { messageOf, summaryOf } from '../../../src/notify/message.ts';
import { pendingEventOf } from '../../../src/notify/notice.ts';
import { slackMessageOf } from '../../../src/notify/slack-message.ts';
import { codeBlock, inlineCode } from '../../../src/notify/slack-text.ts';
import { approvalOf, HOSTILE, messagesWith, noticeFor, NOW } from './notices.ts';

const CLUSTER: DecidingPlace = { kind: 'kubernetes', namespace: 'agents' };
/** What may never be sent raw: what cannot be seen, and what moves other text. Line feeds are ours. */
const UNSAFE = /(?!\n)[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;
/** The words of the gateway itself, outside of code. */
const OWN_WORDS = /^[A-Za-z0-9 *:,;.…\n-]*$/u;

interface Payload {
  readonly text: string;
  readonly blocks: readonly {
    readonly type: string;
    readonly text?: Text;
    readonly fields?: readonly Text[];
    readonly elements?: readonly Text[];
    readonly [member: string]: unknown;
  }[];
  readonly [member: string]: unknown;
}
interface Text {
  readonly type: string;
  readonly text: string;
  readonly verbatim?: boolean;
}

function payloadOf(message: Parameters<typeof slackMessageOf>[0], place = CLUSTER): Payload {
  return JSON.parse(slackMessageOf(message, place).toString()) as Payload;
}

/** What stands outside of code, as Slack takes code apart. */
function outsideOfCode(text: string): string {
  return text.replaceAll(/```[^`]*```/gu, '').replaceAll(/`[^`\n]*`/gu, '');
}

function textsOf({ blocks }: Payload): readonly Text[] {
  return blocks.flatMap(({ elements = [], fields = [], text }) => [
    ...(text === undefined ? [] : [text]),
    ...fields,
    ...elements,
  ]);
}

describe('a message for Slack', () => {
  it.each(HOSTILE)('shows $name as what it is', ({ text: written }) => {
    for (const payload of messagesWith(written).map((message) => payloadOf(message))) {
      const texts = textsOf(payload);
      for (const { text } of [...texts, { text: payload.text }]) {
        expect(text).not.toMatch(UNSAFE);
        expect(text).not.toMatch(/[<>]|&(?!(?:amp|lt|gt);)/u);
        expect(outsideOfCode(text)).toMatch(OWN_WORDS);
      }
      expect(texts.every(({ type, verbatim }) => type === 'mrkdwn' && verbatim === true)).toBe(true);
      expect(payload).toMatchObject({ unfurl_links: false, unfurl_media: false });
    }
  });

  it.each(HOSTILE)('keeps to the limits of Slack with $name', ({ text: written }) => {
    for (const payload of messagesWith(written).map((message) => payloadOf(message))) {
      expect(payload.blocks.length).toBeLessThanOrEqual(50);
      expect(payload.text.length).toBeLessThan(4_000);
      for (const { fields = [], text } of payload.blocks) {
        expect(text?.text.length ?? 1).toBeLessThanOrEqual(3_000);
        expect(text?.text.length ?? 1).toBeGreaterThan(0);
        expect(fields.length).toBeLessThanOrEqual(10);
        for (const field of fields) expect(field.text.length).toBeLessThanOrEqual(2_000);
      }
    }
  });

  it('has nothing to press: no button, no menu, no link', () => {
    for (const { text: written } of HOSTILE) {
      for (const payload of messagesWith(written).map((message) => payloadOf(message))) {
        expect(new Set(payload.blocks.map(({ type }) => type))).toEqual(new Set(['section', 'context']));
        expect(payload.blocks.flatMap(Object.keys)).not.toContain('accessory');
        expect(JSON.stringify(payload)).not.toMatch(/"(?:action_id|actions|button|url)":/u);
      }
    }
  });

  it('says what waits and with which commands a person decides', () => {
    const approval = approvalOf();
    const notice = noticeFor(pendingEventOf(approval), approval);
    const payload = payloadOf(messageOf(notice));
    expect(payload.text).toBe(
      'apr-7zq3k9x2mb waits for 1 to approve until 2026-11-24T08:15:00Z: `high risk, "refund" on "payments", amount "50", by "shop"`',
    );
    expect(textsOf(payload).map(({ text }) => text)).toEqual(
      [
        '*apr-7zq3k9x2mb waits for 1 to approve until 2026-11-24T08:15:00Z*',
        '*Why* `rule refunds says approve (risk high)`',
        '*Parameters* `irreversible` `refund an order`',
        '```\n{ "amount": 50, "order": "A-17" }\n```',
        [
          '```',
          'kubectl aegis show apr-7zq3k9x2mb -n agents',
          'kubectl aegis approve apr-7zq3k9x2mb -n agents',
          `kubectl aegis deny apr-7zq3k9x2mb -n agents --reason 'why not'`,
          'kubectl get apr apr-7zq3k9x2mb -n agents -o yaml',
          `kubectl patch apr apr-7zq3k9x2mb -n agents --subresource=status --type=json -p '[{"op":"test","path":"/spec/fingerprint","value":"${approval.ask.fingerprint}"},{"op":"add","path":"/status/decisions/-","value":{"verdict":"approved"}}]'`,
          '```',
        ].join('\n'),
        expect.stringContaining('no answer to this message approves anything'),
      ].toSpliced(1, 0, ...fieldTexts(payload)),
    );
    expect(fieldTexts(payload)).toEqual([
      '*Risk*\n`high`',
      '*Action*\n`refund`',
      '*Target*\n`payments`',
      '*Amount*\n`50`',
      '*Agent*\n`shop`',
      '*Rule*\n`refunds`',
      '*Request*\n`POST https://pay.example/refunds`',
      '*Approvals*\n`0 of 1, scope once`',
      '*Expires*\n`2026-11-24T08:15:00Z`',
    ]);
  });

  it('tells in one message how many more wait', () => {
    const approval = approvalOf();
    const notices = [noticeFor(pendingEventOf(approval), approval)];
    const message = summaryOf(notices, { pending: 4, decided: 1, ended: 0 }, NOW);
    const payload = payloadOf(message, { kind: 'local' });
    expect(payload.text).toBe('5 more requests wait for a decision; 1 more decision');
    expect(textsOf(payload).map(({ text }) => text)).toEqual([
      '*5 more requests wait for a decision; 1 more decision*; the first ends at 2026-11-24T08:15:00Z',
      '```\napr-7zq3k9x2mb\n```',
      '```\naegis-gateway approvals list\n```',
      expect.any(String),
    ]);
  });
});

function fieldTexts({ blocks }: Payload): readonly string[] {
  return blocks.flatMap(({ fields = [] }) => fields.map(({ text }) => text));
}

describe('code in the mark-up of Slack', () => {
  it('is cut between characters, never within an entity', () => {
    for (let most = 12; most < 40; most += 1) {
      for (const shown of [inlineCode('<&>`'.repeat(20), most), codeBlock('<&>`'.repeat(20), most)]) {
        expect(shown.length).toBeLessThanOrEqual(most);
        expect(shown).toMatch(/^(?:`|```\n)(?:&lt;|&amp;|&gt;|\\u\{0060\})*…(?:`|\n```)$/u);
      }
    }
  });

  it('is whole where it fits, and a dash where there is nothing', () => {
    expect(inlineCode('12345', 7)).toBe('`12345`');
    expect(inlineCode('', 7)).toBe('-');
  });
});
