import { finding, type Check, type LintSubject } from './lint-finding.ts';
import { holds, letsPass, matchCovers } from './lint-overlap.ts';
import { isNever, isTimeCondition, timesOf } from './lint-time.ts';
import type { CompareOperator, Condition, ParamTest, Rule } from './policy.ts';

/** A window that ends as it begins, or bounds that no value is between. */
export const impossibleWindow: Check = (subject, rule) => {
  const hasTime = rule.conditions.some(isTimeCondition);
  const times = timesOf(rule);
  const onlyWeekdays = rule.conditions.filter(isTimeCondition).every((condition) => condition.op === 'weekdays');
  const findings = contradictions(rule).map((param) => {
    const message = `no value of ${JSON.stringify(param)} is within all of these bounds, so that this rule never matches; correct the bounds`;
    return finding(subject, 'impossible-window', rule, { message, within: ['conditions'] });
  });
  if (!hasTime || times === null || onlyWeekdays || !isNever(times)) return findings;
  const message =
    'this window holds at no time, so that the rule never matches; time_after has to differ from time_before';
  return [...findings, finding(subject, 'impossible-window', rule, { message, within: ['conditions', 'time_after'] })];
};

/** Parameters whose bounds contradict one another. */
function contradictions(rule: Rule): readonly string[] {
  const bounds = boundsOf(rule);
  return [...new Set(bounds.map(({ param }) => param))].filter((param) => {
    const own = bounds.filter((bound) => bound.param === param);
    return own.some((left) => own.some((right) => contradict(left, right)));
  });
}

interface Bound extends ParamTest {
  readonly op: CompareOperator;
}

function boundsOf(rule: Rule): readonly Bound[] {
  return rule.conditions.flatMap((condition) =>
    isComparison(condition) ? condition.tests.map((test) => ({ ...test, op: condition.op })) : [],
  );
}

function isComparison(condition: Condition): condition is Extract<Condition, { readonly op: CompareOperator }> {
  return ['param_eq', 'param_gt', 'param_lt', 'param_gte', 'param_lte'].includes(condition.op);
}

/** Mixed kinds (a number and a text) are an error of evaluation and no contradiction. */
function contradict(left: Bound, right: Bound): boolean {
  if (left.op === 'param_eq') return right.op !== 'param_eq' && fails(right.op, left, right);
  const lower = left.op === 'param_gt' || left.op === 'param_gte';
  const upper = right.op === 'param_lt' || right.op === 'param_lte';
  if (!lower || !upper) return false;
  if (holds('param_gt', left.expected, right.expected)) return true;
  const touching = left.op === 'param_gte' && right.op === 'param_lte';
  return !touching && holds('param_gte', left.expected, right.expected);
}

function fails(op: CompareOperator, value: ParamTest, bound: ParamTest): boolean {
  const comparable =
    holds('param_lte', value.expected, bound.expected) || holds('param_gt', value.expected, bound.expected);
  return comparable && !holds(op, value.expected, bound.expected);
}

/** Weekdays are 1 (Monday) to 7 (Sunday). */
export const impossibleWeekday: Check = (subject, rule) =>
  rule.conditions.flatMap((condition) => {
    if (condition.op !== 'weekdays') return [];
    const wrong = [...condition.days].filter((day) => ![1, 2, 3, 4, 5, 6, 7].includes(day));
    const never = wrong.length === condition.days.size;
    if (!never && wrong.length === 0) return [];
    const what = never
      ? 'none of these days exists, so that the rule never matches'
      : `${wrong.join(', ')} matches no day`;
    const message = `${what}; weekdays are 1 (Monday) to 7 (Sunday)`;
    return [finding(subject, 'impossible-weekday', rule, { message, within: ['conditions', 'weekdays'] })];
  });

const ALL_WEEK = 7;

/** A night that begins on Friday is not over on Friday. */
export const nightWeekdays: Check = (subject, rule) => {
  const window = rule.conditions.some((condition) => condition.op === 'time_window');
  const weekdays = rule.conditions.find((condition) => condition.op === 'weekdays');
  if (!window || weekdays?.op !== 'weekdays' || weekdays.days.size >= ALL_WEEK) return [];
  const message =
    'this window crosses midnight and the weekdays are those of the moment: the hours after midnight count to the next day; write two rules if you mean whole nights';
  return [finding(subject, 'night-weekdays', rule, { message, within: ['conditions', 'weekdays'] })];
};

const AMOUNT =
  /amount|price|total|sum|cost|fee|quantity|qty|count|rows|percent|credit|refund|payment|balance|units|replicas|cents/iu;

/** `amount <= 25` holds for -1000 as well. */
export const negativeAmount: Check = (subject, rule) => {
  if (!letsPass(rule)) return [];
  const bounds = boundsOf(rule);
  return bounds.flatMap((bound) => {
    const upper = bound.op === 'param_lt' || bound.op === 'param_lte';
    if (!upper || !AMOUNT.test(bound.param) || isNegative(bound)) return [];
    if (isGuarded(rule, bound.param) || isCaughtBefore(subject, rule, bound.param)) return [];
    const message = `${JSON.stringify(bound.param)} has an upper bound and no lower one, so that a negative value is let pass (${rule.approval}); add param_gt: {${bound.param}: 0}`;
    return [finding(subject, 'negative-amount', rule, { message, within: ['conditions', bound.op, bound.param] })];
  });
};

function isNegative(bound: ParamTest): boolean {
  return holds('param_lt', bound.expected, 0n);
}

/** A lower bound, an exact value, a pattern or an expression on the same parameter: its author thought of it. */
function isGuarded(rule: Rule, param: string): boolean {
  return rule.conditions.some((condition) => {
    if (condition.op === 'when') return condition.source.includes(param);
    if (condition.op !== 'param_gt' && condition.op !== 'param_gte' && condition.op !== 'param_eq') {
      return condition.op === 'param_matches' && condition.tests.some((test) => test.param === param);
    }
    return condition.tests.some((test) => test.param === param);
  });
}

/** An earlier rule blocks what is below nought and asks for nothing else. */
function isCaughtBefore(subject: LintSubject, rule: Rule, param: string): boolean {
  return subject.policy.rules.slice(0, rule.index).some((other) => {
    if (other.approval !== 'block' || other.mode === 'observe' || !matchCovers(other, rule)) return false;
    const [only] = boundsOf(other);
    if (only === undefined || other.conditions.length > 1 || only.param !== param) return false;
    const upper = only.op === 'param_lt' || only.op === 'param_lte';
    return upper && holds('param_gte', only.expected, 0n);
  });
}

const CODE = /sql|query|statement|command|cmd|shell|script|code|expression/iu;

/** What a pattern without an end lets pass behind its match. */
export const openEndedPattern: Check = (subject, rule) =>
  autoPatterns(rule).flatMap(({ param, source }) => {
    if (isAnchoredAtEnd(source)) return [];
    const message = `${JSON.stringify(source)} says nothing of what follows its match, so that a second command behind it runs without a person ("SELECT 1; DROP ..."); end the pattern with $ and allow only the characters you mean`;
    return [finding(subject, 'open-ended-pattern', rule, { message, within: ['conditions', 'param_matches', param] })];
  });

/** `param_matches` looks at the first 10,000 characters, and an end anchor matches there. */
export const patternSeesAPart: Check = (subject, rule) =>
  autoPatterns(rule).flatMap(({ param, source }) => {
    const bounded = rule.conditions.some((condition) => condition.op === 'when' && condition.source.includes('size('));
    if (bounded || !isAnchoredAtEnd(source)) return [];
    const message = `a pattern sees the first 10,000 characters of ${JSON.stringify(param)} and takes them for all, so that what follows is let pass unseen; add when: size(action.params.${param}) < 10000`;
    return [finding(subject, 'pattern-sees-a-part', rule, { message, within: ['conditions', 'param_matches', param] })];
  });

/** Patterns on parameters that hold a language, in rules that ask nobody. */
function autoPatterns(rule: Rule): readonly { readonly param: string; readonly source: string }[] {
  if (rule.approval !== 'auto' || rule.mode === 'observe') return [];
  return rule.conditions.flatMap((condition) =>
    condition.op === 'param_matches'
      ? condition.tests
          .filter(({ param }) => CODE.test(param))
          .map(({ param, pattern }) => ({ param, source: pattern.source }))
      : [],
  );
}

/** True for an unescaped `$` or `\Z` at the end, before closing brackets. */
function isAnchoredAtEnd(source: string): boolean {
  const bare = source.replace(/\)+$/u, '');
  return /(?:^|[^\\])(?:\\\\)*(?:\$|\\Z)$/u.test(bare);
}
