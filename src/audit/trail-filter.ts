import type { Approval, RiskLevel } from '../model/decision.ts';
import type { AuditRecord } from '../model/record.ts';
import type { ExchangeView } from './exchange-view.ts';

/** A pattern for texts: whoever makes it knows its language. */
export interface TextPattern {
  /** The only text that it matches; null when it has wildcards. */
  readonly literal: string | null;
  matches(text: string): boolean;
}

/** What of the trail is wanted; null leaves a member open. An exchange has to fit all of them. */
export interface TrailFilter {
  /** Milliseconds since the epoch, both included. */
  readonly since: number | null;
  readonly until: number | null;
  readonly action: TextPattern | null;
  readonly decision: Approval | null;
  readonly rule: string | null;
  readonly approver: string | null;
  readonly agent: string | null;
  readonly risk: RiskLevel | null;
  readonly kind: AuditRecord['kind'] | null;
  readonly exchange: string | null;
}

export const NO_FILTER: TrailFilter = {
  since: null,
  until: null,
  action: null,
  decision: null,
  rule: null,
  approver: null,
  agent: null,
  risk: null,
  kind: null,
  exchange: null,
};

/** Whether an exchange is wanted. Its time is that of its first record. */
export function matchesExchange(filter: TrailFilter, view: ExchangeView): boolean {
  const { action, kind } = filter;
  return (
    isWithin(filter, view.time) &&
    matchesMembers(filter, view) &&
    (kind === null || view.kinds.includes(kind)) &&
    (action === null || view.actions.some(({ type }) => action.matches(type)))
  );
}

function matchesMembers(filter: TrailFilter, view: ExchangeView): boolean {
  return (
    isSame(filter.decision, view.decision) &&
    isSame(filter.rule, view.rule) &&
    isSame(filter.agent, view.agentId) &&
    isSame(filter.risk, view.riskLevel) &&
    isSame(filter.exchange, view.exchangeId) &&
    (filter.approver === null || view.approvers.includes(filter.approver))
  );
}

/** Whether a time (RFC 3339) is in the span of the filter. */
export function isWithin({ since, until }: TrailFilter, time: string): boolean {
  const at = Date.parse(time);
  return (since === null || at >= since) && (until === null || at <= until);
}

/** Whether the filter asks for anything that only exchanges have: the gateway's own records never fit then. */
export function asksForExchanges(filter: TrailFilter): boolean {
  const { action, decision, rule, approver, agent, risk, exchange } = filter;
  return [action, decision, rule, approver, agent, risk, exchange].some((wanted) => wanted !== null);
}

function isSame(wanted: string | null, found: string | null): boolean {
  return wanted === null || wanted === found;
}
