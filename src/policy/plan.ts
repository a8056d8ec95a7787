import { RISK_LEVELS, type PlanViolation, type RiskLevel } from '../model/decision.ts';
import type { CumulativeRisk, PlanRules, SequencePattern } from './policy.ts';

/** One action of a plan: its type, and the risk that policy gave it. */
export interface PlanStep {
  readonly type: string;
  readonly riskLevel: RiskLevel;
}

/** A pattern of fewer steps is no sequence, and Aegis passes it over. */
const MIN_STEPS = 2;

/**
 * The plan rules that `steps` break, patterns before the sum, each at most once. A sequence counts only when it ends at
 * `newFrom` or later: what was complete before has been decided before, and must not block everything after it.
 */
export function planViolations(plan: PlanRules, steps: readonly PlanStep[], newFrom: number): readonly PlanViolation[] {
  const violations: PlanViolation[] = [];
  for (const pattern of plan.patterns) {
    if (pattern.steps.length < MIN_STEPS || !occurs(pattern, steps, newFrom)) continue;
    violations.push({
      rule: pattern.name,
      approval: pattern.approval,
      riskLevel: pattern.riskLevel,
      description: pattern.description,
      actions: pattern.steps.length,
    });
  }
  const exceeded = plan.cumulative === null ? null : exceededRisk(plan.cumulative, steps);
  return exceeded === null ? violations : [...violations, exceeded];
}

/**
 * Whether the pattern's steps occur in order, gaps allowed, the last of them at `newFrom` or later. From each possible
 * end the other steps are looked for backwards, the nearest first: no other choice keeps the window smaller.
 */
function occurs(pattern: SequencePattern, steps: readonly PlanStep[], newFrom: number): boolean {
  for (let end = newFrom; end < steps.length; end += 1) {
    if (matchesAt(pattern, pattern.steps.length - 1, steps, end) && beginsInWindow(pattern, steps, end)) return true;
  }
  return false;
}

function beginsInWindow(pattern: SequencePattern, steps: readonly PlanStep[], end: number): boolean {
  const first = pattern.window > 0 ? Math.max(0, end - pattern.window + 1) : 0;
  let wanted = pattern.steps.length - 2;
  for (let at = end - 1; at >= first && wanted >= 0; at -= 1) {
    if (matchesAt(pattern, wanted, steps, at)) wanted -= 1;
  }
  return wanted < 0;
}

function matchesAt(pattern: SequencePattern, step: number, steps: readonly PlanStep[], at: number): boolean {
  return pattern.steps[step]?.matches(steps[at]?.type ?? '') === true;
}

function exceededRisk(limit: CumulativeRisk, steps: readonly PlanStep[]): PlanViolation | null {
  if (limit.maxTotalRisk <= 0) return null;
  const total = steps.reduce((sum, step) => sum + riskPoints(step.riskLevel), 0);
  if (total <= limit.maxTotalRisk) return null;
  return {
    rule: limit.name,
    approval: limit.onExceed,
    riskLevel: 'critical',
    description: `cumulative risk ${total} exceeds the limit ${limit.maxTotalRisk}`,
    actions: steps.length,
  };
}

/** low 1, medium 2, high 3, critical 4. */
function riskPoints(riskLevel: RiskLevel): number {
  return RISK_LEVELS.indexOf(riskLevel) + 1;
}
