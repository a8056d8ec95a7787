import type { Json } from '../model/value.ts';
import { commandsFor, listCommands, type DecidingPlace } from './commands.ts';
import { summaryText, type Message, type Summary } from './message.ts';
import type { Notice } from './notice.ts';
import { headOf, timeText, whatOf } from './sentence.ts';
import { codeBlock, inlineCode } from './slack-text.ts';

/** The payload of an incoming webhook. */
export const SLACK_TYPE = 'application/json; charset=utf-8';

/** Slack takes 3,000 characters for a section, 2,000 for a field, 10 fields a section, 50 blocks. */
const SECTION_CHARACTERS = 2_900;
const FIELD_CHARACTERS = 700;
/** Beyond this the text of a message is cut by Slack. */
const TEXT_CHARACTERS = 1_500;
/** Two blocks each. */
const MAX_ACTIONS = 5;

const NO_ANSWER =
  'This message only tells. Look at the request before you decide, with the commands above and under your own name; no answer to this message approves anything.';

/** A message as the body of a request to an incoming webhook of Slack, or of what takes the same. */
export function slackMessageOf(message: Message, place: DecidingPlace): Buffer {
  const { blocks, text } =
    message.kind === 'summary' ? summaryBlocks(message.summary, place) : noticeBlocks(message.notice, place);
  // Slack fetches what it takes for links; what an agent wrote must not be fetched.
  return Buffer.from(JSON.stringify({ text, blocks, unfurl_links: false, unfurl_media: false }));
}

interface Blocks {
  /** What notifications show, and receivers that know no blocks. */
  readonly text: string;
  readonly blocks: readonly Json[];
}

function noticeBlocks(notice: Notice, place: DecidingPlace): Blocks {
  const { actions, phase } = notice;
  const commands = commandsFor(place, notice);
  const lines =
    phase === 'pending'
      ? [commands.show, commands.approve, commands.deny, ...Object.values(commands.kubectl ?? {})]
      : [commands.show];
  return {
    text: `${whatOf(notice)}: ${inlineCode(headOf(notice), TEXT_CHARACTERS)}`,
    blocks: [
      section(`*${whatOf(notice)}*`),
      { type: 'section', fields: fieldsOf(notice) },
      section(`*Why* ${inlineCode(notice.why, SECTION_CHARACTERS - 10)}`),
      ...decisionBlocks(notice),
      ...actions.slice(0, MAX_ACTIONS).flatMap((action, index) => actionBlocks(action, index + 1, notice.actionCount)),
      ...(notice.actionCount > MAX_ACTIONS
        ? [section(`… and ${notice.actionCount - MAX_ACTIONS} more actions: the commands below show all`)]
        : []),
      section(codeBlock(lines.join('\n'), SECTION_CHARACTERS)),
      { type: 'context', elements: [mrkdwn(NO_ANSWER)] },
    ],
  };
}

function fieldsOf(notice: Notice): readonly Json[] {
  const { actionCount, actions, before } = notice;
  const [first] = actions;
  return [
    field('Risk', notice.risk),
    field(actionCount === 1 ? 'Action' : `First of ${actionCount} actions`, first?.type ?? ''),
    field('Target', first?.target ?? ''),
    field('Amount', first?.amount ?? ''),
    field('Agent', notice.agent),
    field('Rule', notice.rule),
    field('Request', notice.request),
    field('Approvals', `${notice.given} of ${notice.needed}, scope ${notice.scope}`),
    field('Expires', timeText(notice.expiresAt)),
    ...(before === null ? [] : [field('Before this', before)]),
  ];
}

function decisionBlocks({ decision, voidReason }: Notice): readonly Json[] {
  if (decision !== null) {
    const { approver, reason, verdict } = decision;
    return [
      section(`*${verdict === 'approved' ? 'Approved' : 'Denied'} by* ${inlineCode(approver, FIELD_CHARACTERS)}`),
      ...(reason === '' ? [] : [section(`*Reason* ${inlineCode(reason, SECTION_CHARACTERS - 20)}`)]),
    ];
  }
  return voidReason === '' ? [] : [section(`*Because of* ${inlineCode(voidReason, FIELD_CHARACTERS)}`)];
}

function actionBlocks(action: Notice['actions'][number], position: number, count: number): readonly Json[] {
  const { description, effect, params, target, type } = action;
  const title = count === 1 ? 'Parameters' : `Action ${position} of ${count}`;
  const what = count === 1 ? [] : [inlineCode(type, FIELD_CHARACTERS), inlineCode(target, FIELD_CHARACTERS)];
  const said = [...(effect === null ? [] : [effect]), ...(description === '' ? [] : [description])].map((text) =>
    inlineCode(text, FIELD_CHARACTERS),
  );
  const line = [`*${title}*`, ...what, ...said].join(' ');
  return [
    section(line),
    section(params === null ? 'not told here: the commands below show them' : codeBlock(params, SECTION_CHARACTERS)),
  ];
}

function summaryBlocks({ counts, firstEnd, names }: Summary, place: DecidingPlace): Blocks {
  const text = summaryText(counts);
  const ends = firstEnd === null ? '' : `; the first ends at ${timeText(firstEnd)}`;
  return {
    text,
    blocks: [
      section(`*${text}*${ends}`),
      ...(names.length === 0 ? [] : [section(codeBlock(names.join('\n'), SECTION_CHARACTERS))]),
      section(codeBlock(listCommands(place).join('\n'), SECTION_CHARACTERS)),
      { type: 'context', elements: [mrkdwn(NO_ANSWER)] },
    ],
  };
}

function section(text: string): Json {
  return { type: 'section', text: mrkdwn(text) };
}

function field(label: string, value: string): Json {
  return mrkdwn(`*${label}*\n${inlineCode(value, FIELD_CHARACTERS)}`);
}

/** `verbatim`: Slack makes no links of what looks like an address, a channel or a person. */
function mrkdwn(text: string): Json {
  return { type: 'mrkdwn', text, verbatim: true };
}
