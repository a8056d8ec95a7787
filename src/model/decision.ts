import type { Digest } from './brand.ts';

/** What policy says of an action, from the loosest to the strictest. */
export const APPROVALS = ['auto', 'approve', 'block'] as const;
export type Approval = (typeof APPROVALS)[number];

/** How much harm an action can do, from the least to the most. */
export const RISK_LEVELS = ['low', 'medium', 'high', 'critical'] as const;
export type RiskLevel = (typeof RISK_LEVELS)[number];

/** How strongly the pod's traffic is captured; from the weakest to the strongest. */
export const ENFORCEMENT_LEVELS = ['cooperative', 'fenced', 'captured'] as const;
export type EnforcementLevel = (typeof ENFORCEMENT_LEVELS)[number];

/** What one grant covers: exactly one execution, the same action again, or the same type of action on the same target. */
export const APPROVAL_SCOPES = ['once', 'action', 'target'] as const;
export type ApprovalScope = (typeof APPROVAL_SCOPES)[number];

/** The longer form of `approve`. Times in milliseconds; null leaves the choice to the gateway's configuration. */
export interface ApprovalTerms {
  readonly approvers: number;
  readonly scope: ApprovalScope;
  /** How long the request may wait for a decision. */
  readonly ttlMs: number | null;
  /** How long the connection is held before the client is told to come back. */
  readonly waitMs: number | null;
  /** How long a grant of scope `action` or `target` holds. */
  readonly forMs: number | null;
}

/** Why a decision is what it is: data, so that log, audit, answer and CLI make the same sentence of it. */
export type Reason =
  | { readonly kind: 'rule' }
  | { readonly kind: 'default' }
  | { readonly kind: 'no-policy' }
  | {
      readonly kind: 'evaluation-error';
      /** The operator that failed (`param_gt`, `when`), the parameter it looked at ('' for none), and what was wrong. */
      readonly operator: string;
      readonly param: string;
      readonly problem: string;
    }
  | { readonly kind: 'missing-param'; readonly operator: string; readonly param: string }
  | { readonly kind: 'plan'; readonly violation: string; readonly description: string }
  | { readonly kind: 'enforcement'; readonly required: EnforcementLevel; readonly found: EnforcementLevel };

/** What policy decided of one action. */
export interface Decision {
  readonly approval: Approval;
  readonly riskLevel: RiskLevel;
  /** The rule that decided, `<default>`, or `<no-policy-configured>`; for a plan, the violated pattern's name. */
  readonly rule: string;
  readonly reason: Reason;
  readonly terms: ApprovalTerms;
  /** Rules in `mode: observe` that would have decided otherwise: recorded, not enforced. */
  readonly observed: readonly ObservedDecision[];
}

/** What a rule in `mode: observe` would have decided. */
export interface ObservedDecision {
  readonly rule: string;
  readonly approval: Approval;
  readonly riskLevel: RiskLevel;
}

/** A plan rule that the actions of a request, or of a session, broke. */
export interface PlanViolation {
  readonly rule: string;
  readonly approval: Approval;
  readonly riskLevel: RiskLevel;
  readonly description: string;
  /** How many actions took part. */
  readonly actions: number;
}

/** What policy says of a whole request: the strictest of its actions and plan rules. */
export interface Verdict {
  readonly decision: Decision;
  /** One decision an action, in the same order. */
  readonly decisions: readonly Decision[];
  readonly violations: readonly PlanViolation[];
  readonly policyDigest: Digest;
}

/** True when `left` is at least as strict as `right`. */
export function atLeastAsStrict(left: Approval, right: Approval): boolean {
  return APPROVALS.indexOf(left) >= APPROVALS.indexOf(right);
}

/** The sentence that people read for a decision. */
export function describeDecision(decision: Pick<Decision, 'approval' | 'riskLevel' | 'rule' | 'reason'>): string {
  const { rule, reason } = decision;
  switch (reason.kind) {
    case 'rule':
      return `rule ${rule} says ${decision.approval} (risk ${decision.riskLevel})`;
    case 'default':
      return `no rule matched; the default is ${decision.approval} (risk ${decision.riskLevel})`;
    case 'no-policy':
      return 'no policy is configured, so everything is blocked';
    case 'evaluation-error': {
      const where =
        reason.param === '' ? reason.operator : `${reason.operator} on parameter ${JSON.stringify(reason.param)}`;
      return `rule ${rule} could not be evaluated, so it blocks: ${where}: ${reason.problem}`;
    }
    case 'missing-param':
      return `rule ${rule} blocks because parameter ${JSON.stringify(reason.param)} of ${reason.operator} is missing`;
    case 'plan':
      return `plan rule ${reason.violation} says ${decision.approval}${reason.description === '' ? '' : `: ${reason.description}`}`;
    case 'enforcement':
      return `the policy demands enforcement level ${reason.required}, found ${reason.found}`;
    default:
      return reason satisfies never;
  }
}
