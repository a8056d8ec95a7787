import { foldRecord, type ExchangeRecord, type ExchangeView } from '../audit/exchange-view.ts';
import type { AuditRecord } from '../model/record.ts';
import type { Json } from '../model/value.ts';
import { columnsOf, visibleCell } from '../visible/cell.ts';
import { visibleJson } from '../visible/json.ts';

/** How wide the cells of a line may get, in columns of a terminal. Nothing in a line is cut but by these. */
const WIDTHS = { action: 64, rule: 40, approver: 40, outcome: 40, id: 40, detail: 160 } as const;

const NO_COLOUR = '';
const RESET = '\u001B[0m';
const COLOURS: ReadonlyMap<string, string> = new Map([
  ['auto', '\u001B[32m'],
  ['approve', '\u001B[33m'],
  ['block', '\u001B[31m'],
  ['high', '\u001B[33m'],
  ['critical', '\u001B[31m'],
]);

/** One exchange on one line: time, decision, risk, action -> target, rule, what became of it, approvers, id. */
export function exchangeLine(view: ExchangeView, colour: boolean): string {
  const cells = [
    view.time,
    padded(view.decision ?? 'unjudged', 8, colour),
    padded(view.riskLevel ?? '-', 8, colour),
    actionText(view),
    `rule ${visibleCell(view.rule ?? '-', WIDTHS.rule)}`,
    outcomeText(view),
    ...(view.approvers.length > 0 ? [`by ${visibleCell(view.approvers.join(', '), WIDTHS.approver)}`] : []),
    visibleCell(view.exchangeId, WIDTHS.id),
  ];
  return `${cells.join('  ')}\n`;
}

/** One record on one line. */
export function recordLine(record: AuditRecord, colour: boolean): string {
  if (record.kind === 'lifecycle') {
    return `${record.time}  ${padded('gateway', 8, false)}  ${record.event}  ${visibleCell(record.detail, WIDTHS.detail)}\n`;
  }
  if (record.kind === 'checkpoint') {
    return `${record.time}  ${padded('journal', 8, false)}  checkpoint  ${record.reason}, signed up to record ${record.seq}\n`;
  }
  const cells = [
    record.time,
    padded(record.kind, 8, false),
    ...recordCells(record, colour),
    visibleCell(record.exchangeId, WIDTHS.id),
  ];
  return `${cells.join('  ')}\n`;
}

function recordCells(record: ExchangeRecord, colour: boolean): readonly string[] {
  const view = foldRecord(undefined, record);
  switch (record.kind) {
    case 'intent':
      return calledCells(view, colour);
    case 'refusal':
      return [...calledCells(view, colour), record.fault];
    case 'outcome':
      return [outcomeText(view)];
    case 'approval': {
      const said = `approval ${visibleCell(record.approval, WIDTHS.rule)} ${record.verdict ?? record.event}`;
      return record.approver === '' ? [said] : [said, `by ${visibleCell(record.approver, WIDTHS.approver)}`];
    }
    default:
      return record satisfies never;
  }
}

function calledCells(view: ExchangeView, colour: boolean): readonly string[] {
  const decision = padded(view.decision ?? 'unjudged', 8, colour);
  return [decision, actionText(view), `rule ${visibleCell(view.rule ?? '-', WIDTHS.rule)}`];
}

function actionText({ actions, method, url }: ExchangeView): string {
  const [first] = actions;
  if (first === undefined) return visibleCell(`${method} ${url}`, WIDTHS.action);
  const half = WIDTHS.action / 2 - 2;
  const more = actions.length > 1 ? ` and ${actions.length - 1} more` : '';
  return `${visibleCell(first.type, half)} -> ${visibleCell(first.target, half)}${more}`;
}

function outcomeText({ refused, fault, result, status, durationMs }: ExchangeView): string {
  if (refused) return fault ?? 'refused';
  if (result === null) return 'under way';
  const said = status === null ? result : `${status} ${result}`;
  return `${said}${fault === null ? '' : ` (${fault})`}${durationMs === null ? '' : ` ${durationMs} ms`}`;
}

/** All of a record, one member after the other. */
export function recordText(record: AuditRecord, width: number): string {
  const { seq, kind, time, ...members } = record;
  const lines = Object.entries(members).map(([name, value]) => `  ${name.padEnd(11)} ${indented(value, width)}\n`);
  return `record ${seq}  ${kind}  ${time}\n${lines.join('')}`;
}

function indented(value: Json | undefined, width: number): string {
  const inside = width - 14;
  return visibleJson(value ?? null, { width: inside, limit: Number.POSITIVE_INFINITY }).replaceAll(
    '\n',
    `\n${' '.repeat(14)}`,
  );
}

function padded(word: string, width: number, colour: boolean): string {
  const start = colour ? (COLOURS.get(word) ?? NO_COLOUR) : NO_COLOUR;
  const space = ' '.repeat(Math.max(0, width - columnsOf(word)));
  return start === NO_COLOUR ? `${word}${space}` : `${start}${word}${RESET}${space}`;
}
