import type { Condition } from './condition.ts';
import { parsePointer, topLevelPointer } from './pointer.ts';
import { headerProblem, pointerProblem, type Report } from './report.ts';
import type { Expected } from './scalar.ts';
import type { ConditionFile, EntryFile } from './schema.ts';

type MatchFile = NonNullable<EntryFile['match']>;

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/u;

/** Compiles the conditions of an entry, those that need no body first. */
export function compileConditions(match: MatchFile, report: Report): readonly Condition[] {
  const compiled: Condition[] = [];
  const add = (
    kind: 'query' | 'headers' | 'arguments' | 'body',
    place: (name: string) => Condition['place'] | null,
  ): void => {
    for (const [name, condition] of Object.entries(match[kind] ?? {})) {
      const path = ['match', kind, name];
      const where = place(name);
      const test = compileTest(condition);
      if (where === null) report(path, kind === 'headers' ? headerProblem(name) : pointerProblem(name));
      else if (test === null) report(path, 'expected a value, or exactly one of exists and in');
      else compiled.push({ place: where, test });
    }
  };
  add('query', (name) => ({ kind: 'query', name }));
  add('headers', (name) => (HEADER_NAME.test(name) ? { kind: 'header', name: name.toLowerCase() } : null));
  add('arguments', (name) => ({ kind: 'argument', name, pointer: topLevelPointer(name) }));
  add('body', (text) => {
    const pointer = parsePointer(text);
    return pointer === null ? null : { kind: 'body', pointer };
  });
  return compiled;
}

/** Whether a text can be the name of a header field (RFC 9110 section 5.1). */
export function isHeaderName(name: string): boolean {
  return HEADER_NAME.test(name);
}

function compileTest(condition: ConditionFile): Condition['test'] | null {
  if (typeof condition !== 'object') return { kind: 'in', expected: [expectedOf(condition)] };
  const { exists, in: values } = condition;
  if (exists !== undefined && values === undefined) return { kind: 'exists', expected: exists };
  if (values !== undefined && exists === undefined) return { kind: 'in', expected: values.map(expectedOf) };
  return null;
}

/** A scalar of a file as a value of a request. */
export function expectedOf(value: string | boolean | number): Expected {
  return typeof value === 'number' ? BigInt(value) : value;
}
