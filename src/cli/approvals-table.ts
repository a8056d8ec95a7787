import type { ApprovalRecord } from '../model/approval.ts';
import { columnsOf, visibleCell } from '../visible/cell.ts';
import { amountOf, durationText, phaseAt } from './approvals-words.ts';

/** What a table is made for. */
export interface TablePlace {
  readonly now: number;
  /** The columns of the terminal; null when output is piped. */
  readonly columns: number | null;
  /** Whether the phase is shown: where all are pending, it says nothing. */
  readonly withPhase: boolean;
}

interface Column {
  readonly title: string;
  /** The least width it can be shrunk to; null for a column that is never cut. */
  readonly shrinksTo: number | null;
  /** Left out first to last where the terminal is too narrow for the least widths. */
  readonly dispensable?: true;
  readonly text: (approval: ApprovalRecord, now: number) => string;
}

const GAP = '  ';
/** Where nothing bounds the line, a cell still ends before it buries the others. */
const MAX_CELL = 120;

const COLUMNS: readonly Column[] = [
  { title: 'NAME', shrinksTo: null, text: ({ name }) => name },
  { title: 'PHASE', shrinksTo: null, text: phaseAt },
  { title: 'AGE', shrinksTo: null, dispensable: true, text: ({ createdAt }, now) => durationText(now - createdAt) },
  { title: 'EXPIRES', shrinksTo: null, text: expiresText },
  { title: 'AGENT', shrinksTo: 6, dispensable: true, text: ({ ask }) => orDash(ask.agentId) },
  // A request of several actions shows its first; how many there are has a column that no agent can write into.
  { title: 'ACTIONS', shrinksTo: null, text: ({ ask }) => String(ask.actions.length) },
  { title: 'ACTION', shrinksTo: 6, text: ({ ask }) => ask.actions[0]?.type ?? '-' },
  { title: 'TARGET', shrinksTo: 6, text: ({ ask }) => ask.actions[0]?.target ?? '-' },
  { title: 'AMOUNT', shrinksTo: 8, text: amountText },
  { title: 'RISK', shrinksTo: null, text: ({ ask }) => ask.riskLevel },
  { title: 'RULE', shrinksTo: 6, dispensable: true, text: ({ ask }) => ask.rule },
];

/** A table of approvals, one line each, no wider than the terminal. What agents wrote in it is made visible. */
export function approvalsTable(approvals: readonly ApprovalRecord[], place: TablePlace): string {
  const withCount = approvals.some(({ ask }) => ask.actions.length > 1);
  const all = COLUMNS.filter(({ title }) => {
    if (title === 'ACTIONS') return withCount;
    return place.withPhase || title !== 'PHASE';
  });
  const columns = place.columns === null ? all : dispense(all, approvals, place);
  const rows = approvals.map((approval) => columns.map(({ text }) => text(approval, place.now)));
  const widths = fit(columns, naturalWidths(columns, rows), place.columns);
  const titles = columns.map(({ title }) => title);
  return [titles, ...rows].map((row) => line(row, widths)).join('');
}

function line(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, index) => {
    const shown = visibleCell(cell, widths[index] ?? 0);
    return shown + ' '.repeat(Math.max(0, (widths[index] ?? 0) - columnsOf(shown)));
  });
  return `${padded.join(GAP).trimEnd()}\n`;
}

function naturalWidths(columns: readonly Column[], rows: readonly (readonly string[])[]): number[] {
  return columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => columnsOf(visibleCell(row[index] ?? '', MAX_CELL)))),
  );
}

/** Takes from the widest column that can be cut, until the line fits. */
function fit(columns: readonly Column[], widths: number[], available: number | null): readonly number[] {
  if (available === null) return widths;
  while (lineWidth(widths) > available) {
    const widest = columns.reduce((best, { shrinksTo }, index) => {
      const room = shrinksTo === null ? 0 : (widths[index] ?? 0) - shrinksTo;
      if (room <= 0) return best;
      return best === -1 || (widths[index] ?? 0) > (widths[best] ?? 0) ? index : best;
    }, -1);
    if (widest === -1) return widths;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

/** Leaves columns out, the last first, while even the least widths do not fit. */
function dispense(
  columns: readonly Column[],
  approvals: readonly ApprovalRecord[],
  place: TablePlace,
): readonly Column[] {
  const rows = approvals.map((approval) => columns.map(({ text }) => text(approval, place.now)));
  const least = naturalWidths(columns, rows).map((width, index) => Math.min(width, columns[index]?.shrinksTo ?? width));
  if (lineWidth(least) <= (place.columns ?? 0)) return columns;
  const last = columns.findLast(({ dispensable }) => dispensable === true);
  return last === undefined
    ? columns
    : dispense(
        columns.filter((column) => column !== last),
        approvals,
        place,
      );
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
}

function expiresText(approval: ApprovalRecord, now: number): string {
  const phase = phaseAt(approval, now);
  return phase === 'pending' || phase === 'approved' ? durationText(approval.expiresAt - now) : '-';
}

function amountText({ ask }: ApprovalRecord): string {
  const amounts = ask.actions.map(amountOf).filter((amount) => amount !== null);
  return amounts.length > 1 ? `${amounts.length} amounts` : (amounts[0] ?? '-');
}

function orDash(text: string): string {
  return text === '' ? '-' : text;
}
