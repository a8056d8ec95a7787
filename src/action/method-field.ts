import { failed, type Outcome } from '../model/fault.ts';
import type { Value } from '../model/value.ts';
import type { Entry } from './entry.ts';
import { topLevel, type Content, type RequestFacts } from './facts.ts';
import { quote } from './spelling.ts';

/** The field by which Rails, Laravel, Symfony and others take a POST for another method. */
const METHOD_FIELD = '_method';

/**
 * Refuses a request whose `_method` says another method than its own, in the query or at the top of the body: which of
 * the two the upstream obeys cannot be known. An entry that reads the field knows what it means. Null when there is
 * nothing to refuse. Fault: ambiguous-action.
 */
export function methodFieldFault(facts: RequestFacts, content: Content, entry: Entry | null): Outcome<never> | null {
  if (entry !== null && readsField(entry)) return null;
  const values = [facts.query.get(METHOD_FIELD), topLevel(content).get(METHOD_FIELD)];
  if (values.every((value) => value === undefined || isMethod(value, facts.method))) return null;
  return failed(
    'ambiguous-action',
    `the field ${quote(METHOD_FIELD)} makes some servers take the request for another one; expected the method itself`,
  );
}

function isMethod(value: Value, method: string): boolean {
  return typeof value === 'string' && value.toUpperCase() === method;
}

function readsField({ params, conditions }: Entry): boolean {
  const places = [
    ...conditions.map(({ place }) => place),
    ...params.flatMap(({ sources }) => sources.map(({ place }) => place)),
  ];
  return places.some((place) => {
    if (place.kind === 'query' || place.kind === 'argument') return place.name === METHOD_FIELD;
    return place.kind === 'body' && place.pointer.tokens[0] === METHOD_FIELD;
  });
}
