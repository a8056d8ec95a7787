import { Timestamp } from '../document/timestamp.ts';
import { Decimal, type Value } from '../model/value.ts';

/** A point in time: CEL's timestamp. */
export class Instant {
  /** Milliseconds since the epoch. */
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }
}

/** CEL's duration. */
export class Span {
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }
}

/** Any value while an expression is evaluated: values as requests carry them, doubles, times. */
export type CelValue = Value | number | Instant | Span | readonly CelValue[];

/** The expression has no answer: evaluation turns it into a block. `&&`, `||` and the macros may absorb it. */
export class CelError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CelError';
  }
}

/** The expression costs too much. Nothing absorbs it. */
export class BudgetError extends Error {
  constructor() {
    super('the expression costs too much on this request');
    this.name = 'BudgetError';
  }
}

/** Counts what evaluation costs: about one unit for each node, item or 64 code units that are looked at. */
export class Budget {
  #left: number;

  constructor(units: number) {
    this.#left = units;
  }

  spend(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw new BudgetError();
  }

  /** Code units that cost one unit: searching them takes about as long as evaluating a node. */
  spendText(codeUnits: number): void {
    this.spend(1 + (codeUnits >>> 6));
  }
}

/** A number to CEL: whole or double; null for anything else. Booleans are no numbers. */
export function celNumber(value: CelValue): bigint | number | null {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  return value instanceof Decimal && !(value instanceof Timestamp) ? value.value : null;
}

export function isCelList(value: CelValue): value is readonly CelValue[] {
  return Array.isArray(value);
}

export function isCelMap(value: CelValue): value is ReadonlyMap<string, Value> {
  return value instanceof Map;
}

/** CEL's `==`: numbers by value whatever their kind, lists and mappings deeply, different kinds never. */
export function celEqual(left: CelValue, right: CelValue, budget: Budget): boolean {
  budget.spend(1);
  const leftNumber = celNumber(left);
  if (leftNumber !== null) {
    const rightNumber = celNumber(right);
    return rightNumber !== null && celOrder(leftNumber, rightNumber) === 0;
  }
  if (typeof left === 'string') budget.spendText(left.length);
  if (isCelList(left)) return isCelList(right) && equalLists(left, right, budget);
  if (isCelMap(left)) return isCelMap(right) && equalMaps(left, right, budget);
  return left === right || sameTime(left, right);
}

function sameTime(left: CelValue, right: CelValue): boolean {
  if (left instanceof Instant) return right instanceof Instant && left.ms === right.ms;
  return left instanceof Span && right instanceof Span && left.ms === right.ms;
}

function equalLists(left: readonly CelValue[], right: readonly CelValue[], budget: Budget): boolean {
  return left.length === right.length && left.every((item, index) => celEqual(item, right[index] ?? null, budget));
}

function equalMaps(left: ReadonlyMap<string, Value>, right: ReadonlyMap<string, Value>, budget: Budget): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    const other = right.get(key);
    if (other === undefined || !celEqual(value, other, budget)) return false;
  }
  return true;
}

/** Below, at or above 0; NaN when a NaN is compared. */
export function celOrder(left: bigint | number, right: bigint | number): number {
  if (left < right) return -1;
  if (left > right) return 1;
  return Number.isNaN(left) || Number.isNaN(right) ? Number.NaN : 0;
}

/** The kind of a value as errors name it: the value itself may be secret. */
export function celKind(value: CelValue): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'bigint') return 'int';
  if (value instanceof Instant) return 'timestamp';
  if (value instanceof Span) return 'duration';
  if (isCelList(value)) return 'list';
  return isCelMap(value) ? 'map' : 'double';
}
