import * as z from 'zod';
import { suggestion } from './mistake.ts';

type RawIssue = z.core.$ZodRawIssue;

/** Longer values are cut in messages: the place says the rest. */
const MAX_SHOWN_CODE_UNITS = 60;

const KINDS: { readonly [kind: string]: string } = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'a boolean',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  tuple: 'a list',
  null: 'null',
  undefined: 'nothing',
  never: 'nothing',
};

const AT_LEAST = { inclusive: 'at least', exclusive: 'more than' };
const AT_MOST = { inclusive: 'at most', exclusive: 'less than' };

/** What is wrong with a value, and what was expected, as one sentence. */
export function describeIssue(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return describeType(String(issue.expected), issue.input);
    case 'invalid_value':
      return describeChoice(issue.values, issue.input);
    case 'too_small':
      return `${showInput(issue.input)} is too small; expected ${boundText(AT_LEAST, { origin: issue.origin, limit: issue.minimum, inclusive: issue.inclusive })}`;
    case 'too_big':
      return `${showInput(issue.input)} is too large; expected ${boundText(AT_MOST, { origin: issue.origin, limit: issue.maximum, inclusive: issue.inclusive })}`;
    case 'invalid_format':
      return `${showInput(issue.input)} does not have the expected form${issue.pattern === undefined ? ` (${issue.format})` : ` ${issue.pattern}`}`;
    case 'invalid_union':
      return describeUnion(issue);
    case 'not_multiple_of':
      return `${showInput(issue.input)} is not a multiple of ${issue.divisor}`;
    default:
      return `${showInput(issue.input)} is not allowed here`;
  }
}

function describeType(expected: string, input: unknown): string {
  const wanted = KINDS[expected] ?? expected;
  if (input === undefined) return `missing; expected ${wanted}`;
  return `found ${showInput(input)}; expected ${wanted}`;
}

/** A value that is none of a few. */
export function describeChoice(values: readonly unknown[], input: unknown): string {
  const shown = values.map((value) => String(value));
  const expected = shown.length === 1 ? shown[0] : `one of ${shown.join(', ')}`;
  if (input === undefined) return `missing; expected ${expected}`;
  const meant = typeof input === 'string' ? suggestion(input, shown) : '';
  return `found ${showInput(input)}; expected ${expected}${meant}`;
}

function describeUnion(issue: RawIssue & { code: 'invalid_union' }): string {
  const { discriminator, input } = issue;
  if (typeof discriminator === 'string' && Array.isArray(issue.options)) {
    return describeChoice(issue.options, memberOf(input, discriminator));
  }
  const wanted = new Set(issue.errors.flat().flatMap(wantedBy));
  const expected = wanted.size === 0 ? 'another form' : [...wanted].join(' or ');
  return input === undefined ? `missing; expected ${expected}` : `found ${showInput(input)}; expected ${expected}`;
}

/** What one branch of a union wants to find in the place of the value. */
function wantedBy(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.path.length > 0) return [];
  if (issue.code === 'invalid_type') return [KINDS[issue.expected] ?? issue.expected];
  return issue.code === 'invalid_value' ? issue.values.map(String) : [];
}

function boundText(words: { readonly inclusive: string; readonly exclusive: string }, bound: Bound): string {
  const unit = bound.origin === 'string' ? ' characters' : bound.origin === 'array' ? ' items' : '';
  return `${bound.inclusive === false ? words.exclusive : words.inclusive} ${bound.limit}${unit}`;
}

interface Bound {
  readonly origin: string;
  readonly limit: number | bigint;
  readonly inclusive: boolean | undefined;
}

function memberOf(input: unknown, key: string): unknown {
  if (typeof input !== 'object' || input === null) return undefined;
  return new Map(Object.entries(input)).get(key);
}

/** A value as a message shows it: its kind where its text would say less. */
function showInput(input: unknown): string {
  if (input === undefined) return 'nothing';
  if (input === null) return 'null';
  if (input instanceof Date) return 'a date (quote it where text is meant)';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'a mapping';
  if (typeof input === 'string') return cut(JSON.stringify(input));
  if (typeof input === 'boolean') return `the boolean ${input}`;
  if (typeof input === 'number' || typeof input === 'bigint') return `the number ${cut(input.toString())}`;
  return 'something else';
}

function cut(text: string): string {
  return text.length > MAX_SHOWN_CODE_UNITS ? `${text.slice(0, MAX_SHOWN_CODE_UNITS)}...` : text;
}

/** The keys that an object schema knows. */
export function shapeKeys(schema: unknown): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
