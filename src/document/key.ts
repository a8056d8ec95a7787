import { Decimal, type Value } from '../model/value.ts';
import { pythonFloat } from './python-number.ts';
import { Timestamp } from './timestamp.ts';

/**
 * The first character of a key that is not text. A lone surrogate cannot come out of a JSON or YAML reader, so that no
 * key from outside can be taken for a marked one.
 */
const MARK = '\uD800';

/** A key that is a number, a boolean, null or a date, as a text that equals no key of any other mapping. */
export function markNonTextKey(value: Value): string {
  if (value === null) return `${MARK}None`;
  if (typeof value === 'boolean') return `${MARK}${value ? 'True' : 'False'}`;
  if (value instanceof Timestamp) return `${MARK}${value.text}`;
  if (value instanceof Decimal) return `${MARK}${pythonFloat(value.value)}`;
  return `${MARK}${typeof value === 'bigint' ? value.toString() : JSON.stringify(value)}`;
}

/** What a key that is not text says of itself (`True`, `1`, `None`), or null for a key that is text. */
export function nonTextKey(key: string): string | null {
  return key.startsWith(MARK) ? key.slice(MARK.length) : null;
}

/** A key as a message shows it. */
export function showKey(key: string): string {
  const bare = nonTextKey(key);
  return bare === null ? JSON.stringify(key) : bare;
}

/** Equal for keys that Python holds for the same: `1`, `1.0` and `True` are one key. */
export function keyIdentity(key: string): string {
  const bare = nonTextKey(key);
  if (bare === 'True') return `${MARK}1`;
  if (bare === 'False' || bare === '-0.0') return `${MARK}0`;
  if (bare === null) return key;
  if (/^-?[0-9]+\.0$/u.test(bare)) return `${MARK}${bare.slice(0, -2)}`;
  return /e\+/u.test(bare) ? `${MARK}${BigInt(Number(bare))}` : key;
}
