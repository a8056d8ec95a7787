import type { YamlDocument } from '../document/yaml.ts';
import {
  impossibleWeekday,
  impossibleWindow,
  negativeAmount,
  nightWeekdays,
  openEndedPattern,
  patternSeesAPart,
} from './lint-conditions.ts';
import { type Check, type Finding, type LintId } from './lint-finding.ts';
import { escapedBlock, escapedTimeRule, nightEndsAtMidnight } from './lint-escape.ts';
import { singleStepPlans, unknownPlanWords } from './lint-plan.ts';
import {
  caseSensitiveType,
  equalsDefault,
  missingParamDisablesBlock,
  observeOnlyBlock,
  unreachableRule,
} from './lint-reach.ts';
import type { PolicyFile } from './policy.ts';

const RULE_CHECKS: { readonly [Id in Exclude<LintId, `plan-${string}`>]: Check } = {
  'unreachable-rule': unreachableRule,
  'impossible-window': impossibleWindow,
  'impossible-weekday': impossibleWeekday,
  'night-weekdays': nightWeekdays,
  'equals-default': equalsDefault,
  'missing-param-disables-block': missingParamDisablesBlock,
  'escaped-time-rule': escapedTimeRule,
  'escaped-block': escapedBlock,
  'night-ends-at-midnight': nightEndsAtMidnight,
  'observe-only-block': observeOnlyBlock,
  'negative-amount': negativeAmount,
  'case-sensitive-type': caseSensitiveType,
  'open-ended-pattern': openEndedPattern,
  'pattern-sees-a-part': patternSeesAPart,
};

/**
 * Looks for rules of one file that load well and most likely do not do what was meant. `document` is the same file, for
 * places. Findings come in the order of the file. A finding is a question to the author, never a reason not to load.
 */
export function lintPolicy(policy: PolicyFile, document: YamlDocument): readonly Finding[] {
  const subject = { policy, document };
  const findings = policy.rules.flatMap((rule) => Object.values(RULE_CHECKS).flatMap((check) => check(subject, rule)));
  return [...findings, ...unknownPlanWords(subject), ...singleStepPlans(subject)].sort(
    (left, right) => left.line - right.line || left.column - right.column,
  );
}

/** One line for people and editors: `file:line:column: severity [id] rule NAME: message`. */
export function formatFinding(found: Finding): string {
  const place = `${found.file}:${found.line}:${found.column}`;
  return `${place}: ${found.severity} [${found.id}] rule ${found.rule}: ${found.message}`;
}
