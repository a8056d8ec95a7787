import type { CategoryLetter, Member } from './regex-char.ts';
import type { Scanner } from './regex-scanner.ts';
import { invalid, unsupported } from './regex-syntax.ts';

const HEX = /^[0-9a-fA-F]$/u;
const OCTAL = /^[0-7]$/u;
const DIGIT = /^[0-9]$/u;
const LAST_CODE_POINT = 0x10ffff;
/** `\400` would be beyond a byte, which Python refuses in octal. */
const MAX_OCTAL = 0o377;

const CONTROLS: { readonly [letter: string]: number } = {
  a: 0x07,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
  '\\': 0x5c,
};
const HEX_LENGTHS: { readonly [letter: string]: number } = { x: 2, u: 4, U: 8 };

export function categoryOf(escape: string): CategoryLetter | null {
  const letter = escape.slice(1);
  return letter === 'd' || letter === 'D' || letter === 's' || letter === 'S' || letter === 'w' || letter === 'W'
    ? letter
    : null;
}

/** An escape inside of a set (Python's `_class_escape`). */
export function setEscape(scanner: Scanner, escape: string): Member {
  const letter = categoryOf(escape);
  if (letter !== null) return { kind: 'category', letter };
  const code = OCTAL.test(escape.slice(1)) ? octalInSet(scanner, escape) : (CONTROLS[escape.slice(1)] ?? null);
  const found = code ?? codeEscape(scanner, escape);
  return { kind: 'range', from: found, to: found };
}

function octalInSet(scanner: Scanner, escape: string): number {
  return octal(escape.slice(1) + scanner.takeWhile(OCTAL, 2));
}

function octal(digits: string): number {
  const code = Number.parseInt(digits, 8);
  if (code > MAX_OCTAL) throw invalid(`the octal escape \\${digits} is beyond \\377`);
  return code;
}

/** An escape outside of a set that stands for one code point; assertions and categories are tried before. */
export function plainEscape(scanner: Scanner, escape: string): number {
  const letter = escape.slice(1);
  if (letter !== 'b' && CONTROLS[letter] !== undefined) return CONTROLS[letter];
  if (letter === '0') return octal(letter + scanner.takeWhile(OCTAL, 2));
  return DIGIT.test(letter) ? octalOrReference(scanner, letter) : codeEscape(scanner, escape);
}

/** Three octal digits are a code; anything else after a backslash is the number of a group. */
function octalOrReference(scanner: Scanner, first: string): number {
  const second = scanner.takeWhile(DIGIT, 1);
  if (OCTAL.test(first) && OCTAL.test(second) && scanner.next !== null && OCTAL.test(scanner.next)) {
    return octal(first + second + (scanner.get() ?? ''));
  }
  throw unsupported(`a backreference (\\${first}${second})`);
}

function codeEscape(scanner: Scanner, escape: string): number {
  const letter = escape.slice(1);
  const length = HEX_LENGTHS[letter];
  if (length !== undefined) return hexEscape(scanner, escape, length);
  if (letter === 'N') throw unsupported('a named character (\\N{...})');
  if (/^[A-Za-z0-9]$/u.test(letter)) throw invalid(`${escape} is not an escape of Python's regular expressions`);
  return letter.codePointAt(0) ?? 0;
}

function hexEscape(scanner: Scanner, escape: string, length: number): number {
  const digits = scanner.takeWhile(HEX, length);
  if (digits.length !== length)
    throw invalid(`${escape}${digits} is incomplete; expected ${length} hexadecimal digits`);
  const code = Number.parseInt(digits, 16);
  if (code > LAST_CODE_POINT) throw invalid(`${escape}${digits} is no code point`);
  return code;
}
