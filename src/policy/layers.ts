import type { Action } from '../model/action.ts';
import { APPROVALS, RISK_LEVELS, type Decision } from '../model/decision.ts';
import type { EvaluationContext } from './context.ts';
import { evaluate, type RuleSet } from './evaluate.ts';
import { NO_POLICY_RULE, PLAIN_TERMS } from './policy.ts';

/** The layers of Aegis's hierarchy, from the one whose rule is named on ties to the last. */
export const LAYERS = ['org', 'team', 'agent'] as const;

export interface LayeredDecision {
  readonly decision: Decision;
  /** Whether the layers disagreed on the approval: 0 or 1. */
  readonly conflicts: number;
}

/** What is decided where there is no policy at all. */
export const NO_POLICY_DECISION: Decision = {
  approval: 'block',
  riskLevel: 'critical',
  rule: NO_POLICY_RULE,
  reason: { kind: 'no-policy' },
  terms: PLAIN_TERMS,
  observed: [],
};

/** Each layer decides alone; the strictest approval wins with its rule, and the strictest risk, each separately. */
export function decideLayers(layers: readonly RuleSet[], action: Action, context: EvaluationContext): LayeredDecision {
  const decisions = layers.map((layer) => evaluate(layer, action, context));
  const [first, ...others] = decisions;
  if (first === undefined) return { decision: NO_POLICY_DECISION, conflicts: 0 };
  const strictest = others.reduce((best, next) => (strictness(next) > strictness(best) ? next : best), first);
  const risk = Math.max(...decisions.map((decision) => RISK_LEVELS.indexOf(decision.riskLevel)));
  const conflicts = decisions.some((decision) => decision.approval !== first.approval) ? 1 : 0;
  return { decision: { ...strictest, riskLevel: RISK_LEVELS[risk] ?? 'critical' }, conflicts };
}

/** A block because of an error comes before other blocks: it is what has to be mended. */
function strictness(decision: Decision): number {
  return decision.reason.kind === 'evaluation-error' ? APPROVALS.length : APPROVALS.indexOf(decision.approval);
}
