import type { Action } from '../model/action.ts';
import { canonicalText } from '../model/canonical.ts';
import type { Outcome } from '../model/fault.ts';
import type { Value } from '../model/value.ts';
import type { ActionTest, ExpectedAction } from './test-file.ts';

/** What a test expected and the request did not do, one sentence each; empty when the test holds. */
export function compareOutcome(
  expected: ActionTest['expected'],
  outcome: Outcome<readonly Action[]>,
): readonly string[] {
  if (expected.kind === 'fault') {
    if (outcome.ok) return [`expected fault ${expected.code}, found ${describeActions(outcome.value)}`];
    const { code, detail } = outcome.fault;
    return code === expected.code ? [] : [`expected fault ${expected.code}, found ${code}: ${detail}`];
  }
  if (!outcome.ok) return [`expected an action, found fault ${outcome.fault.code}: ${outcome.fault.detail}`];
  if (outcome.value.length !== expected.actions.length) {
    return [`expected ${expected.actions.length} actions, found ${outcome.value.length}`];
  }
  return outcome.value.flatMap((action, index) => {
    const differences = compareAction(expected.actions[index], action);
    return outcome.value.length === 1 ? differences : differences.map((one) => `action ${index + 1}: ${one}`);
  });
}

function describeActions(actions: readonly Action[]): string {
  return actions.map(({ type, target }) => `action ${type} on ${target}`).join(', ');
}

function compareAction(expected: ExpectedAction | undefined, action: Action): readonly string[] {
  if (expected === undefined) return [];
  const plain = [
    different('type', expected.type, action.type),
    different('target', expected.target, action.target),
    different('description', expected.description, action.description),
    different('effect', expected.effect, action.effect),
    different('amount', expected.amount, action.amountParam),
    different('mapped', expected.mapped, action.mappedBy !== null),
  ];
  const params = [...expected.params].map(([name, value]) => differentParam(name, value, action));
  const absent = (expected.absent ?? []).map((name) =>
    action.params.has(name) ? `parameter ${name}: expected none, found ${shown(action.params.get(name))}` : null,
  );
  return [...plain, ...params, ...absent].filter((problem) => problem !== null);
}

function different<T extends string | boolean | null>(name: string, expected: T | undefined, found: T): string | null {
  if (expected === undefined || expected === found) return null;
  return `${name}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`;
}

function differentParam(name: string, expected: Value, { params }: Action): string | null {
  const found = params.get(name);
  if (found !== undefined && canonicalText(found) === canonicalText(expected)) return null;
  return `parameter ${name}: expected ${shown(expected)}, found ${shown(found)}`;
}

function shown(value: Value | undefined): string {
  return value === undefined ? 'none' : canonicalText(value);
}
