import { BLANK_BREAK_OR_END, BREAKS, END, type Cursor, YamlSyntaxError } from './cursor.ts';
import type { Mark } from './node.ts';

/** A plain scalar, and whether the text goes on in a new line behind it. */
export interface PlainScalar {
  readonly text: string;
  readonly endsLine: boolean;
}

/** Scans a scalar without quotes; `indent` is the least indentation of its further lines. */
export function scanPlain(cursor: Cursor, indent: number, inFlow: boolean): PlainScalar {
  let text = '';
  let spaces = '';
  let endsLine = false;
  for (;;) {
    const length = cursor.peek() === '#' ? 0 : plainLength(cursor, inFlow);
    if (length === 0) break;
    text += spaces + cursor.take(length);
    const gap = scanPlainSpaces(cursor);
    spaces = gap.text;
    endsLine = gap.broken;
    const outdented = !inFlow && cursor.indent < indent;
    if (spaces === '' || cursor.peek() === '#' || outdented) break;
  }
  return { text, endsLine };
}

function plainLength(cursor: Cursor, inFlow: boolean): number {
  const behindColon = inFlow ? `${BLANK_BREAK_OR_END},[]{}` : BLANK_BREAK_OR_END;
  const stops = inFlow ? `${BLANK_BREAK_OR_END},?[]{}` : BLANK_BREAK_OR_END;
  let length = 0;
  for (;;) {
    const point = cursor.peek(length);
    if (stops.includes(point)) return length;
    if (point === ':' && behindColon.includes(cursor.peek(length + 1))) return length;
    length += 1;
  }
}

/** What stands between two words of a plain scalar; empty when the scalar ends here. */
function scanPlainSpaces(cursor: Cursor): { readonly text: string; readonly broken: boolean } {
  let blanks = '';
  while (cursor.peek() === ' ') blanks += cursor.take(1);
  if (!BREAKS.includes(cursor.peek())) return { text: blanks, broken: false };
  const first = cursor.lineBreak();
  if (atMarker(cursor)) return { text: '', broken: true };
  let breaks = '';
  while (` ${BREAKS}`.includes(cursor.peek())) {
    if (cursor.peek() === ' ') cursor.forward();
    else {
      breaks += cursor.lineBreak();
      if (atMarker(cursor)) return { text: '', broken: true };
    }
  }
  return { text: foldBreaks(first, breaks), broken: true };
}

/** One line feed is a space; every further line break is kept, and so is a separator of another kind. */
function foldBreaks(first: string, breaks: string): string {
  if (first !== '\n') return first + breaks;
  return breaks === '' ? ' ' : breaks;
}

function atMarker(cursor: Cursor): boolean {
  return cursor.atDocumentMarker('---') || cursor.atDocumentMarker('...');
}

/** Scans a scalar in single or double quotes; the cursor stands on the opening one. */
export function scanQuoted(cursor: Cursor): string {
  const start = cursor.mark();
  const quote = cursor.take(1);
  const double = quote === '"';
  let text = scanQuotedWords(cursor, double);
  while (cursor.peek() !== quote) text += scanQuotedSpaces(cursor, start) + scanQuotedWords(cursor, double);
  cursor.forward();
  return text;
}

function scanQuotedWords(cursor: Cursor, double: boolean): string {
  let text = '';
  for (;;) {
    text += cursor.take(cursor.lengthUntil(`'"\\${BLANK_BREAK_OR_END}`));
    const more = double ? scanInDouble(cursor) : scanInSingle(cursor);
    if (more === null) return text;
    text += more;
  }
}

/** A single quote or an escape; null at anything else. */
function scanInDouble(cursor: Cursor): string | null {
  if (cursor.peek() === "'") return cursor.take(1);
  return cursor.peek() === '\\' ? scanEscape(cursor) : null;
}

/** A quote that is doubled, or a character without meaning in single quotes; null at anything else. */
function scanInSingle(cursor: Cursor): string | null {
  if (cursor.prefix(2) === "''") return cursor.take(2).slice(1);
  return '"\\'.includes(cursor.peek()) ? cursor.take(1) : null;
}

function scanQuotedSpaces(cursor: Cursor, start: Mark): string {
  let blanks = '';
  while (cursor.peek() === ' ' || cursor.peek() === '\t') blanks += cursor.take(1);
  const point = cursor.peek();
  if (point === END) throw new YamlSyntaxError(start, 'a text in quotes is not ended; expected the closing quote');
  if (!BREAKS.includes(point)) return blanks;
  const first = cursor.lineBreak();
  return foldBreaks(first, scanQuotedBreaks(cursor));
}

function scanQuotedBreaks(cursor: Cursor): string {
  let breaks = '';
  for (;;) {
    if (atMarker(cursor))
      throw cursor.fail('a document starts or ends inside a text in quotes; expected the closing quote');
    while (cursor.peek() === ' ' || cursor.peek() === '\t') cursor.forward();
    if (!BREAKS.includes(cursor.peek())) return breaks;
    breaks += cursor.lineBreak();
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['0', '\0'],
  ['a', '\u0007'],
  ['b', '\b'],
  ['t', '\t'],
  ['\t', '\t'],
  ['n', '\n'],
  ['v', '\v'],
  ['f', '\f'],
  ['r', '\r'],
  ['e', '\u001B'],
  [' ', ' '],
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['N', '\u0085'],
  ['_', '\u00A0'],
  ['L', '\u2028'],
  ['P', '\u2029'],
]);
const CODE_LENGTHS: ReadonlyMap<string, number> = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
]);
const LAST_CODE_POINT = 0x10ffff;

function scanEscape(cursor: Cursor): string {
  cursor.forward();
  const point = cursor.peek();
  const replacement = ESCAPES.get(point);
  if (replacement !== undefined) {
    cursor.forward();
    return replacement;
  }
  const length = CODE_LENGTHS.get(point);
  if (length !== undefined) return scanCode(cursor, length);
  if (!BREAKS.includes(point)) throw cursor.fail(`\\ is followed by ${cursor.shown()}; expected an escape of YAML`);
  cursor.lineBreak();
  return scanQuotedBreaks(cursor);
}

function scanCode(cursor: Cursor, length: number): string {
  cursor.forward();
  const digits = cursor.prefix(length);
  if (!/^[0-9A-Fa-f]+$/u.test(digits) || digits.length < length) {
    throw cursor.fail(`an escape has too few digits; expected ${length} hexadecimal ones`);
  }
  const code = Number.parseInt(digits, 16);
  if (code > LAST_CODE_POINT || (code >= 0xd800 && code <= 0xdfff)) {
    throw cursor.fail(`the escape ${digits} is no character; expected one up to 10FFFF, and no half of a pair`);
  }
  cursor.forward(length);
  return String.fromCodePoint(code);
}
