import { canonicalText } from '../model/canonical.ts';
import { atLeastAsStrict } from '../model/decision.ts';
import type { Value } from '../model/value.ts';
import { ComparisonError, compareValues } from './compare.ts';
import type { Glob } from './glob.ts';
import { globCovers, globsOverlap } from './lint-globs.ts';
import { isTimeCondition, timesCover, timesOf } from './lint-time.ts';
import type { CompareOperator, Condition, ParamTest, Rule } from './policy.ts';

/** True when every action that `inner` matches by its globs is matched by the globs of `outer`. */
export function matchCovers(outer: Rule, inner: Rule): boolean {
  return (
    covers(outer.match.type, inner.match.type) &&
    covers(outer.match.target, inner.match.target) &&
    covers(outer.match.agent, inner.match.agent)
  );
}

/** True when some action is matched by the globs of both. */
export function matchesMeet(left: Rule, right: Rule): boolean {
  return (
    meet(left.match.type, right.match.type) &&
    meet(left.match.target, right.match.target) &&
    meet(left.match.agent, right.match.agent)
  );
}

/** True when every text that `inner` matches is matched by `outer`. */
export function covers(outer: Glob, inner: Glob): boolean {
  if (outer.any) return true;
  if (inner.literal !== null) return outer.matches(inner.literal);
  if (!inner.prefix.startsWith(outer.prefix)) return false;
  return globCovers(outer.text, inner.text);
}

function meet(left: Glob, right: Glob): boolean {
  if (left.any || right.any) return true;
  if (left.literal !== null) return right.matches(left.literal);
  if (right.literal !== null) return left.matches(right.literal);
  if (!left.prefix.startsWith(right.prefix) && !right.prefix.startsWith(left.prefix)) return false;
  return globsOverlap(left.text, right.text);
}

/**
 * True when an earlier rule decides whenever a later one would, whatever the action: its globs cover the other's, and
 * its conditions hold whenever the other's do. False also where that cannot be told.
 */
export function shadows(earlier: Rule, later: Rule): boolean {
  if (earlier.mode === 'observe' || !matchCovers(earlier, later)) return false;
  if (earlier.conditions.length === 0) return true;
  if (later.onMissing === 'block' && earlier.onMissing !== 'block') return false;
  const tested = testedParams(earlier);
  return conditionsFollow(later, earlier) && [...testedParams(later)].every((param) => tested.has(param));
}

/** True when the conditions of `given` being true make those of `asked` true. */
function conditionsFollow(given: Rule, asked: Rule): boolean {
  const rest = asked.conditions.filter((condition) => !isTimeCondition(condition));
  if (!rest.every((condition) => given.conditions.some((other) => follows(other, condition)))) return false;
  const [outer, inner] = [timesOf(asked), timesOf(given)];
  return outer !== null && inner !== null && timesCover(outer, inner);
}

/** The names of all parameters that the fixed operators of a rule look at. */
export function testedParams(rule: Rule): ReadonlySet<string> {
  return new Set(rule.conditions.flatMap((condition) => paramsOf(condition)));
}

/** The parameters that one condition looks at. */
function paramsOf(condition: Condition): readonly string[] {
  return 'tests' in condition ? condition.tests.map((test) => test.param) : [];
}

function follows(given: Condition, asked: Condition): boolean {
  if ('tests' in asked) {
    if (!('tests' in given)) return false;
    return asked.tests.every((test) => given.tests.some((other) => testFollows(given, other, { asked, test })));
  }
  if (asked.op === 'when') return given.op === 'when' && given.source === asked.source;
  if (asked.op === 'semantic') return given.op === 'semantic' && given.phrase === asked.phrase;
  return false;
}

type Tests = Extract<Condition, { readonly tests: unknown }>;
type Test = Tests['tests'][number];

function testFollows(
  given: Tests,
  known: Test,
  { asked, test }: { readonly asked: Tests; readonly test: Test },
): boolean {
  if (known.param !== test.param) return false;
  if ('pattern' in known || 'pattern' in test) {
    return 'pattern' in known && 'pattern' in test && known.pattern.source === test.pattern.source;
  }
  if (given.op === asked.op && canonicalText(known.expected) === canonicalText(test.expected)) return true;
  return isComparison(given) && isComparison(asked) && boundFollows(given.op, known, { op: asked.op, test });
}

function isComparison(condition: Tests): condition is Tests & { readonly op: CompareOperator } {
  return condition.op !== 'param_contains' && condition.op !== 'param_matches';
}

/** `> 100` follows from `> 200`, and from `= 200`. */
function boundFollows(
  op: CompareOperator,
  known: ParamTest,
  asked: { readonly op: CompareOperator; readonly test: ParamTest },
): boolean {
  if (op === 'param_eq') return holds(asked.op, known.expected, asked.test.expected);
  const upward = ['param_gt', 'param_gte'];
  if (asked.op === 'param_eq' || upward.includes(op) !== upward.includes(asked.op)) return false;
  const strict = op === 'param_gt' || op === 'param_lt';
  const loose: CompareOperator = upward.includes(op) ? 'param_gte' : 'param_lte';
  return holds(strict ? loose : asked.op, known.expected, asked.test.expected);
}

/** A comparison that says false where the two cannot be compared. */
export function holds(op: CompareOperator, left: Value, right: Value): boolean {
  try {
    return compareValues(op, left, right);
  } catch (error) {
    if (error instanceof ComparisonError) return false;
    throw error;
  }
}

/** True when a rule decides less strictly than a block and is enforced. */
export function letsPass(rule: Rule): boolean {
  return rule.mode === 'enforce' && !atLeastAsStrict(rule.approval, 'block');
}
