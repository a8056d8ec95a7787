import type { Action } from '../model/action.ts';
import type { Reason } from '../model/decision.ts';
import type { Value } from '../model/value.ts';
import { compareValues, ComparisonError, containsValue } from './compare.ts';
import { celInput, runCel, type CelInput } from './cel.ts';
import type { EvaluationContext } from './context.ts';
import type { Condition, OnMissing, ParamPattern, ParamTest } from './policy.ts';
import { pythonText } from './python-text.ts';
import { MAX_SEARCHED_CODE_POINTS } from './regex.ts';
import { actionWords, sharesWord } from './semantic.ts';

/** A condition that could not be answered: the rule blocks. */
export type Failure = Extract<Reason, { kind: 'evaluation-error' } | { kind: 'missing-param' }>;
export type Answer = boolean | Failure;

/** Code units that can hold all code points that a regex looks at. */
const SEARCHED_CODE_UNITS = 2 * MAX_SEARCHED_CODE_POINTS;

/** One action with what is derived from it, each derived once and only when a condition asks. */
export class Facts {
  readonly action: Action;
  readonly context: EvaluationContext;
  #words: ReadonlySet<string> | null = null;
  #cel: CelInput | null = null;
  #spellings: ReadonlySet<string> | null = null;

  constructor(action: Action, context: EvaluationContext) {
    this.action = action;
    this.context = context;
  }

  /** What the agent glob is compared with: Aegis takes an action without an agent for one of the agent `*`. */
  get agent(): string {
    return this.action.agentId === '' ? '*' : this.action.agentId;
  }

  get words(): ReadonlySet<string> {
    this.#words ??= actionWords(this.action);
    return this.#words;
  }

  get cel(): CelInput {
    this.#cel ??= celInput(this.action, this.context);
    return this.#cel;
  }

  /**
   * Whether a request has a parameter that some servers take for the one of this name. Without a request (a case file, a
   * test) there is no server that could, and a name is a name.
   */
  hasNearParam(name: string): boolean {
    if (this.context.request === null) return false;
    this.#spellings ??= new Set([...this.action.params.keys()].map(forgivenName));
    return this.#spellings.has(forgivenName(name));
  }
}

/** A name as forgiving readers take it: Go, .NET and SQL ignore letter case, C stops at NUL, PHP reads ` `, `.`, `[` as `_`. */
function forgivenName(name: string): string {
  const [text = ''] = name.split('\0', 1);
  return text.trim().replaceAll(/[ .[]/gu, '_').toUpperCase().toLowerCase();
}

/** Whether a condition holds; a failure where Python would raise or a budget is exceeded. Never throws. */
export function testCondition(condition: Condition, facts: Facts, onMissing: OnMissing): Answer {
  switch (condition.op) {
    case 'time_after':
      return condition.zone.at(facts.context.now).minutes >= condition.minutes;
    case 'time_before':
      return condition.zone.at(facts.context.now).minutes < condition.minutes;
    case 'time_window': {
      const { minutes } = condition.zone.at(facts.context.now);
      return minutes >= condition.after || minutes < condition.before;
    }
    case 'weekdays':
      return condition.days.has(condition.zone.at(facts.context.now).weekday);
    case 'semantic':
      return sharesWord(condition.words, facts.words);
    case 'when':
      return runCel(condition.program, facts.cel);
    case 'never':
      return false;
    default:
      return testParams(condition, facts, onMissing);
  }
}

type ParamCondition = Extract<Condition, { readonly tests: unknown }>;

/** Tests the parameters in the order written; the first that is false ends it. */
function testParams(condition: ParamCondition, facts: Facts, onMissing: OnMissing): Answer {
  for (const test of condition.tests) {
    const answer = testNamed(condition.op, test, facts, onMissing);
    if (answer !== true) return answer;
  }
  return true;
}

/**
 * Whether the parameter that a test names passes it. One that is missing but there in another spelling (`Amount` for
 * `amount`) is an error: it must not be the way past the rule, since many servers take the two for one.
 */
export function testNamed(
  op: ParamCondition['op'],
  test: ParamTest | ParamPattern,
  facts: Facts,
  onMissing: OnMissing,
): Answer {
  const actual = facts.action.params.get(test.param);
  if (actual === undefined && onMissing === 'skip' && facts.hasNearParam(test.param)) {
    const problem = 'the request has it in another spelling, which some servers take for this one';
    return { kind: 'evaluation-error', operator: op, param: test.param, problem };
  }
  return testParam(op, test, actual, onMissing);
}

/** Whether one parameter passes one test. */
function testParam(
  op: ParamCondition['op'],
  test: ParamTest | ParamPattern,
  actual: Value | undefined,
  onMissing: OnMissing,
): Answer {
  if (actual === undefined || actual === null) {
    return onMissing === 'block' ? { kind: 'missing-param', operator: op, param: test.param } : false;
  }
  try {
    if ('pattern' in test) return test.pattern.test(pythonText(actual, SEARCHED_CODE_UNITS));
    if (op === 'param_contains' || op === 'param_matches') return containsValue(actual, test.expected);
    return compareValues(op, actual, test.expected);
  } catch (error) {
    return { kind: 'evaluation-error', operator: op, param: test.param, problem: problemOf(error) };
  }
}

function problemOf(error: unknown): string {
  if (error instanceof ComparisonError) return error.message;
  return error instanceof RangeError ? 'the value is nested too deep' : 'the value cannot be compared';
}
