import type { AuditRecord } from '../model/record.ts';
import type { Json } from '../model/value.ts';

/** The columns of the export, in order: names stay, new ones come at the end. */
export const CSV_COLUMNS = [
  'seq',
  'time',
  'id',
  'kind',
  'exchange_id',
  'agent_id',
  'method',
  'url',
  'actions',
  'params',
  'decision',
  'risk_level',
  'rule',
  'why',
  'approval',
  'approvers',
  'event',
  'verdict',
  'result',
  'status',
  'fault',
  'detail',
  'bytes_sent',
  'bytes_received',
  'duration_ms',
  'hash',
] as const;

type Column = (typeof CSV_COLUMNS)[number];
type Row = Readonly<Partial<Record<Column, string | number | null>>>;

/** The first line of the export. */
export function csvHeader(): string {
  return `${CSV_COLUMNS.join(',')}\r\n`;
}

/**
 * A record as one line of CSV (RFC 4180: CRLF, quotes doubled). `shown` makes a text safe to look at. A text that a
 * spreadsheet would take for a formula gets an apostrophe in front.
 */
export function csvRow(record: AuditRecord, shown: (text: string) => string): string {
  const row: Row = { ...envelopeOf(record), ...membersOf(record) };
  return `${CSV_COLUMNS.map((column) => cellOf(row[column] ?? null, shown)).join(',')}\r\n`;
}

/** What makes a spreadsheet read a cell as a formula (OWASP, "CSV Injection"), with the full-width forms that some take too. */
const FORMULA = /^[\s\p{Cc}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u;

function cellOf(value: string | number | null, shown: (text: string) => string): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = FORMULA.test(value) ? `'${shown(value)}` : shown(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function envelopeOf(record: AuditRecord): Row {
  const { seq, time, id, kind, hash } = record;
  return { seq, time, id, kind, hash, exchange_id: 'exchangeId' in record ? record.exchangeId : null };
}

function membersOf(record: AuditRecord): Row {
  switch (record.kind) {
    case 'intent':
      return calledOf(record);
    case 'refusal':
      return { ...calledOf(record), fault: record.fault, detail: record.detail };
    case 'outcome': {
      const { result, status, fault, detail, bytesSent, bytesReceived, durationMs } = record;
      return {
        result,
        status,
        fault,
        detail,
        bytes_sent: bytesSent,
        bytes_received: bytesReceived,
        duration_ms: durationMs,
      };
    }
    case 'approval': {
      const { event, approval, approver, verdict, reason } = record;
      return { event, approval, approvers: approver, verdict, detail: reason };
    }
    case 'checkpoint':
      return { event: record.reason, detail: `signed with ${record.key}` };
    case 'lifecycle': {
      const { event, detail, data } = record;
      return { event, detail, params: JSON.stringify(data) };
    }
    default:
      return record satisfies never;
  }
}

function calledOf({
  agentId,
  request,
  actions,
  decision,
  approval,
}: Extract<AuditRecord, { kind: 'intent' | 'refusal' }>): Row {
  const params: readonly Json[] = actions.map((action) => action.params);
  return {
    agent_id: agentId,
    method: request.method,
    url: request.url,
    actions: actions.map(({ type, target }) => `${type} -> ${target}`).join('; '),
    params: JSON.stringify(params.length === 1 ? params[0] : params),
    ...(decision === null
      ? {}
      : { decision: decision.approval, risk_level: decision.riskLevel, rule: decision.rule, why: decision.why }),
    ...(approval === null ? {} : { approval: approval.name, approvers: approval.approvers.join('; ') }),
  };
}
