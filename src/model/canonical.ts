import { Decimal, isList, isMap, type Value } from './value.ts';

/**
 * The canonical JSON text of a value, after RFC 8785: no white space, keys sorted by UTF-16 code units (section
 * 3.2.3), strings escaped as ECMAScript does (3.2.2.2). Numbers keep the text they were written in instead of being
 * rounded to doubles (3.2.2.3): two requests that differ in a digit must not share a fingerprint.
 */
export function canonicalText(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Decimal) return value.text;
  if (isList(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (isMap(value)) {
    const keys = [...value.keys()].sort(byCodeUnit);
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalText(value.get(key) ?? null)}`).join(',')}}`;
  }
  return value satisfies never;
}

function byCodeUnit(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
