import { formatMistake } from '../../src/document/mistake.ts';
import type { Action } from '../../src/model/action.ts';
import type { Decision } from '../../src/model/decision.ts';
import { Decimal, type Value } from '../../src/model/value.ts';
import type { EvaluationContext } from '../../src/policy/context.ts';
import { compileRules, evaluate } from '../../src/policy/evaluate.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import type { PolicyFile } from '../../src/policy/policy.ts';

/** A policy that must load. */
export function policyOf(text: string, file: string = 'policy.yaml'): PolicyFile {
  const loaded = loadPolicy(text, file);
  if (!loaded.ok) throw new Error(loaded.mistakes.map(formatMistake).join('\n'));
  return loaded.value;
}

/** The mistakes of a policy that must not load, one line each. */
export function mistakesOf(text: string): readonly string[] {
  const loaded = loadPolicy(text, 'policy.yaml');
  return loaded.ok ? [] : loaded.mistakes.map(formatMistake);
}

/** An action; whole numbers of `params` become exact ones, others fractions. */
export function actionOf(action: {
  readonly type?: string;
  readonly target?: string;
  readonly params?: { readonly [name: string]: unknown };
  readonly description?: string;
  readonly agentId?: string;
}): Action {
  return {
    type: action.type ?? 'x',
    target: action.target ?? 'y',
    params: new Map(Object.entries(action.params ?? {}).map(([name, value]) => [name, valueOf(value)])),
    description: action.description ?? '',
    agentId: action.agentId ?? '',
    effect: null,
    amountParam: null,
    mappedBy: null,
  };
}

export function valueOf(value: unknown): Value {
  if (value === null || typeof value === 'boolean' || typeof value === 'string' || typeof value === 'bigint')
    return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : new Decimal(value, String(value));
  if (value instanceof Decimal) return value;
  if (Array.isArray(value)) return value.map(valueOf);
  if (typeof value === 'object') return new Map(Object.entries(value).map(([key, item]) => [key, valueOf(item)]));
  throw new Error(`no value: ${typeof value}`);
}

/** A context at an instant, Friday 20 March 2026 at noon by default. */
export function contextAt(
  instant: string = '2026-03-20T12:00:00Z',
  more: Partial<EvaluationContext> = {},
): EvaluationContext {
  const agent = { id: '', namespace: '', serviceAccount: '', pod: '' };
  return { now: Date.parse(instant), request: null, agent, enforcement: 'captured', ...more };
}

/** What one policy says of one action. */
export function decisionOf(text: string, action: Action, context: EvaluationContext = contextAt()): Decision {
  const policy = policyOf(text);
  return evaluate(compileRules(policy.rules, policy.defaults), action, context);
}
