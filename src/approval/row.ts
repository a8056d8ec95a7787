import type { SQLOutputValue } from 'node:sqlite';
import {
  APPROVAL_PHASES,
  type ApprovalAsk,
  type ApprovalPhase,
  type ApprovalRecord,
  type ApproverDecision,
  type Predecessor,
} from '../model/approval.ts';
import { ApprovalStoreError } from './store-error.ts';

/** A row as SQLite returns it. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** Makes a record of a row and the decisions on it. Throws when the row is not what this store writes. */
export function recordOf(row: Row, decisions: readonly Row[]): ApprovalRecord {
  // The two JSON columns hold what this store wrote from values of these types.
  const ask: ApprovalAsk = JSON.parse(text(row, 'ask'));
  const predecessor: Predecessor | null = JSON.parse(textOrNull(row, 'predecessor') ?? 'null');
  return {
    name: text(row, 'name'),
    ask,
    phase: phaseOf(row),
    decisions: decisions.map(decisionOf),
    createdAt: integer(row, 'created_at'),
    expiresAt: integer(row, 'expires_at'),
    consumedAt: integerOrNull(row, 'consumed_at'),
    voidReason: textOrNull(row, 'void_reason'),
    uses: integer(row, 'uses'),
    predecessor,
  };
}

/** What a later approval of the same request says of this one; null while it is live. */
export function predecessorOf(row: Row, denial: string): Predecessor | null {
  const phase = phaseOf(row);
  if (phase === 'pending' || phase === 'approved') return null;
  const reason = phase === 'denied' ? denial : (textOrNull(row, 'void_reason') ?? '');
  return { name: text(row, 'name'), phase, endedAt: integer(row, 'ended_at'), reason };
}

export function phaseOf(row: Row): ApprovalPhase {
  const found = text(row, 'phase');
  const phase = APPROVAL_PHASES.find((known) => known === found);
  if (phase === undefined) throw damaged('phase');
  return phase;
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw damaged(column);
  return value;
}

export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw damaged(column);
  return value;
}

function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}

function decisionOf(row: Row): ApproverDecision {
  const verdict = text(row, 'verdict') === 'approved' ? 'approved' : 'denied';
  return { approver: text(row, 'approver'), verdict, reason: text(row, 'reason'), at: integer(row, 'at') };
}

function damaged(column: string): ApprovalStoreError {
  return new ApprovalStoreError(`the database of approvals holds an unexpected value in column ${column}`);
}
