import type { ApprovalRecord } from '../model/approval.ts';
import { describeDecision, type EnforcementLevel, type Verdict } from '../model/decision.ts';
import type { Fault } from '../model/fault.ts';
import type { ForwardOutcome } from '../model/ports.ts';
import type { ActionView, ApprovalReference, DecisionView, RecordBody, RequestView } from '../model/record.ts';

/** What every record of an exchange starts with. */
export interface ExchangeFacts {
  readonly exchangeId: string;
  readonly agentId: string;
  readonly enforcement: EnforcementLevel;
}

/** A call as it may be stored: views made by redaction, and what was decided. */
export interface CallView {
  readonly request: RequestView;
  readonly actions: readonly ActionView[];
  readonly verdict: Verdict | null;
  readonly approval: ApprovalRecord | null;
}

/** The record that is written before a request is forwarded. */
export function intentRecord(facts: ExchangeFacts, call: CallView & { readonly verdict: Verdict }): RecordBody {
  return {
    kind: 'intent',
    ...facts,
    request: call.request,
    actions: call.actions,
    steps: call.verdict.decisions.map(({ riskLevel }, index) => ({ type: call.actions[index]?.type ?? '', riskLevel })),
    decision: decisionView(call.verdict),
    approval: approvalReference(call.approval),
  };
}

/** The record of a request that is not forwarded. */
export function refusalRecord(facts: ExchangeFacts, call: CallView, fault: Fault): RecordBody {
  return {
    kind: 'refusal',
    ...facts,
    request: call.request,
    actions: call.actions,
    decision: call.verdict === null ? null : decisionView(call.verdict),
    approval: approvalReference(call.approval),
    fault: fault.code,
    detail: fault.detail,
  };
}

/** The record that is written after a request was forwarded. */
export function outcomeRecord(exchangeId: string, outcome: ForwardOutcome, durationMs: number): RecordBody {
  return {
    kind: 'outcome',
    exchangeId,
    result: outcome.result,
    status: outcome.status,
    fault: outcome.fault?.code ?? null,
    detail: outcome.fault?.detail ?? '',
    bytesSent: outcome.bytesSent,
    bytesReceived: outcome.bytesReceived,
    durationMs: Math.round(durationMs),
  };
}

/** A verdict as it is stored and shown. */
export function decisionView(verdict: Verdict): DecisionView {
  const { decision, violations, policyDigest } = verdict;
  return {
    approval: decision.approval,
    riskLevel: decision.riskLevel,
    rule: decision.rule,
    why: describeDecision(decision),
    policyDigest,
    violations,
    observed: decision.observed,
  };
}

function approvalReference(approval: ApprovalRecord | null): ApprovalReference | null {
  if (approval === null) return null;
  return {
    name: approval.name,
    fingerprint: approval.ask.fingerprint,
    approvers: approval.decisions.filter(({ verdict }) => verdict === 'approved').map(({ approver }) => approver),
  };
}

/** What the data port knows of a request that it refused before there was an exchange. */
export interface PortRefusalView {
  readonly request: RequestView;
  readonly fault: Fault;
}

/** The record of a request that did not even become an exchange. */
export function portRefusalRecord(facts: ExchangeFacts, { request, fault }: PortRefusalView): RecordBody {
  return refusalRecord(facts, { request, actions: [], verdict: null, approval: null }, fault);
}
