import type { Position } from '../document/mistake.ts';
import type { Verdict } from '../model/decision.ts';
import type { PolicySet } from './policy-set.ts';

/** One rule or plan rule, and whether some case was decided by it. */
interface CoveredRule {
  readonly name: string;
  readonly kind: 'rule' | 'plan';
  readonly position: Position;
  readonly covered: boolean;
}

/** Which rules of a policy the cases have reached. */
export interface Coverage {
  readonly rules: readonly CoveredRule[];
  /** Covered rules in a hundred, rounded down, so that 100 means all; 100 for a policy without rules. */
  readonly percent: number;
}

/**
 * Which rules decided at least once in these verdicts. A rule in mode observe counts when it would have decided
 * otherwise; a plan rule when it was broken. Rules are told apart by name.
 */
export function coverageOf(set: PolicySet, verdicts: readonly Verdict[]): Coverage {
  const decided = new Set<string>();
  const broken = new Set<string>();
  for (const verdict of verdicts) {
    for (const decision of verdict.decisions) {
      decided.add(decision.rule);
      for (const observed of decision.observed) decided.add(observed.rule);
    }
    for (const violation of verdict.violations) broken.add(violation.rule);
  }
  const rules: CoveredRule[] = set.files.flatMap((file) =>
    file.rules.map(({ name, position }) => ({ name, kind: 'rule' as const, position, covered: decided.has(name) })),
  );
  const { patterns, cumulative } = set.plan;
  for (const { name, position } of cumulative === null ? patterns : [...patterns, cumulative]) {
    rules.push({ name, kind: 'plan', position, covered: broken.has(name) });
  }
  const covered = rules.filter((rule) => rule.covered).length;
  return { rules, percent: rules.length === 0 ? 100 : Math.floor((covered * 100) / rules.length) };
}
