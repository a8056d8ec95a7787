import { Decimal, isList, isMap, type Value } from '../../src/model/value.ts';

/** The JSON text of a value, its members in their order: a policy written in a case file, as the text of a file. */
export function valueJson(value: Value): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Decimal) return Number.isInteger(value.value) ? `${value.text}.0` : value.text;
  if (isList(value)) return `[${value.map(valueJson).join(', ')}]`;
  if (isMap(value)) {
    return `{${[...value].map(([key, member]) => `${JSON.stringify(key)}: ${valueJson(member)}`).join(', ')}}`;
  }
  throw new Error('not a value');
}
