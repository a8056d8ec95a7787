import type { Decimal, Json } from '../model/value.ts';
import type { Form, Scalar } from './value-view.ts';

/**
 * Makes JSON as `JSON.stringify` writes it, without loss: a number that a double cannot hold with all its digits becomes
 * text. Keys keep their order, but for those that are array indices, which the language puts first.
 */
export class JsonForm implements Form<Json> {
  #mostBytes = 0;

  /**
   * At least the length of all that was made, in bytes of UTF-8 and told without writing it: what is far below a bound
   * need not be measured.
   */
  get mostBytes(): number {
    return this.#mostBytes;
  }

  scalar(value: Scalar): Json {
    const made = exactScalar(value);
    if (typeof made === 'string') return this.#counted(made);
    this.#mostBytes += MOST_BYTES_OF_SCALAR;
    return made;
  }

  list(items: readonly Json[]): Json {
    this.#mostBytes += items.length + 2;
    return items;
  }

  map(keys: readonly string[], members: readonly Json[]): Json {
    const made: Record<string, Json> = {};
    for (let at = 0; at < keys.length; at += 1) {
      const key = this.#counted(keys[at] ?? '');
      const value = members[at] ?? null;
      // By assignment, this one name would mean something else.
      if (key === '__proto__') Object.defineProperty(made, key, { value, ...MEMBER });
      else made[key] = value;
    }
    this.#mostBytes += keys.length * 2 + 2;
    return made;
  }

  #counted(text: string): string {
    this.#mostBytes += text.length * MOST_BYTES_OF_CHARACTER + 2;
    return text;
  }
}

const MEMBER = { enumerable: true, configurable: true, writable: true } as const;
/** A control character, or half of a surrogate pair, as an escape. */
const MOST_BYTES_OF_CHARACTER = 6;
/** `-0.0000010051130683194853`: down to the millionth, a double is written without an exponent. */
const MOST_BYTES_OF_SCALAR = 25;

function exactScalar(value: Scalar): null | boolean | number | string {
  if (typeof value !== 'object' && typeof value !== 'bigint') return value;
  if (value === null) return null;
  return typeof value === 'bigint' ? exactInteger(value) : exactDecimal(value);
}

/** A whole number as JSON holds it without loss: as a number up to 2^53 - 1, as text beyond. */
function exactInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** A double keeps 15 digits whatever they are, so that it is written with the same ones. */
const FEW_DIGITS = /^-?\d{1,8}\.\d{1,7}$/;

/** A fraction as JSON holds it without loss: as a number when that is written with the same digits, as text otherwise. */
function exactDecimal(decimal: Decimal): number | string {
  const { value, text } = decimal;
  if (value !== 0 && FEW_DIGITS.test(text)) return value;
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
