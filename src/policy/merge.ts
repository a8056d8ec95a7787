import type { CumulativeRisk, PlanRules, PolicyDefaults, PolicyFile, Rule } from './policy.ts';

/** Several files read as one policy. */
export interface MergedPolicy {
  readonly rules: readonly Rule[];
  readonly defaults: PolicyDefaults;
  readonly plan: PlanRules;
  readonly sessionMs: number;
}

/**
 * Aegis's merge: the rules of the first file, then those of the next; the first file's defaults; sequence patterns
 * joined, the lower risk limit kept. Rules keep their names, so that an unnamed one is called after its place in its
 * own file. Plan rules look back as far as the file among them that looks furthest.
 */
export function mergePolicies(first: PolicyFile, ...others: readonly PolicyFile[]): MergedPolicy {
  return others.reduce<MergedPolicy>(
    (merged, file) => ({
      rules: [...merged.rules, ...file.rules],
      defaults: merged.defaults,
      plan: mergePlans(merged.plan, file.plan),
      sessionMs: Math.max(merged.sessionMs, file.sessionMs),
    }),
    first,
  );
}

export function mergePlans(first: PlanRules, second: PlanRules): PlanRules {
  return {
    patterns: [...first.patterns, ...second.patterns],
    cumulative: lowerLimit(first.cumulative, second.cumulative),
  };
}

function lowerLimit(first: CumulativeRisk | null, second: CumulativeRisk | null): CumulativeRisk | null {
  if (first === null || second === null) return first ?? second;
  return first.maxTotalRisk <= second.maxTotalRisk ? first : second;
}
