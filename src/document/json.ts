import { Decimal, type Value } from '../model/value.ts';

/** How large a JSON text may be in parts. */
export interface JsonLimits {
  readonly maxDepth: number;
  /** Values of any kind, keys not counted. */
  readonly maxValues: number;
}

/** A JSON text read, or why not; `offset` counts UTF-16 code units. */
export type JsonResult =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problem: JsonProblem; readonly offset: number; readonly message: string };
export type JsonProblem = 'syntax' | 'duplicate-key' | 'too-deep' | 'too-many-values' | 'number-range';

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
    return { ok: true, value: reader.document() };
  } catch (error) {
    if (error instanceof Refusal) {
      return { ok: false, problem: error.problem, offset: error.offset, message: error.message };
    }
    throw error;
  }
}

/** Ends the reading; never leaves this file. */
class Refusal extends Error {
  readonly problem: JsonProblem;
  readonly offset: number;

  constructor(problem: JsonProblem, offset: number, message: string) {
    super(message);
    this.problem = problem;
    this.offset = offset;
  }
}

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;

/** A container being filled; `key` is the name that waits for its value. */
type Frame =
  | { readonly kind: 'list'; readonly items: Value[] }
  | { readonly kind: 'map'; readonly members: Map<string, Value>; key: string };

/** Reads without recursion, so that depth costs no stack. */
class JsonReader {
  readonly #text: string;
  readonly #limits: JsonLimits;
  readonly #open: Frame[] = [];
  #at = 0;
  #values = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
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
    if (code === MINUS || (code >= DIGIT_0 && code <= DIGIT_9)) return this.#number();
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
    const key = this.#string();
    if (frame.members.has(key)) throw new Refusal('duplicate-key', start, 'an object has the same name twice');
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== COLON) throw this.#unexpected('":"');
    this.#at += 1;
    frame.key = key;
  }

  #skipSpace(): void {
    const text = this.#text;
    let at = this.#at;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code !== SPACE && code !== LF && code !== CR && code !== TAB) break;
      at += 1;
    }
    this.#at = at;
  }

  #word(): Value {
    const text = this.#text;
    if (text.startsWith('true', this.#at)) return this.#taken(4, true);
    if (text.startsWith('false', this.#at)) return this.#taken(5, false);
    if (text.startsWith('null', this.#at)) return this.#taken(4, null);
    throw this.#unexpected('a value');
  }

  #taken(length: number, value: Value): Value {
    this.#at += length;
    return value;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let at = start;
    let plain = true;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        plain = false;
        at += 2;
      } else if (code >= SPACE) {
        if (code >= 0xd800 && code <= 0xdfff) plain = false;
        at += 1;
      } else {
        this.#at = Math.min(at, text.length);
        throw this.#unexpected(Number.isNaN(code) ? '"\\""' : 'an escape instead of a control character');
      }
    }
    this.#at = at + 1;
    const raw = text.slice(start, at);
    return plain ? raw : this.#unescape(raw, start);
  }

  #unescape(raw: string, start: number): string {
    const value = raw.includes('\\') ? unescapeJson(raw) : raw;
    if (value === null) throw new Refusal('syntax', start, 'a text has an escape that JSON does not know');
    if (!value.isWellFormed()) throw new Refusal('syntax', start, 'a text has half of a surrogate pair');
    return value;
  }

  #digits(): number {
    const start = this.#at;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (!(code >= DIGIT_0 && code <= DIGIT_9)) break;
      this.#at += 1;
    }
    if (this.#at === start) throw this.#unexpected('a digit');
    return this.#at - start;
  }

  #number(): Value {
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
    const exponent = this.#text[this.#at];
    if (exponent !== 'e' && exponent !== 'E') return whole;
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

/** The platform's own reader knows JSON's escapes (RFC 8259 section 7) exactly, and is fast. */
function unescapeJson(raw: string): string | null {
  try {
    const value: unknown = JSON.parse(`"${raw}"`);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
