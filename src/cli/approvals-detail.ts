import type { ApprovalRecord, ApproverDecision, Predecessor } from '../model/approval.ts';
import type { ActionView } from '../model/record.ts';
import { columnsOf } from '../visible/cell.ts';
import { visibleJson } from '../visible/json.ts';
import { makeVisible } from '../visible/text.ts';
import { amountOf, countText, durationText, phaseAt, scopeText, timeText } from './approvals-words.ts';

/** What the page is made for. */
export interface DetailPlace {
  readonly now: number;
  /** The columns of the terminal; null when output is piped. */
  readonly columns: number | null;
  /** How many characters of one text are shown at most. */
  readonly limit: number;
  /** What else the place knows of the approval: label and text, made visible here. */
  readonly facts?: readonly (readonly [label: string, text: string])[];
  /** When a decision was made; null where the store cannot tell. By default the time in the decision. */
  readonly decidedAt?: (decision: ApproverDecision) => number | null;
}

const LABEL_COLUMNS = 14;
const PIPED_WIDTH = 100;
/** A line that is continued begins with this, so that no text can begin a line of the page. */
const CONTINUED = '  ↪ ';
/** Narrower terminals wrap by themselves. */
const MIN_COLUMNS = 40;

/** Everything that a person needs to decide. What agents wrote stands beside a label or within quotes, made visible. */
export function approvalDetail(approval: ApprovalRecord, place: DetailPlace): string {
  const { ask } = approval;
  const shown = beside(place);
  const lines = [
    ...headLines(approval, place),
    ...(approval.predecessor === null ? [] : [row('Before this', predecessorText(approval.predecessor, shown))]),
    row('Rule', shown(ask.rule)),
    row('Why', shown(ask.why)),
    row('Risk', ask.riskLevel),
    row('Covers', scopeText(approval)),
    row('Request', `${shown(ask.request.method)} ${shown(ask.request.url)}`),
    row('Came by', ask.request.route === null ? ask.request.entry : `${ask.request.entry} ${shown(ask.request.route)}`),
    row('Body', bodyText(approval)),
    row('Fingerprint', ask.fingerprint),
    ...(place.facts ?? []).map(([label, text]) => row(label, shown(text))),
    ...ask.actions.flatMap((action, index) => actionLines(action, `${index + 1} of ${ask.actions.length}`, place)),
    ...decisionLines(approval, place),
  ];
  return pageText(lines, place.columns);
}

/** Lines as a page: broken before the terminal does it, so that no text can begin a line. */
export function pageText(lines: readonly string[], columns: number | null): string {
  return lines
    .flatMap((line) => wrap(line, columns))
    .map((line) => `${line}\n`)
    .join('');
}

function headLines(approval: ApprovalRecord, place: DetailPlace): readonly string[] {
  const { now } = place;
  const shown = beside(place);
  const { ask, consumedAt, createdAt, expiresAt, uses, voidReason } = approval;
  const phase = phaseAt(approval, now);
  const live = phase === 'pending' || phase === 'approved';
  const notes = [
    `${phase} (${countText(approval)})`,
    ...(consumedAt === null ? [] : [`let through at ${timeText(consumedAt)}`]),
    ...(voidReason === null ? [] : [shown(voidReason)]),
    ...(uses === 0 ? [] : [`used ${uses} times`]),
  ];
  return [
    row('Approval', approval.name),
    row('Phase', notes.join(', ')),
    row('Agent', ask.agentId === '' ? '(without identity)' : shown(ask.agentId)),
    row('Asked', `${timeText(createdAt)}, ${durationText(now - createdAt)} ago`),
    row('Expires', live ? `${timeText(expiresAt)}, in ${durationText(expiresAt - now)}` : timeText(expiresAt)),
  ];
}

function bodyText({ ask }: ApprovalRecord): string {
  const { bodyBytes, bodyDigest } = ask.request;
  if (bodyBytes === null || bodyBytes === 0) return 'none';
  return `${bodyBytes} bytes, sha256:${bodyDigest ?? 'unknown'}`;
}

function predecessorText({ endedAt, name, phase, reason }: Predecessor, shown: (text: string) => string): string {
  const why = reason === '' ? '' : `: ${shown(reason)}`;
  const what = phase === 'consumed' ? 'the same request was approved and let through' : `the same request was ${phase}`;
  return `${what} at ${timeText(endedAt)} as ${name}${why}`;
}

function actionLines(action: ActionView, position: string, place: DetailPlace): readonly string[] {
  const { columns, limit } = place;
  const shown = beside(place);
  const { description, effect, mappedBy, params, target, type } = action;
  const amount = amountOf(action);
  const json = visibleJson(params, { width: (columns ?? PIPED_WIDTH) - CONTINUED.length, limit });
  return [
    '',
    `Action ${position}`,
    row('  Type', makeVisible(type, { limit })),
    row('  Target', makeVisible(target, { limit })),
    ...(amount === null ? [] : [row('  Amount', shown(amount))]),
    row('  Effect', effect ?? 'not stated'),
    ...(description === '' ? [] : [row('  Description', makeVisible(description, { limit }))]),
    row('  Mapped by', mappedBy === null ? 'the default mapping' : shown(mappedBy)),
    '  Parameters',
    ...json.split('\n').map((line) => `    ${line}`),
  ];
}

function decisionLines({ decisions }: ApprovalRecord, place: DetailPlace): readonly string[] {
  if (decisions.length === 0) return [];
  const shown = beside(place);
  const { decidedAt = ({ at }) => at } = place;
  return [
    '',
    'Decisions',
    ...decisions.map((decision) => {
      const { approver, reason, verdict } = decision;
      const at = decidedAt(decision);
      const why = reason === '' ? '' : `: ${shown(reason)}`;
      return `  ${at === null ? '' : `${timeText(at)}  `}${shown(approver)} ${verdict}${why}`;
    }),
  ];
}

/** A line of the page: a label, and what belongs to it. */
export function row(label: string, value: string): string {
  return `${label.padEnd(LABEL_COLUMNS)}${value}`;
}

/** Shows a text among others on its line. */
function beside({ limit }: DetailPlace): (text: string) => string {
  return (text) => makeVisible(text, { limit, rightToLeft: 'escape' });
}

/** Breaks a line before the terminal does, and marks what continues it. */
function wrap(line: string, columns: number | null): readonly string[] {
  if (columns === null || columns < MIN_COLUMNS || columnsOf(line) <= columns) return [line];
  const lines: string[] = [];
  let current = '';
  let used = 0;
  for (const character of line) {
    const width = columnsOf(character);
    if (used + width > columns) {
      lines.push(current);
      current = CONTINUED;
      used = CONTINUED.length;
    }
    current += character;
    used += width;
  }
  return [...lines, current];
}
