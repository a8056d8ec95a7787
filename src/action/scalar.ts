import { failed, passed, type Outcome } from '../model/fault.ts';
import { Decimal, isList, isMap, type Value } from '../model/value.ts';
import type { Conversion } from './schema.ts';
import { fold, quote } from './spelling.ts';

/** An amount, an identifier or a count has fewer digits; reading longer ones would only cost time. */
const MAX_NUMBER_CHARS = 100;
const INTEGER = /^-?(?:0|[1-9]\d*)$/u;
/** RFC 8259 section 6. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/u;

/** The text of a value that is neither list, mapping nor null; null for those. */
export function scalarText(value: Value): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return value instanceof Decimal ? value.text : null;
}

/** Reads a value as a map says it is to be read. Fault `body-mismatch`: it cannot be, in exactly one way. */
export function convert(value: Value, as: Conversion, name: string): Outcome<Value> {
  if (value === null) return passed(null);
  if (as === 'list') return passed(isList(value) ? value : [value]);
  const converted = CONVERTERS[as](value);
  if (converted !== null) return passed(converted);
  const found = typeof value === 'string' ? quote(value) : kindOf(value);
  return failed('body-mismatch', `parameter ${quote(name)}: expected ${EXPECTED[as]}, found ${found}`);
}

const EXPECTED = {
  text: 'a text, a number or a boolean',
  lower: 'a text',
  integer: 'a whole number in decimal digits',
  number: 'a number as JSON writes it',
  boolean: 'true or false',
} as const;

const CONVERTERS = {
  text: scalarText,
  lower: (value: Value): Value => (typeof value === 'string' ? value.toLowerCase() : null),
  integer: (value: Value): Value => {
    if (typeof value === 'bigint') return value;
    return isShort(value) && INTEGER.test(value) ? BigInt(value) : null;
  },
  number: (value: Value): Value => {
    if (typeof value === 'bigint' || value instanceof Decimal) return value;
    if (!isShort(value) || !NUMBER.test(value)) return null;
    if (INTEGER.test(value)) return BigInt(value);
    const double = Number(value);
    return Number.isFinite(double) ? new Decimal(double, value) : null;
  },
  boolean: (value: Value): Value => {
    if (typeof value === 'boolean') return value;
    if (value === 'true') return true;
    return value === 'false' ? false : null;
  },
} as const;

function isShort(value: Value): value is string {
  return typeof value === 'string' && value.length <= MAX_NUMBER_CHARS;
}

/** What sort of value it is, for a sentence. */
export function kindOf(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'boolean') return 'a boolean';
  if (isList(value)) return 'a list';
  return isMap(value) ? 'an object' : 'a number';
}

/** A value that a map compares with. */
export type Expected = string | boolean | bigint;

/**
 * Compares a value with what a map expects. `near`: another spelling of it (letter case, blanks, the text of a number),
 * which some upstreams would take for the same.
 */
export function compareScalar(value: Value, expected: Expected, textual: boolean): 'equal' | 'near' | 'different' {
  const text = scalarText(value);
  if (text === null) return 'different';
  if (textual ? text === String(expected) : value === expected) return 'equal';
  if (value instanceof Decimal && typeof expected === 'bigint' && value.value === Number(expected)) return 'near';
  return fold(text) === fold(String(expected)) ? 'near' : 'different';
}
