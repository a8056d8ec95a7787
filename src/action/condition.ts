import { failed, passed, type Outcome } from '../model/fault.ts';
import { compareScalar, type Expected } from './scalar.ts';
import { isInBody, locate, type Place, type Reading } from './source.ts';
import { quote } from './spelling.ts';

/** One condition of an entry on a value of the request. */
export interface Condition {
  readonly place: Extract<Place, { kind: 'query' | 'header' | 'body' | 'argument' }>;
  readonly test:
    | { readonly kind: 'exists'; readonly expected: boolean }
    | { readonly kind: 'in'; readonly expected: readonly Expected[] };
}

/** True for a condition that is known without the body. */
export function isOfHead(condition: Condition): boolean {
  return !isInBody(condition.place);
}

/**
 * Whether a condition holds. Fault `ambiguous-action`: the value is given more than once, or is spelled almost as the
 * map expects, so that upstreams may differ on it.
 */
export function holds(condition: Condition, reading: Reading): Outcome<boolean> {
  const { place, test } = condition;
  const found = locate(place, reading);
  if (!found.ok) return found;
  const values = found.value.values.filter((value) => value !== null);
  if (test.kind === 'exists') return passed(values.length > 0 === test.expected);
  const [value] = values;
  if (value === undefined) return passed(false);
  if (values.length > 1) {
    return failed(
      'ambiguous-action',
      `the ${describePlace(place)} is given more than once; the action map decides by it`,
    );
  }
  const results = test.expected.map((expected) => compareScalar(value, expected, found.value.textual));
  if (results.includes('equal')) return passed(true);
  if (!results.includes('near')) return passed(false);
  return failed(
    'ambiguous-action',
    `the ${describePlace(place)} is almost what the action map decides by; expected one exact spelling`,
  );
}

/** A condition as a sentence: `header "x-target" is "a" or "b"`. */
export function describeCondition(condition: Condition): string {
  const { test } = condition;
  const place = describePlace(condition.place);
  if (test.kind === 'exists') return `${place} is ${test.expected ? 'given' : 'not given'}`;
  return `${place} is ${test.expected.map((value) => (typeof value === 'string' ? JSON.stringify(value) : String(value))).join(' or ')}`;
}

function describePlace(place: Condition['place']): string {
  switch (place.kind) {
    case 'body':
      return `value at ${quote(place.pointer.text)} of the body`;
    case 'argument':
      return `argument ${quote(place.name)}`;
    case 'query':
      return `query parameter ${quote(place.name)}`;
    case 'header':
      return `header ${quote(place.name)}`;
    default:
      return place satisfies never;
  }
}

/** A condition as a text that equals that of the same condition. */
export function conditionKey({ place, test }: Condition): string {
  const where = 'pointer' in place ? place.pointer.text : place.name;
  const what =
    test.kind === 'exists' ? String(test.expected) : test.expected.map((value) => `${typeof value}:${value}`).sort();
  return JSON.stringify([place.kind, where, test.kind, what]);
}
