import type { Actions } from '../model/action.ts';
import type { Digest } from '../model/brand.ts';
import {
  ENFORCEMENT_LEVELS,
  type Decision,
  type EnforcementLevel,
  type PlanViolation,
  type Verdict,
} from '../model/decision.ts';
import type { SessionStep } from '../model/ports.ts';
import type { EvaluationContext } from './context.ts';
import { sha256 } from './digest.ts';
import { compileRules, evaluate, type RuleSet } from './evaluate.ts';
import { NO_POLICY_DECISION } from './layers.ts';
import { mergePlans, mergePolicies } from './merge.ts';
import { planViolations } from './plan.ts';
import { PLAIN_TERMS, type PlanRules, type PolicyFile } from './policy.ts';
import { strictestOf } from './strictest.ts';

/** Everything that decides: made once for each loading of the files, replaced as a whole. */
export interface PolicySet {
  readonly files: readonly PolicyFile[];
  /** A block by a rule of the baseline cannot be loosened by anything. */
  readonly baseline: RuleSet | null;
  /** The overlays' rules and then the baseline's; null when there is no file at all. */
  readonly rules: RuleSet | null;
  readonly plan: PlanRules;
  /** How far plan rules look back; milliseconds. */
  readonly sessionMs: number;
  /** The strongest level that a file demands; null when none does. */
  readonly enforcement: EnforcementLevel | null;
  /** SHA-256 over the digests of all files, in order, each with its part. */
  readonly digest: Digest;
}

/** The rule name of a decision that the level of enforcement made. */
export const ENFORCEMENT_RULE = '<enforcement>';

/**
 * Joins files to one policy. `overlays` merge as Aegis merges: the first that matches wins. The baseline is asked first
 * and last: first for its blocks, which stand whatever comes later, and last, behind the overlays, for all else.
 */
export function createPolicySet(baseline: PolicyFile | null, overlays: readonly PolicyFile[]): PolicySet {
  const files = baseline === null ? overlays : [baseline, ...overlays];
  const overlay = overlays[0] === undefined ? null : mergePolicies(overlays[0], ...overlays.slice(1));
  return {
    files,
    baseline: baseline === null || overlay === null ? null : compileRules(baseline.rules, baseline.defaults),
    rules: joinRules(baseline, overlay),
    plan: files.reduce<PlanRules>((plan, file) => mergePlans(plan, file.plan), { patterns: [], cumulative: null }),
    sessionMs: Math.max(0, ...files.map((file) => file.sessionMs)),
    enforcement: strongest(files),
    digest: digestOf(baseline, overlays),
  };
}

/** How far back plan rules look over what one agent did before; 0 where none does. Milliseconds. */
export function lookBackMs({ plan, sessionMs }: PolicySet): number {
  return plan.patterns.length === 0 && plan.cumulative === null ? 0 : sessionMs;
}

function joinRules(
  baseline: PolicyFile | null,
  overlay: Pick<PolicyFile, 'rules' | 'defaults'> | null,
): RuleSet | null {
  if (overlay === null) return baseline === null ? null : compileRules(baseline.rules, baseline.defaults);
  if (baseline === null) return compileRules(overlay.rules, overlay.defaults);
  const { given } = overlay.defaults;
  const risk = given.riskLevel ? overlay.defaults : baseline.defaults;
  const approval = given.approval ? overlay.defaults : baseline.defaults;
  const defaults = { ...approval, riskLevel: risk.riskLevel };
  return compileRules([...overlay.rules, ...baseline.rules], defaults);
}

function strongest(files: readonly PolicyFile[]): EnforcementLevel | null {
  const demanded = files.map((file) => (file.enforcement === null ? -1 : ENFORCEMENT_LEVELS.indexOf(file.enforcement)));
  return ENFORCEMENT_LEVELS[Math.max(-1, ...demanded)] ?? null;
}

function digestOf(baseline: PolicyFile | null, overlays: readonly PolicyFile[]): Digest {
  const base = baseline === null ? [] : [`baseline ${baseline.digest}\n`];
  return sha256(...base, ...overlays.map((file) => `overlay ${file.digest}\n`));
}

/**
 * Decides a whole request: the strictest of its actions and of the plan rules that they break, alone or together with
 * what the agent did before. `history` holds the agent's steps, oldest first. Never throws.
 */
export function decide(
  set: PolicySet,
  actions: Actions,
  context: EvaluationContext,
  history: readonly SessionStep[],
): Verdict {
  const decisions = actions.map((action) => decideAction(set, action, context));
  const violations = violationsOf(set, actions, decisions, { history, now: context.now });
  const decision = strictestOf([...decisions, ...violations.map(violationDecision)]) ?? NO_POLICY_DECISION;
  return { decision, decisions, violations, policyDigest: set.digest };
}

function decideAction(set: PolicySet, action: Actions[number], context: EvaluationContext): Decision {
  if (set.rules === null) return NO_POLICY_DECISION;
  const weak = weakEnforcement(set, context);
  if (weak !== null) return weak;
  const firm = set.baseline === null ? null : evaluate(set.baseline, action, context);
  if (firm?.approval === 'block' && firm.reason.kind !== 'default') return firm;
  return evaluate(set.rules, action, context);
}

function weakEnforcement(set: PolicySet, context: EvaluationContext): Decision | null {
  const [required, found] = [set.enforcement, context.enforcement];
  if (required === null || ENFORCEMENT_LEVELS.indexOf(found) >= ENFORCEMENT_LEVELS.indexOf(required)) return null;
  return {
    approval: 'block',
    riskLevel: 'critical',
    rule: ENFORCEMENT_RULE,
    reason: { kind: 'enforcement', required, found },
    terms: PLAIN_TERMS,
    observed: [],
  };
}

function violationsOf(
  set: PolicySet,
  actions: Actions,
  decisions: readonly Decision[],
  past: { readonly history: readonly SessionStep[]; readonly now: number },
): readonly PlanViolation[] {
  if (set.plan.patterns.length === 0 && set.plan.cumulative === null) return [];
  const since = past.now - set.sessionMs;
  const earlier = past.history.filter((step) => step.at >= since);
  const steps = actions.map((action, index) => ({
    type: action.type,
    riskLevel: decisions[index]?.riskLevel ?? ('critical' as const),
  }));
  return planViolations(set.plan, [...earlier, ...steps], earlier.length);
}

function violationDecision(violation: PlanViolation): Decision {
  const { rule, approval, riskLevel, description } = violation;
  return {
    approval,
    riskLevel,
    rule,
    reason: { kind: 'plan', violation: rule, description },
    terms: PLAIN_TERMS,
    observed: [],
  };
}
