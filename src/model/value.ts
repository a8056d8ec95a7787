/**
 * Values as policies and requests carry them: JSON's shapes, with whole numbers exact at any size (`bigint`) and
 * fractions with the text they were written in. A reader built on doubles alone would lose both.
 */

/** A number written with a fraction or an exponent: its IEEE 754 double, and the text it was read from. */
export class Decimal {
  readonly value: number;
  readonly text: string;

  constructor(value: number, text: string) {
    this.value = value;
    this.text = text;
  }
}

/** A mapping whose keys are text; a `Map`, so that no key (`__proto__`) means anything to the language. */
export type ValueMap = ReadonlyMap<string, Value>;

/** Any value of a parameter: whole numbers are `bigint`, fractions are `Decimal`. */
export type Value = null | boolean | string | bigint | Decimal | readonly Value[] | ValueMap;

/** True when the value is a list. (`Array.isArray` does not narrow readonly arrays.) */
export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** True when the value is a mapping. */
export function isMap(value: Value): value is ValueMap {
  return value instanceof Map;
}

/** The shapes that `JSON.stringify` writes as they are. */
export type Json = null | boolean | string | number | readonly Json[] | { readonly [key: string]: Json };
