import { Decimal, isList, isMap, type Json, type Value, type ValueMap } from '../model/value.ts';

/**
 * A value as `JSON.stringify` writes it, without loss: a number that a double cannot hold with all its digits becomes
 * text. Keys keep
 * their order, but for those that are array indices, which the language puts first.
 */
export function exactJson(value: Value): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return exactInteger(value);
  if (value instanceof Decimal) return exactDecimal(value);
  if (isList(value)) return value.map(exactJson);
  if (isMap(value)) return exactMembers(value);
  return value satisfies never;
}

function exactMembers(map: ValueMap): Json {
  const members: [string, Json][] = [];
  for (const [key, member] of map) members.push([key, exactJson(member)]);
  // Not by assignment: `__proto__` is a name like any other.
  return Object.fromEntries(members);
}

/**
 * At least the length of a value's JSON in bytes of UTF-8, told without writing it: what is far below a bound need not
 * be measured.
 */
export function mostBytes(json: Json): number {
  if (typeof json === 'string') return json.length * MOST_BYTES_OF_CHARACTER + 2;
  if (typeof json !== 'object' || json === null) return MOST_BYTES_OF_SCALAR;
  let bytes = 2;
  if (isJsonList(json)) for (const item of json) bytes += mostBytes(item) + 1;
  else for (const key in json) bytes += mostBytes(key) + mostBytes(json[key] ?? null) + 2;
  return bytes;
}

/** A control character, or half of a surrogate pair, as an escape. */
const MOST_BYTES_OF_CHARACTER = 6;
/** `-1.7976931348623157e+308` */
const MOST_BYTES_OF_SCALAR = 24;

/** (`Array.isArray` does not narrow readonly arrays.) */
function isJsonList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

/** A whole number as JSON holds it without loss: as a number up to 2^53 - 1, as text beyond. */
function exactInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** A fraction as JSON holds it without loss: as a number when that is written with the same digits, as text otherwise. */
function exactDecimal(decimal: Decimal): number | string {
  const { value, text } = decimal;
  if (String(value) === text) return value;
  if (!Number.isFinite(value) || Object.is(value, -0)) return text;
  return digitsOf(String(value)) === digitsOf(text) ? value : text;
}

/** The digits and the exponent that a number text means: `1.50`, `15e-1` and `1.5` are the same. */
function digitsOf(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/iu.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/u, '');
  const significant = trimZeros(digits);
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

function trimZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}
