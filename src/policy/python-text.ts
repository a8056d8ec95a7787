import { pythonFloat } from '../document/python-number.ts';
import { nonTextKey } from '../document/key.ts';
import { Timestamp } from '../document/timestamp.ts';
import { Decimal, isList, type Value } from '../model/value.ts';

/** Python's `str` of a value, cut after at least `limit` code units: what lies behind is never looked at. */
export function pythonText(value: Value, limit: number = Number.POSITIVE_INFINITY): string {
  if (typeof value === 'string') return value.length > limit ? value.slice(0, limit) : value;
  const writer = new Writer(limit);
  writer.value(value);
  return writer.text;
}

/** The first `count` code points of a text. */
export function firstCodePoints(text: string, count: number): string {
  if (text.length <= count) return text;
  let at = 0;
  for (let seen = 0; seen < count && at < text.length; seen += 1) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return text.slice(0, at);
}

/** Writes `str` at the top and `repr` inside of lists and mappings. */
class Writer {
  text = '';
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  value(value: Value): void {
    if (this.text.length > this.#limit) return;
    if (value === null) this.text += 'None';
    else if (typeof value === 'boolean') this.text += value ? 'True' : 'False';
    else if (typeof value === 'bigint') this.text += value.toString();
    else if (typeof value === 'string') this.text += quotePython(value.slice(0, this.#limit));
    else if (value instanceof Timestamp) this.text += value.text;
    else if (value instanceof Decimal) this.text += pythonFloat(value.value);
    else if (isList(value)) this.#list(value);
    else this.#mapping(value);
  }

  #list(items: readonly Value[]): void {
    this.text += '[';
    for (const [index, item] of items.entries()) {
      if (this.text.length > this.#limit) return;
      if (index > 0) this.text += ', ';
      this.value(item);
    }
    this.text += ']';
  }

  #mapping(members: ReadonlyMap<string, Value>): void {
    this.text += '{';
    let first = true;
    for (const [key, member] of members) {
      if (this.text.length > this.#limit) return;
      if (!first) this.text += ', ';
      first = false;
      this.text += `${nonTextKey(key) ?? quotePython(key.slice(0, this.#limit))}: `;
      this.value(member);
    }
    this.text += '}';
  }
}

/** Python's `repr` of a text: single quotes, unless it has some and no double ones. */
function quotePython(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  return `${quote}${text.replace(/[\\'"]|[\p{C}\p{Z}]/gu, (point) => escapePoint(point, quote))}${quote}`;
}

const SHORT_ESCAPES: { readonly [point: string]: string } = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

function escapePoint(point: string, quote: string): string {
  if (point === ' ') return point;
  if (point === "'" || point === '"') return point === quote ? `\\${point}` : point;
  const short = SHORT_ESCAPES[point];
  if (short !== undefined) return short;
  const code = point.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}
