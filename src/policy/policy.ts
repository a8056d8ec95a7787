import type { Position } from '../document/mistake.ts';
import type { Digest } from '../model/brand.ts';
import type { Approval, ApprovalTerms, EnforcementLevel, RiskLevel } from '../model/decision.ts';
import type { Value } from '../model/value.ts';
import type { CelProgram } from './cel.ts';
import type { Glob } from './glob.ts';
import type { PythonRegex } from './regex.ts';
import type { Zone } from './time.ts';

/** Whether a matching rule decides, or is only recorded while evaluation goes on. */
export type Mode = 'enforce' | 'observe';

/** What a rule does when a parameter that its conditions name is missing or null: not match, or block. */
export type OnMissing = 'skip' | 'block';

/** One policy file, read and checked. Frozen by type: nothing changes it after loading. */
export interface PolicyFile {
  readonly file: string;
  /** SHA-256 of the text. */
  readonly digest: Digest;
  readonly mode: Mode;
  /** The time zone of conditions that name none. */
  readonly zone: Zone;
  /** How far back plan rules look over what one agent did; milliseconds. */
  readonly sessionMs: number;
  readonly defaults: PolicyDefaults;
  readonly rules: readonly Rule[];
  readonly plan: PlanRules;
  /** The weakest level of traffic capture that the policy accepts; null accepts any. */
  readonly enforcement: EnforcementLevel | null;
}

/** What is decided when no rule matches. `given`: whether the file says so, or is silent. */
export interface PolicyDefaults {
  readonly riskLevel: RiskLevel;
  readonly approval: Approval;
  readonly terms: ApprovalTerms;
  readonly given: { readonly riskLevel: boolean; readonly approval: boolean };
  readonly position: Position;
}

export interface Rule {
  /** The name that decisions carry: as written, `rule_<index>` when absent, `type@target` when empty. */
  readonly name: string;
  /** The name as written; null when absent, empty or null. */
  readonly writtenName: string | null;
  /** The place in its own file, from 0. */
  readonly index: number;
  readonly position: Position;
  readonly match: RuleMatch;
  /** In the order in which they are tested: as written, `semantic` last. */
  readonly conditions: readonly Condition[];
  readonly riskLevel: RiskLevel;
  readonly approval: Approval;
  readonly terms: ApprovalTerms;
  /** The rule's own mode; its file's, when it has none. */
  readonly mode: Mode;
  readonly onMissing: OnMissing;
}

export interface RuleMatch {
  readonly type: Glob;
  readonly target: Glob;
  readonly agent: Glob;
}

/** The operators that compare a parameter with a value of the policy. */
export const COMPARE_OPERATORS = ['param_eq', 'param_gt', 'param_lt', 'param_gte', 'param_lte'] as const;
export type CompareOperator = (typeof COMPARE_OPERATORS)[number];

/** Every key that `conditions` may have. */
export const CONDITION_KEYS = [
  'time_after',
  'time_before',
  'weekdays',
  ...COMPARE_OPERATORS,
  'param_contains',
  'param_matches',
  'semantic',
  'when',
  'timezone',
] as const;

export type Condition =
  /** Minutes since midnight, in the zone. */
  | { readonly op: 'time_after'; readonly minutes: number; readonly zone: Zone }
  | { readonly op: 'time_before'; readonly minutes: number; readonly zone: Zone }
  /** `time_after` later than `time_before`: the window crosses midnight. It stands where the later written of both stood. */
  | { readonly op: 'time_window'; readonly after: number; readonly before: number; readonly zone: Zone }
  /** 1 Monday to 7 Sunday; other numbers match no day. */
  | { readonly op: 'weekdays'; readonly days: ReadonlySet<number>; readonly zone: Zone }
  | { readonly op: CompareOperator; readonly tests: readonly ParamTest[] }
  | { readonly op: 'param_contains'; readonly tests: readonly ParamTest[] }
  | { readonly op: 'param_matches'; readonly tests: readonly ParamPattern[] }
  | { readonly op: 'semantic'; readonly phrase: string; readonly words: ReadonlySet<string> }
  | { readonly op: 'when'; readonly source: string; readonly program: CelProgram }
  /** `semantic: null`, which Aegis never finds true. */
  | { readonly op: 'never'; readonly written: string };

/** A parameter and the value it is compared with. */
export interface ParamTest {
  readonly param: string;
  readonly expected: Value;
}

/** A parameter and the pattern that is searched in its text. */
export interface ParamPattern {
  readonly param: string;
  readonly pattern: PythonRegex;
}

export interface PlanRules {
  readonly patterns: readonly SequencePattern[];
  readonly cumulative: CumulativeRisk | null;
}

export interface SequencePattern {
  readonly name: string;
  readonly steps: readonly Glob[];
  readonly approval: Approval;
  readonly riskLevel: RiskLevel;
  readonly description: string;
  /** Positions from the first step to the last, counting both; 0 or less is no limit. */
  readonly window: number;
  readonly position: Position;
}

export interface CumulativeRisk {
  readonly name: string;
  /** Trips above this sum (low 1, medium 2, high 3, critical 4); 0 or less is off. */
  readonly maxTotalRisk: number;
  readonly onExceed: Approval;
  readonly position: Position;
}

/** Terms of a plain `approve`, and of everything that asks nobody. */
export const PLAIN_TERMS: ApprovalTerms = { approvers: 1, scope: 'once', ttlMs: null, waitMs: null, forMs: null };

/** The rule name of a decision that no rule made. */
export const DEFAULT_RULE = '<default>';
/** The rule name of a decision without any policy. */
export const NO_POLICY_RULE = '<no-policy-configured>';
