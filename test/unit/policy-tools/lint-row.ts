import type { LintId } from '../../../src/policy/lint-finding.ts';

/** A policy, and the rules that one check reports in it, as `name:line:column`. */
export interface LintRow {
  readonly why: string;
  readonly id: LintId;
  readonly policy: string;
  readonly fires: readonly string[];
}
