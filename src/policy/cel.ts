import { Environment, type ASTNode } from '@marcbachmann/cel-js';
import type { Action } from '../model/action.ts';
import type { Reason } from '../model/decision.ts';
import type { Value, ValueMap } from '../model/value.ts';
import { Evaluation, type Scope } from './cel-evaluate.ts';
import { prepare, UnsupportedError, type Prepared } from './cel-prepare.ts';
import { Budget, BudgetError, CelError, celKind, Instant } from './cel-value.ts';
import type { EvaluationContext } from './context.ts';

/**
 * What all expressions of one decision may cost together, in units of some 30 nanoseconds. A request body of 8 MiB holds
 * lists long enough to make nested macros take hours otherwise.
 */
const MAX_COST_UNITS = 500_000;
/** An expression that a person can review has far fewer parts. */
const LIMITS = { maxAstNodes: 500, maxDepth: 32, maxListElements: 200, maxMapEntries: 50, maxCallArguments: 4 };
/** Longer texts are no expressions but mistakes. */
const MAX_SOURCE_CODE_UNITS = 4_000;

/** A checked expression of CEL that answers yes or no. */
export interface CelProgram {
  readonly source: string;
  readonly ast: ASTNode;
  readonly prepared: Prepared;
}

export type CompiledCel =
  | { readonly ok: true; readonly program: CelProgram }
  | { readonly ok: false; readonly message: string };

/** What the expressions of one decision share: the names they see, and what they may still cost. */
export interface CelInput {
  readonly scope: Scope | null;
  readonly budget: Budget;
}

/** What expressions may name, for the type check. A parameter may be anything. */
const ENVIRONMENT = new Environment({ limits: LIMITS, homogeneousAggregateLiterals: false })
  .registerVariable('now', 'google.protobuf.Timestamp')
  .registerVariable('action', {
    schema: {
      type: 'string',
      target: 'string',
      params: 'map<string, dyn>',
      description: 'string',
      effect: 'string',
      amount: 'dyn',
    },
  })
  .registerVariable('agent', {
    schema: { id: 'string', namespace: 'string', serviceAccount: 'string', pod: 'string' },
  })
  .registerVariable('request', {
    schema: {
      method: 'string',
      scheme: 'string',
      host: 'string',
      port: 'int',
      path: 'string',
      route: 'string',
      entry: 'string',
      query: 'map<string, dyn>',
      headers: 'map<string, string>',
      contentType: 'string',
      bodyBytes: 'int',
    },
  });

/** Parses and checks an expression: names, types, what evaluation supports, and that it answers yes or no. */
export function compileCel(source: string): CompiledCel {
  if (source.length > MAX_SOURCE_CODE_UNITS) {
    return { ok: false, message: `the expression has more than ${MAX_SOURCE_CODE_UNITS} characters` };
  }
  try {
    const parsed = ENVIRONMENT.parse(source);
    const checked = parsed.check();
    if (!checked.valid) return refusal(source, checked.error);
    if (checked.type !== 'bool' && checked.type !== 'dyn') {
      return {
        ok: false,
        message: `the expression is a ${checked.type ?? 'value'}; expected one that is true or false`,
      };
    }
    return { ok: true, program: { source, ast: parsed.ast, prepared: prepare(parsed.ast) } };
  } catch (error) {
    return refusal(source, error);
  }
}

function refusal(source: string, error: unknown): CompiledCel {
  if (error instanceof UnsupportedError) return refusalAt(source, error.message, error.offset);
  if (!(error instanceof Error)) throw error;
  const summary = 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message;
  return refusalAt(source, summary, offsetOf(error));
}

function offsetOf(error: Error): number {
  const range: unknown = 'range' in error ? error.range : null;
  if (typeof range !== 'object' || range === null || !('start' in range)) return 0;
  return typeof range.start === 'number' ? range.start : 0;
}

function refusalAt(source: string, message: string, offset: number): CompiledCel {
  const before = source.slice(0, offset).split('\n');
  const place = `line ${before.length}, column ${(before.at(-1) ?? '').length + 1} of the expression`;
  return { ok: false, message: `not a CEL expression that can be used here: ${message} (${place})` };
}

/** The names that an expression sees: built once for each action, without copying its parameters. */
export function celInput(action: Action, context: EvaluationContext): CelInput {
  const { request, agent } = context;
  const names: readonly (readonly [string, Value | Instant])[] = [
    ['now', new Instant(context.now)],
    ['action', actionMap(action)],
    ['agent', new Map(Object.entries(agent))],
    ['request', request === null ? null : requestMap(request)],
  ];
  const scope = names.reduce<Scope | null>((outer, [name, value]) => ({ name, value, outer }), null);
  return { scope, budget: new Budget(MAX_COST_UNITS) };
}

function actionMap(action: Action): ValueMap {
  const amount = action.amountParam === null ? undefined : action.params.get(action.amountParam);
  return new Map<string, Value>([
    ['type', action.type],
    ['target', action.target],
    ['params', action.params],
    ['description', action.description],
    ['effect', action.effect ?? ''],
    ...(amount === undefined ? [] : [['amount', amount] as const]),
  ]);
}

function requestMap(request: NonNullable<EvaluationContext['request']>): ValueMap {
  const { method, scheme, host, path, route, entry, query, headers, contentType } = request;
  return new Map<string, Value>([
    ...Object.entries({ method, scheme, host, path, route, entry, query, headers, contentType }),
    ['port', BigInt(request.port)],
    ['bodyBytes', BigInt(request.bodyBytes)],
  ]);
}

/** The answer of an expression; an error, a cost beyond the budget and an answer that is not yes or no are failures. */
export function runCel(program: CelProgram, input: CelInput): boolean | Extract<Reason, { kind: 'evaluation-error' }> {
  try {
    const answer = new Evaluation(program.prepared, input.budget).run(program.ast, input.scope);
    if (typeof answer === 'boolean') return answer;
    return failure(`expected bool, found ${celKind(answer)}`);
  } catch (error) {
    if (error instanceof CelError || error instanceof BudgetError) return failure(error.message);
    return failure('the expression could not be evaluated');
  }
}

function failure(problem: string): Extract<Reason, { kind: 'evaluation-error' }> {
  return { kind: 'evaluation-error', operator: 'when', param: '', problem };
}
