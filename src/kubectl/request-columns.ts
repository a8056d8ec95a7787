import { APPROVAL_COLUMNS } from '../cli/approvals-table.ts';
import { durationText, phaseAt, timeText } from '../cli/approvals-words.ts';
import type { Column } from '../cli/table.ts';
import type { ApprovalRecord } from '../model/approval.ts';
import type { RiskLevel } from '../model/decision.ts';
import type { SeenRequest } from './seen-request.ts';

type RequestColumn = Column<SeenRequest>;

const NAMESPACE: RequestColumn = { title: 'NAMESPACE', shrinksTo: null, text: ({ namespace }) => namespace };
const EXPIRES: RequestColumn = { title: 'EXPIRES', shrinksTo: null, text: expiresText };
const AGREED: RequestColumn = { title: 'AGREED', shrinksTo: null, dispensable: 1, text: agreedText };
const WIDE: readonly RequestColumn[] = [
  {
    title: 'REQUEST',
    shrinksTo: 12,
    dispensable: 8,
    text: ({ record }) => `${record.ask.request.method} ${record.ask.request.url}`,
  },
  { title: 'SCOPE', shrinksTo: null, dispensable: 5, text: ({ object }) => object.spec.scope },
  { title: 'GATEWAY', shrinksTo: 8, dispensable: 6, text: ({ object }) => object.spec.requester },
  { title: 'BEFORE', shrinksTo: 8, dispensable: 7, text: beforeText },
];
const ENDED: RequestColumn = { title: 'ENDED', shrinksTo: null, text: endedText };
const DECIDED: RequestColumn = { title: 'DECIDED', shrinksTo: 8, text: decidedText };
const BECAME: RequestColumn = { title: 'BECAME', shrinksTo: 8, text: becameText };
/** Bold red, and yellow (ECMA-48): what can do much harm is seen first. */
const COLOURS: { readonly [level in RiskLevel]: string | null } = {
  critical: '1;31',
  high: '33',
  medium: null,
  low: null,
};

/** What a table of requests has to show. */
export interface ColumnChoice {
  readonly everywhere: boolean;
  readonly wide: boolean;
}

/** The columns of requests that wait. */
export function pendingColumns(
  requests: readonly SeenRequest[],
  { everywhere, wide }: ColumnChoice,
): readonly RequestColumn[] {
  return [
    ...(everywhere ? [NAMESPACE] : []),
    ofRecord(APPROVAL_COLUMNS.name),
    ofRecord(APPROVAL_COLUMNS.age),
    EXPIRES,
    { ...ofRecord(APPROVAL_COLUMNS.risk), colour: ({ object }) => COLOURS[object.spec.riskLevel] },
    ...countColumn(requests),
    ofRecord(APPROVAL_COLUMNS.action),
    ofRecord(APPROVAL_COLUMNS.target),
    ofRecord(APPROVAL_COLUMNS.amount),
    ofRecord(APPROVAL_COLUMNS.agent),
    ofRecord(APPROVAL_COLUMNS.rule),
    AGREED,
    ...(wide ? WIDE : []),
  ];
}

/** The columns of requests that have ended. */
export function historyColumns(
  requests: readonly SeenRequest[],
  { everywhere, wide }: ColumnChoice,
): readonly RequestColumn[] {
  return [
    ENDED,
    ...(everywhere ? [NAMESPACE] : []),
    ofRecord(APPROVAL_COLUMNS.name),
    ofRecord(APPROVAL_COLUMNS.phase),
    ...countColumn(requests),
    ofRecord(APPROVAL_COLUMNS.action),
    ofRecord(APPROVAL_COLUMNS.target),
    ofRecord(APPROVAL_COLUMNS.amount),
    ofRecord(APPROVAL_COLUMNS.agent),
    DECIDED,
    BECAME,
    ...(wide ? [ofRecord(APPROVAL_COLUMNS.risk), ofRecord(APPROVAL_COLUMNS.rule), ...WIDE] : []),
  ];
}

/** When a request ended, in milliseconds since the epoch; null where its gateway has not said so yet. */
export function endedAt({ object, record }: SeenRequest): number | null {
  if (object.status.endedAt !== undefined) return object.status.endedAt;
  return record.phase === 'pending' || record.phase === 'approved' || record.phase === 'denied'
    ? null
    : record.expiresAt;
}

function countColumn(requests: readonly SeenRequest[]): readonly RequestColumn[] {
  return requests.some(({ record }) => record.ask.actions.length > 1) ? [ofRecord(APPROVAL_COLUMNS.actions)] : [];
}

function ofRecord(column: Column<ApprovalRecord>): RequestColumn {
  const { dispensable, shrinksTo, text, title } = column;
  return {
    title,
    shrinksTo,
    ...(dispensable === undefined ? {} : { dispensable }),
    text: ({ record }, now) => text(record, now),
  };
}

function expiresText({ record }: SeenRequest, now: number): string {
  // By the clock of this machine; the gateway goes by its own.
  return phaseAt(record, now) === 'expired' ? 'overdue' : durationText(record.expiresAt - now);
}

function agreedText({ record }: SeenRequest): string {
  const agreed = record.decisions.filter(({ verdict }) => verdict === 'approved').length;
  return `${agreed}/${record.ask.terms.approvers}`;
}

function beforeText({ record }: SeenRequest): string {
  return record.predecessor === null ? '-' : `${record.predecessor.phase} ${record.predecessor.name}`;
}

function endedText(seen: SeenRequest): string {
  const at = endedAt(seen);
  return at === null ? '-' : timeText(at);
}

function decidedText({ record }: SeenRequest): string {
  if (record.decisions.length === 0) return 'nobody';
  return record.decisions
    .map(({ approver, reason, verdict }) => `${verdict} by ${approver}${reason === '' ? '' : ` (${reason})`}`)
    .join('; ');
}

/** What became of a request, in a few words. */
export function becameText({ record }: SeenRequest): string {
  const { phase } = record;
  switch (phase) {
    case 'consumed':
      return `let through at ${timeText(record.consumedAt ?? record.expiresAt)}`;
    case 'void':
      return `void: ${record.voidReason}`;
    case 'expired':
      return wasGranted(record) ? `the grant ran out, ${usesText(record)}` : 'nobody decided in time';
    case 'denied':
      return 'refused';
    case 'approved':
      return `a grant, ${usesText(record)}`;
    case 'pending':
      return 'waits';
    default:
      return phase satisfies never;
  }
}

function usesText({ uses }: ApprovalRecord): string {
  return uses === 0 ? 'never used' : `used ${uses} times`;
}

/** Whether enough people agreed, whatever became of it then. */
export function wasGranted({ ask, decisions }: ApprovalRecord): boolean {
  return decisions.length >= ask.terms.approvers && decisions.every(({ verdict }) => verdict === 'approved');
}
