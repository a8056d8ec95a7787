import { Decimal, type Value } from '../model/value.ts';
import {
  BACKSLASH,
  goesOn,
  DOT,
  LOWER_E,
  DIGIT_0,
  endOfDigits,
  endOfPlain,
  isDigit,
  isSpace,
  QUOTE,
  SPACE,
  unescapeJson,
  wholeBetween,
} from './json-text.ts';
import { Refusal, type JsonProblem } from './json-refusal.ts';
import { KnownNames } from './known-names.ts';

/** How large a JSON text may be in parts. */
export interface JsonLimits {
  readonly maxDepth: number;
  /** Values of any kind, keys not counted. */
  readonly maxValues: number;
}

/** A JSON text read, or why not; `offset` counts UTF-16 code units. */
export type JsonResult =
  /** `evenNames`: no name has capital letters or anything beyond ASCII, so that different names differ for every reader. */
  | { readonly ok: true; readonly value: Value; readonly evenNames: boolean }
  | { readonly ok: false; readonly problem: JsonProblem; readonly offset: number; readonly message: string };

/**
 * Digits of one number. `BigInt` takes time that grows faster than the number of digits, and Python, which Aegis runs
 * on, refuses more (CVE-2020-10735).
 */
const MAX_NUMBER_DIGITS = 4300;

/**
 * Reads a JSON text (RFC 8259) into exact values: whole numbers of any size, fractions with their text, members in
 * order. Refused are duplicate names (section 4), lone surrogates (section 8.2), numbers beyond the range of a double
 * (section 6), and whatever is not JSON. Takes time in proportion to the text.
 */
export function readJson(text: string, limits: JsonLimits): JsonResult {
  const reader = new JsonReader(text, limits);
  try {
    const value = reader.document();
    return { ok: true, value, evenNames: reader.evenNames };
  } catch (error) {
    if (error instanceof Refusal) {
      return { ok: false, problem: error.problem, offset: error.offset, message: error.message };
    }
    throw error;
  }
}

const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;

/** Whole numbers of so many digits are below 2^53. */
const EXACT_DIGITS = 15;

const WORDS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const;

/** A container being filled; `key` is the name that waits for its value. */
type Frame =
  | { readonly kind: 'list'; readonly items: Value[] }
  | { readonly kind: 'map'; readonly members: Map<string, Value>; key: string };

/** Reads without recursion, so that depth costs no stack. */
class JsonReader {
  readonly #text: string;
  readonly #limits: JsonLimits;
  readonly #open: Frame[] = [];
  readonly #names = new KnownNames();
  #at = 0;
  #values = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  get evenNames(): boolean {
    return this.#names.even;
  }

  document(): Value {
    let value = this.#begin();
    for (;;) {
      const frame = this.#open.at(-1);
      if (value !== undefined) {
        if (frame === undefined) break;
        if (frame.kind === 'list') frame.items.push(value);
        else frame.members.set(frame.key, value);
        value = this.#afterItem(frame);
      } else if (frame === undefined) throw this.#unexpected('a value');
      else value = this.#firstItem(frame);
    }
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected('the end');
    return value;
  }

  /** Reads a scalar, or opens a container and returns undefined. */
  #begin(): Value | undefined {
    this.#skipSpace();
    this.#values += 1;
    if (this.#values > this.#limits.maxValues) {
      throw new Refusal('too-many-values', this.#at, `more than ${this.#limits.maxValues} values`);
    }
    const code = this.#text.charCodeAt(this.#at);
    if (code === QUOTE) return this.#string();
    if (code === OPEN_MAP) return this.#openFrame({ kind: 'map', members: new Map(), key: '' });
    if (code === OPEN_LIST) return this.#openFrame({ kind: 'list', items: [] });
    if (code === MINUS || isDigit(code)) return this.#number();
    return this.#word();
  }

  #openFrame(frame: Frame): undefined {
    if (this.#open.length >= this.#limits.maxDepth) {
      throw new Refusal('too-deep', this.#at, `nested deeper than ${this.#limits.maxDepth} levels`);
    }
    this.#open.push(frame);
    this.#at += 1;
    return undefined;
  }

  /** What stands directly after an opening bracket. */
  #firstItem(frame: Frame): Value | undefined {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) === closerOf(frame)) return this.#close(frame);
    if (frame.kind === 'map') this.#key(frame);
    return this.#begin();
  }

  /** What stands after an item: another one, or the closing bracket. */
  #afterItem(frame: Frame): Value | undefined {
    this.#skipSpace();
    const code = this.#text.charCodeAt(this.#at);
    if (code === closerOf(frame)) return this.#close(frame);
    if (code !== COMMA) throw this.#unexpected(frame.kind === 'list' ? '"," or "]"' : '"," or "}"');
    this.#at += 1;
    if (frame.kind === 'map') this.#key(frame);
    return this.#begin();
  }

  #close(frame: Frame): Value {
    this.#at += 1;
    this.#open.pop();
    return frame.kind === 'list' ? frame.items : frame.members;
  }

  #key(frame: Frame & { kind: 'map' }): void {
    this.#skipSpace();
    const start = this.#at;
    if (this.#text.charCodeAt(start) !== QUOTE) throw this.#unexpected('a name in double quotes');
    const key = this.#string(this.#names);
    if (frame.members.has(key)) throw new Refusal('duplicate-key', start, 'an object has the same name twice');
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== COLON) throw this.#unexpected('":"');
    this.#at += 1;
    frame.key = key;
  }

  #skipSpace(): void {
    const text = this.#text;
    let at = this.#at;
    // Looking past the end would make every later look slower.
    while (at < text.length && isSpace(text.charCodeAt(at))) at += 1;
    this.#at = at;
  }

  #word(): Value {
    const text = this.#text;
    for (const [word, value] of WORDS) {
      if (!text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    throw this.#unexpected('a value');
  }

  /** A text; of a name, the one that is known already. */
  #string(names: KnownNames | null = null): string {
    const text = this.#text;
    const start = this.#at + 1;
    const at = endOfPlain(text, start);
    if (at >= text.length || text.charCodeAt(at) !== QUOTE) return this.#stringGoingOn(names, start, at);
    this.#at = at + 1;
    return names === null ? text.slice(start, at) : names.take(text, start, at);
  }

  /** A text that is plain only up to a place. */
  #stringGoingOn(names: KnownNames | null, start: number, plainTo: number): string {
    const text = this.#text;
    let at = plainTo;
    while (at < text.length && text.charCodeAt(at) !== QUOTE) {
      this.#at = at;
      const code = text.charCodeAt(at);
      if (code < SPACE) throw this.#unexpected('an escape instead of a control character');
      at = endOfPlain(text, at + (code === BACKSLASH ? 2 : 1));
    }
    this.#at = Math.min(at, text.length);
    if (at >= text.length) throw this.#unexpected('"\\""');
    this.#at += 1;
    const value = this.#unescape(text.slice(start, at), start);
    return names === null ? value : names.note(value);
  }

  #unescape(raw: string, start: number): string {
    const value = raw.includes('\\') ? unescapeJson(raw) : raw;
    if (value === null) throw new Refusal('syntax', start, 'a text has an escape that JSON does not know');
    if (!value.isWellFormed()) throw new Refusal('syntax', start, 'a text has half of a surrogate pair');
    return value;
  }

  #digits(): number {
    const start = this.#at;
    this.#at = endOfDigits(this.#text, start, Infinity);
    if (this.#at === start) throw this.#unexpected('a digit');
    return this.#at - start;
  }

  #number(): Value {
    return this.#shortWhole() ?? this.#anyNumber();
  }

  /** A whole number that a double holds exactly: most numbers. Null for any other, of which nothing is passed then. */
  #shortWhole(): bigint | null {
    const text = this.#text;
    const negative = text.charCodeAt(this.#at) === MINUS;
    const first = negative ? this.#at + 1 : this.#at;
    const end = endOfDigits(text, first, EXACT_DIGITS + 1);
    const digits = end - first;
    const leadingZero = digits > 1 && text.charCodeAt(first) === DIGIT_0;
    if (digits === 0 || digits > EXACT_DIGITS || leadingZero || goesOn(text, end)) return null;
    this.#at = end;
    const value = wholeBetween(text, first, end);
    return BigInt(negative ? -value : value);
  }

  #anyNumber(): Value {
    const start = this.#at;
    if (this.#text.charCodeAt(start) === MINUS) this.#at += 1;
    const leading = this.#at;
    const digits = this.#digits();
    if (digits > 1 && this.#text.charCodeAt(leading) === DIGIT_0) {
      throw new Refusal('syntax', leading, 'a number starts with 0; JSON has no leading zeros');
    }
    const whole = this.#fraction();
    if (this.#at - start > MAX_NUMBER_DIGITS) {
      throw new Refusal('number-range', start, `a number has more than ${MAX_NUMBER_DIGITS} digits`);
    }
    const text = this.#text.slice(start, this.#at);
    if (whole) return BigInt(text);
    const value = Number(text);
    if (!Number.isFinite(value)) throw new Refusal('number-range', start, 'a number is beyond the range of a double');
    return new Decimal(value, text);
  }

  /** Passes fraction and exponent; true when there is neither. */
  #fraction(): boolean {
    let whole = true;
    if (this.#text.charCodeAt(this.#at) === DOT) {
      whole = false;
      this.#at += 1;
      this.#digits();
    }
    if ((this.#text.charCodeAt(this.#at) | 0x20) !== LOWER_E) return whole;
    this.#at += 1;
    const sign = this.#text[this.#at];
    if (sign === '+' || sign === '-') this.#at += 1;
    this.#digits();
    return false;
  }

  #unexpected(expected: string): Refusal {
    const found = this.#at < this.#text.length ? 'something else' : 'the end';
    return new Refusal('syntax', this.#at, `expected ${expected}, found ${found}`);
  }
}

function closerOf(frame: Frame): number {
  return frame.kind === 'list' ? CLOSE_LIST : CLOSE_MAP;
}
