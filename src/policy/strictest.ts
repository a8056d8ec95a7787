import {
  APPROVAL_SCOPES,
  APPROVALS,
  RISK_LEVELS,
  type ApprovalTerms,
  type Decision,
  type ObservedDecision,
} from '../model/decision.ts';

/**
 * The decision for all of several: the strictest approval with its rule (then the highest risk, then the first), the
 * highest risk of any, and terms that satisfy every one that asks for approval. Null for none.
 */
export function strictestOf(decisions: readonly Decision[]): Decision | null {
  const [first, ...others] = decisions;
  if (first === undefined) return null;
  const strictest = others.reduce((best, next) => (strictness(next) > strictness(best) ? next : best), first);
  const risk = Math.max(...decisions.map((decision) => RISK_LEVELS.indexOf(decision.riskLevel)));
  const asking = decisions.filter((decision) => decision.approval === 'approve');
  const observed: readonly ObservedDecision[] = decisions.flatMap((decision) => decision.observed);
  const terms =
    strictest.approval === 'approve' ? asking.map((decision) => decision.terms).reduce(joinTerms) : strictest.terms;
  return { ...strictest, riskLevel: RISK_LEVELS[risk] ?? 'critical', terms, observed };
}

function strictness(decision: Decision): number {
  return APPROVALS.indexOf(decision.approval) * RISK_LEVELS.length + RISK_LEVELS.indexOf(decision.riskLevel);
}

/** More approvers, the narrower scope, the shorter times. */
function joinTerms(left: ApprovalTerms, right: ApprovalTerms): ApprovalTerms {
  const scope = Math.min(APPROVAL_SCOPES.indexOf(left.scope), APPROVAL_SCOPES.indexOf(right.scope));
  return {
    approvers: Math.max(left.approvers, right.approvers),
    scope: APPROVAL_SCOPES[scope] ?? 'once',
    ttlMs: shorter(left.ttlMs, right.ttlMs),
    waitMs: shorter(left.waitMs, right.waitMs),
    forMs: shorter(left.forMs, right.forMs),
  };
}

function shorter(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right;
  return Math.min(left, right);
}
