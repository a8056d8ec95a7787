import { Decimal } from '../model/value.ts';
import { readTimestamp } from './resolve-timestamp.ts';
import type { ScalarNode } from './node.ts';
import type { Resolved } from './resolved.ts';

export const TAG_PREFIX = 'tag:yaml.org,2002:';

/** Python refuses to read whole numbers with more digits (CVE-2020-10735); so do we. */
const MAX_INT_DIGITS = 4300;

const BOOL = /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/u;
const NULL = /^(?:~|null|Null|NULL|)$/u;
const INT =
  /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/u;
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/u;
const TIMESTAMP =
  /^(?:[0-9]{4}-[0-9][0-9]-[0-9][0-9]|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9][0-9]:[0-9][0-9](?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9][0-9])?))?)$/u;

/** The tag of a scalar that has none, by its form; `value` is the type of a lone `=`, `merge` of `<<`. */
export function implicitTag(node: ScalarNode): string {
  if (node.tag !== null && node.tag !== '!') return node.tag;
  if (!node.plain && node.tag !== '!') return `${TAG_PREFIX}str`;
  return `${TAG_PREFIX}${plainType(node.text)}`;
}

function plainType(text: string): string {
  if (BOOL.test(text)) return 'bool';
  if (FLOAT.test(text)) return 'float';
  if (INT.test(text)) return 'int';
  if (text === '<<') return 'merge';
  if (NULL.test(text)) return 'null';
  if (TIMESTAMP.test(text)) return 'timestamp';
  return text === '=' ? 'value' : 'str';
}

/** The value of a scalar, or why the safe loader refuses it. */
export function resolveScalar(node: ScalarNode): Resolved {
  const tag = implicitTag(node);
  switch (tag) {
    case `${TAG_PREFIX}str`:
      return { ok: true, value: node.text };
    case `${TAG_PREFIX}null`:
      return { ok: true, value: null };
    case `${TAG_PREFIX}bool`:
      return readBool(node.text);
    case `${TAG_PREFIX}int`:
      return readInt(node.text);
    case `${TAG_PREFIX}float`:
      return readFloat(node.text);
    case `${TAG_PREFIX}timestamp`:
      return readTimestamp(node.text);
    default:
      return { ok: false, message: refusedTag(node, tag) };
  }
}

function refusedTag(node: ScalarNode, tag: string): string {
  if (tag === `${TAG_PREFIX}value`) return 'an unquoted = has no value in YAML 1.1; expected it in quotes';
  if (tag === `${TAG_PREFIX}merge`) return 'an unquoted << has no value in YAML 1.1; expected it in quotes';
  if (tag.startsWith(TAG_PREFIX)) {
    return `the tag !!${tag.slice(TAG_PREFIX.length)} is not supported here; expected text, a number, a boolean or null`;
  }
  return `the tag ${JSON.stringify(tag)} is not one of YAML's own; found on ${JSON.stringify(node.text.slice(0, 40))}`;
}

function readBool(text: string): Resolved {
  const lower = text.toLowerCase();
  if (lower === 'yes' || lower === 'true' || lower === 'on') return { ok: true, value: true };
  if (lower === 'no' || lower === 'false' || lower === 'off') return { ok: true, value: false };
  return { ok: false, message: `${JSON.stringify(text)} is not a boolean; expected yes, no, true, false, on or off` };
}

/** PyYAML's `construct_yaml_int`, which is reached with any text by way of an explicit `!!int`. */
function readInt(text: string): Resolved {
  const bare = text.replaceAll('_', '');
  const negative = bare.startsWith('-');
  const digits = /^[-+]/u.test(bare) ? bare.slice(1) : bare;
  const magnitude = digits.length > MAX_INT_DIGITS ? null : readMagnitude(digits);
  if (magnitude === null) {
    return { ok: false, message: `${JSON.stringify(text.slice(0, 40))} is not a whole number of YAML 1.1` };
  }
  return { ok: true, value: negative ? -magnitude : magnitude };
}

function readMagnitude(digits: string): bigint | null {
  if (/^0b[01]+$/u.test(digits) || /^0x[0-9a-fA-F]+$/u.test(digits)) return BigInt(digits);
  if (/^0[0-7]+$/u.test(digits)) return BigInt(`0o${digits}`);
  if (/^(?:0|[1-9][0-9]*)$/u.test(digits)) return BigInt(digits);
  if (!/^[1-9][0-9]*(?::[0-9]+)+$/u.test(digits)) return null;
  return digits.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n);
}

/** PyYAML's `construct_yaml_float`. */
function readFloat(text: string): Resolved {
  const bare = text.replaceAll('_', '').toLowerCase();
  const sign = bare.startsWith('-') ? -1 : 1;
  const digits = /^[-+]/u.test(bare) ? bare.slice(1) : bare;
  const magnitude = readDouble(digits);
  if (magnitude === null) return { ok: false, message: `${JSON.stringify(text.slice(0, 40))} is not a number` };
  const value = sign * magnitude;
  return { ok: true, value: new Decimal(value, String(value)) };
}

function readDouble(digits: string): number | null {
  if (digits === '.inf' || digits === 'inf' || digits === 'infinity') return Number.POSITIVE_INFINITY;
  if (digits === '.nan' || digits === 'nan') return Number.NaN;
  if (/^(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?$/u.test(digits)) return Number(digits);
  if (!/^[0-9]+(?::[0-9]+)+(?:\.[0-9]*)?$/u.test(digits)) return null;
  return sexagesimal(digits.split(':').map(Number));
}

/** Summed from the last part to the first, as PyYAML does: doubles add up differently in another order. */
function sexagesimal(parts: readonly number[]): number {
  let base = 1;
  let value = 0;
  for (const part of parts.toReversed()) {
    value += part * base;
    base *= 60;
  }
  return value;
}
