import type { Action } from '../model/action.ts';
import { canonicalText } from '../model/canonical.ts';
import type { Value } from '../model/value.ts';
import { Facts, testCondition, testNamed, type Answer, type Failure } from './condition.ts';
import type { EvaluationContext } from './context.ts';
import type { RuleSet } from './evaluate.ts';
import type { Condition, OnMissing, ParamPattern, ParamTest, Rule } from './policy.ts';
import { formatTimeOfDay, type Zone } from './time.ts';

/** What one rule did with an action. */
export interface RuleTrace {
  readonly rule: Rule;
  /**
   * `decides`: it matched, and evaluation ended; `observes`: it matched in `mode: observe`, and evaluation went on;
   * `not-reached`: a rule before it decided.
   */
  readonly outcome: 'decides' | 'observes' | 'no-match' | 'not-reached';
  /** The first glob that did not match; null when all did, and for a rule that was not reached. */
  readonly glob: GlobTrace | null;
  /** The tests of the conditions in the order in which they ran, up to the one that ended it. */
  readonly tests: readonly TestTrace[];
}

export interface GlobTrace {
  readonly key: 'type' | 'target' | 'agent';
  readonly expected: string;
  readonly found: string;
}

/** One test of a condition: one parameter of an operator, or an operator without parameters. */
export interface TestTrace {
  readonly operator: string;
  /** Empty for an operator without parameters. */
  readonly param: string;
  readonly expected: string;
  readonly found: string;
  readonly outcome: 'true' | 'false' | 'missing' | 'error';
  /** What was wrong, for `error`. */
  readonly problem: string;
}

/** Values longer than a line of a terminal are cut: the reader has the whole value at hand. */
const MAX_SHOWN_CODE_UNITS = 120;

/** Evaluates an action as `evaluate` does, and says of every rule why it did or did not decide. Never throws. */
export function trace(set: RuleSet, action: Action, context: EvaluationContext): readonly RuleTrace[] {
  const facts = new Facts(action, context);
  let decided = false;
  return set.rules.map((rule) => {
    if (decided) return { rule, outcome: 'not-reached', glob: null, tests: [] };
    const traced = traceRule(rule, facts);
    decided = traced.outcome === 'decides';
    return traced;
  });
}

function traceRule(rule: Rule, facts: Facts): RuleTrace {
  const glob = traceGlobs(rule, facts);
  if (glob !== null) return { rule, outcome: 'no-match', glob, tests: [] };
  const tests: TestTrace[] = [];
  for (const condition of rule.conditions) {
    for (const test of traceCondition(condition, facts, rule.onMissing)) tests.push(test);
    if (tests.some((test) => test.outcome !== 'true')) break;
  }
  const last = tests.at(-1);
  const matched = last === undefined || last.outcome === 'true' || blocks(last, rule.onMissing);
  const outcome = rule.mode === 'enforce' ? 'decides' : 'observes';
  return { rule, outcome: matched ? outcome : 'no-match', glob: null, tests };
}

/** An error, and with `on_missing: block` a missing parameter, make the rule match: it blocks. */
function blocks(test: TestTrace, onMissing: OnMissing): boolean {
  return test.outcome === 'error' || (test.outcome === 'missing' && onMissing === 'block');
}

function traceGlobs(rule: Rule, facts: Facts): GlobTrace | null {
  const found = { type: facts.action.type, target: facts.action.target, agent: facts.agent };
  for (const key of ['type', 'target', 'agent'] as const) {
    const glob = rule.match[key];
    if (!glob.matches(found[key])) return { key, expected: glob.text, found: cut(found[key]) };
  }
  return null;
}

function traceCondition(condition: Condition, facts: Facts, onMissing: OnMissing): readonly TestTrace[] {
  if (!('tests' in condition)) {
    const { expected, found } = describe(condition, facts);
    return [testTrace(condition.op, '', { expected, found }, testCondition(condition, facts, onMissing))];
  }
  const traces: TestTrace[] = [];
  for (const test of condition.tests) {
    const actual = facts.action.params.get(test.param);
    const shown = { expected: expectedOf(test), found: actual === undefined ? 'nothing' : show(actual) };
    const missing = actual === undefined || actual === null;
    const answer = testNamed(condition.op, test, facts, onMissing);
    const traced = testTrace(condition.op, test.param, shown, answer);
    traces.push(missing && traced.outcome !== 'error' ? { ...traced, outcome: 'missing' } : traced);
    if (answer !== true) break;
  }
  return traces;
}

function testTrace(
  operator: string,
  param: string,
  shown: { readonly expected: string; readonly found: string },
  answer: Answer,
): TestTrace {
  const outcome = answer === true ? 'true' : answer === false ? 'false' : outcomeOf(answer);
  const problem = typeof answer === 'object' && answer.kind === 'evaluation-error' ? answer.problem : '';
  return { operator, param, ...shown, outcome, problem };
}

function outcomeOf(failure: Failure): 'missing' | 'error' {
  return failure.kind === 'missing-param' ? 'missing' : 'error';
}

function expectedOf(test: ParamTest | ParamPattern): string {
  return 'pattern' in test ? test.pattern.source : show(test.expected);
}

/** What a condition without parameters wants, and what it looked at. */
function describe(
  condition: Exclude<Condition, { readonly tests: unknown }>,
  facts: Facts,
): { readonly expected: string; readonly found: string } {
  switch (condition.op) {
    case 'time_after':
      return { expected: `from ${formatTimeOfDay(condition.minutes)}`, found: clockText(condition.zone, facts) };
    case 'time_before':
      return { expected: `before ${formatTimeOfDay(condition.minutes)}`, found: clockText(condition.zone, facts) };
    case 'time_window': {
      const [after, before] = [formatTimeOfDay(condition.after), formatTimeOfDay(condition.before)];
      return { expected: `from ${after}, or before ${before}`, found: clockText(condition.zone, facts) };
    }
    case 'weekdays':
      return {
        expected: `one of ${[...condition.days].join(', ')}`,
        found: `${condition.zone.at(facts.context.now).weekday} (${condition.zone.name})`,
      };
    case 'semantic': {
      const shared = [...condition.words].filter((word) => facts.words.has(word));
      const found = shared.length === 0 ? 'none of these words' : shared.join(', ');
      return { expected: [...condition.words].join(', '), found: cut(found) };
    }
    case 'when':
      return { expected: condition.source, found: '' };
    case 'never':
      return { expected: 'nothing (null)', found: '' };
    default:
      return condition satisfies never;
  }
}

function clockText(zone: Zone, facts: Facts): string {
  return `${formatTimeOfDay(zone.at(facts.context.now).minutes)} (${zone.name})`;
}

function show(value: Value): string {
  return cut(canonicalText(value));
}

function cut(text: string): string {
  return text.length > MAX_SHOWN_CODE_UNITS ? `${text.slice(0, MAX_SHOWN_CODE_UNITS)}...` : text;
}
