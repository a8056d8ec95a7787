import { Timestamp } from '../document/timestamp.ts';
import { Decimal, isList, isMap, type Value } from '../model/value.ts';
import type { CompareOperator } from './policy.ts';

/** Raised where Python raises TypeError; evaluation turns it into a block. */
export class ComparisonError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ComparisonError';
  }
}

/** Python's comparison of a parameter with a value of the policy. Throws `ComparisonError`. */
export function compareValues(operator: CompareOperator, actual: Value, expected: Value): boolean {
  switch (operator) {
    case 'param_eq':
      return equalValues(actual, expected);
    case 'param_gt':
      return ordered(actual, expected, (order) => order > 0);
    case 'param_lt':
      return ordered(actual, expected, (order) => order < 0);
    case 'param_gte':
      return ordered(actual, expected, (order) => order >= 0);
    case 'param_lte':
      return ordered(actual, expected, (order) => order <= 0);
    default:
      return operator satisfies never;
  }
}

/** `true = 1 = 1.0`; text only equals text; lists and mappings deeply, the order of keys free. */
export function equalValues(left: Value, right: Value): boolean {
  const leftNumber = numberOf(left);
  if (leftNumber !== null) {
    const rightNumber = numberOf(right);
    return rightNumber !== null && orderNumbers(leftNumber, rightNumber) === 0;
  }
  if (isList(left)) return isList(right) && equalLists(left, right);
  if (isMap(left)) return isMap(right) && equalMaps(left, right);
  return left === right;
}

function equalLists(left: readonly Value[], right: readonly Value[]): boolean {
  return left.length === right.length && left.every((item, index) => equalValues(item, right[index] ?? null));
}

function equalMaps(left: ReadonlyMap<string, Value>, right: ReadonlyMap<string, Value>): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    const other = right.get(key);
    if (other === undefined || !equalValues(value, other)) return false;
  }
  return true;
}

/** The number of a value to Python: booleans are 0 and 1, whole numbers stay exact; null for anything else. */
function numberOf(value: Value): bigint | number | null {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (value instanceof Timestamp) return null;
  return value instanceof Decimal ? value.value : null;
}

/** NaN compares with nothing: every ordering of it is false, as in Python. */
function ordered(left: Value, right: Value, test: (order: number) => boolean): boolean {
  const order = orderOf(left, right);
  return !Number.isNaN(order) && test(order);
}

/** Below, at or above 0; NaN when a NaN is compared. */
function orderOf(left: Value, right: Value): number {
  const [leftNumber, rightNumber] = [numberOf(left), numberOf(right)];
  if (leftNumber !== null && rightNumber !== null) return orderNumbers(leftNumber, rightNumber);
  if (typeof left === 'string' && typeof right === 'string') return orderTexts(left, right);
  if (isList(left) && isList(right)) return orderLists(left, right);
  throw new ComparisonError(`cannot order ${kindOf(left)} and ${kindOf(right)}`);
}

/** JavaScript orders a bigint and a double by their mathematical values, as Python does. */
function orderNumbers(left: bigint | number, right: bigint | number): number {
  if (left < right) return -1;
  if (left > right) return 1;
  return Number.isNaN(left) || Number.isNaN(right) ? Number.NaN : 0;
}

/** By code point: the order of UTF-16 code units differs from it above the basic plane. */
function orderTexts(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  for (let at = 0; at < shorter; at += 1) {
    const [leftCode, rightCode] = [left.charCodeAt(at), right.charCodeAt(at)];
    if (leftCode !== rightCode) return sortKey(leftCode) - sortKey(rightCode);
  }
  return left.length - right.length;
}

/** Moves surrogates above all other code units, where their code points are. */
function sortKey(code: number): number {
  if (code < 0xd800) return code;
  return code <= 0xdfff ? code + 0x2000 : code - 0x800;
}

/** The first pair that is not equal decides; else the shorter list is less. */
function orderLists(left: readonly Value[], right: readonly Value[]): number {
  for (const [index, item] of left.entries()) {
    if (index >= right.length) break;
    const other = right[index] ?? null;
    if (!equalValues(item, other)) return orderOf(item, other);
  }
  return left.length - right.length;
}

/** Python's `expected in actual`. Throws `ComparisonError`. */
export function containsValue(actual: Value, expected: Value): boolean {
  if (isList(actual)) return actual.some((item) => equalValues(item, expected));
  if (typeof actual === 'string') {
    if (typeof expected === 'string') return actual.includes(expected);
    throw new ComparisonError(`a text can only contain text, not ${kindOf(expected)}`);
  }
  if (isMap(actual)) {
    if (isList(expected) || isMap(expected)) throw new ComparisonError(`${kindOf(expected)} cannot be a key`);
    return typeof expected === 'string' && actual.has(expected);
  }
  throw new ComparisonError(`${kindOf(actual)} contains nothing`);
}

/** The kind of a value, as reasons name it: the value itself may be secret. */
export function kindOf(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'a boolean';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'bigint') return 'a whole number';
  if (value instanceof Timestamp) return 'a date';
  if (value instanceof Decimal) return 'a fraction';
  return isList(value) ? 'a list' : 'a mapping';
}
