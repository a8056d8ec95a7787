import type { Approval, RiskLevel } from '../model/decision.ts';
import type { FaultCode } from '../model/fault.ts';
import type { AuditRecord, OwnKind, Result } from '../model/record.ts';

/** What the records of one exchange come to: what lists show and filters ask for. */
export interface ExchangeView {
  readonly exchangeId: string;
  /** Of its first record, RFC 3339. */
  readonly time: string;
  readonly agentId: string;
  readonly method: string;
  readonly url: string;
  readonly actions: readonly { readonly type: string; readonly target: string }[];
  /** Null where the request could not be judged. */
  readonly decision: Approval | null;
  readonly riskLevel: RiskLevel | null;
  readonly rule: string | null;
  /** Why it was decided so, or what stopped it. */
  readonly why: string;
  readonly approval: string | null;
  readonly approvers: readonly string[];
  /** Null while it is under way, or when it was refused. */
  readonly result: Result | null;
  readonly status: number | null;
  readonly fault: FaultCode | null;
  readonly durationMs: number | null;
  /** Whether it was refused, rather than forwarded. */
  readonly refused: boolean;
  /** The kinds of its records. */
  readonly kinds: readonly AuditRecord['kind'][];
  /** The number of its first record. */
  readonly seq: number;
}

/** A record that belongs to an exchange. */
export type ExchangeRecord = Exclude<AuditRecord, { kind: OwnKind }>;

export function isOfExchange(record: AuditRecord): record is ExchangeRecord {
  return record.kind !== 'lifecycle' && record.kind !== 'checkpoint';
}

/** The exchange that a record belongs to; null for one of the gateway's own life. */
export function exchangeOf(record: AuditRecord): string | null {
  return isOfExchange(record) ? record.exchangeId : null;
}

/** Adds a record to what is known of its exchange. */
export function foldRecord(known: ExchangeView | undefined, record: ExchangeRecord): ExchangeView {
  const before = known ?? blank(record);
  const view = before.kinds.includes(record.kind) ? before : { ...before, kinds: [...before.kinds, record.kind] };
  switch (record.kind) {
    case 'intent':
      return { ...view, ...called(record, view), why: record.decision.why };
    case 'refusal':
      return { ...view, ...called(record, view), why: record.detail, refused: true, fault: record.fault };
    case 'outcome': {
      const { result, status, durationMs, fault } = record;
      return { ...view, result, status, durationMs, fault: fault ?? view.fault };
    }
    case 'approval':
      return { ...view, approval: record.approval, approvers: withName(view.approvers, record.approver) };
    default:
      return record satisfies never;
  }
}

function blank({ exchangeId, time, seq }: ExchangeRecord): ExchangeView {
  const unknown = {
    decision: null,
    riskLevel: null,
    rule: null,
    approval: null,
    result: null,
    status: null,
    fault: null,
  };
  const empty = { agentId: '', method: '', url: '', why: '', actions: [], approvers: [], kinds: [] };
  return { exchangeId, time, seq, ...unknown, ...empty, durationMs: null, refused: false };
}

function called(
  record: Extract<AuditRecord, { kind: 'intent' | 'refusal' }>,
  view: ExchangeView,
): Partial<ExchangeView> {
  const { agentId, request, decision, approval } = record;
  const judged =
    decision === null ? {} : { decision: decision.approval, riskLevel: decision.riskLevel, rule: decision.rule };
  const approvers = (approval?.approvers ?? []).reduce(withName, view.approvers);
  const actions = record.actions.map(({ type, target }) => ({ type, target }));
  return {
    agentId,
    method: request.method,
    url: request.url,
    ...(actions.length > 0 ? { actions } : {}),
    ...judged,
    approval: approval?.name ?? view.approval,
    approvers,
  };
}

function withName(names: readonly string[], name: string): readonly string[] {
  return name === '' || names.includes(name) ? names : [...names, name];
}
