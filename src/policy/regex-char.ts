import type { Flags, Matcher } from './regex-syntax.ts';
import { EXTRA_CASES } from './regex-case.ts';

/** A member of a set: a range of code points (one, for a literal) or a category. */
export type Member =
  | { readonly kind: 'range'; readonly from: number; readonly to: number }
  | { readonly kind: 'category'; readonly letter: CategoryLetter };
export type CategoryLetter = 'd' | 'D' | 's' | 'S' | 'w' | 'W';

const WORD = /^[\p{L}\p{N}_]$/u;
const DIGIT = /^\p{Nd}$/u;
/** Python's `str.isspace`: white space and the four separators of ASCII. */
const SPACE = /^[\s\u0085]$/u;
/** ASCII's file, group, record and unit separators. */
const FIRST_SEPARATOR = 0x1c;
const LAST_SEPARATOR = 0x1f;
/** White space to JavaScript and not to Python. */
const BYTE_ORDER_MARK = 0xfeff;
const LAST_ASCII = 0x7f;
const LAST_BASIC_PLANE = 0xffff;

/** Python's `\w`: every letter and number of Unicode, and the underscore. */
export function isWord(code: number): boolean {
  return code <= LAST_ASCII ? isAsciiWord(code) : WORD.test(String.fromCodePoint(code));
}

/** `\w` under `(?a)`. */
export function isAsciiWord(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) || code === 0x5f
  );
}

function isDigit(code: number, ascii: boolean): boolean {
  if (code <= LAST_ASCII) return code >= 0x30 && code <= 0x39;
  return !ascii && DIGIT.test(String.fromCodePoint(code));
}

function isSpace(code: number, ascii: boolean): boolean {
  if (ascii) return (code >= 0x09 && code <= 0x0d) || code === 0x20;
  if (code >= FIRST_SEPARATOR && code <= LAST_SEPARATOR) return true;
  return code !== BYTE_ORDER_MARK && SPACE.test(String.fromCodePoint(code));
}

function inCategory(letter: CategoryLetter, code: number, ascii: boolean): boolean {
  switch (letter) {
    case 'd':
    case 'D':
      return isDigit(code, ascii) === (letter === 'd');
    case 's':
    case 'S':
      return isSpace(code, ascii) === (letter === 's');
    case 'w':
    case 'W':
      return (ascii ? isAsciiWord(code) : isWord(code)) === (letter === 'w');
    default:
      return letter satisfies never;
  }
}

/** Python's lower case of one code point: the first of the full mapping. */
function lowerUnicode(code: number): number {
  if (code <= LAST_ASCII) return lowerAscii(code);
  return String.fromCodePoint(code).toLowerCase().codePointAt(0) ?? code;
}

function upperUnicode(code: number): number {
  return String.fromCodePoint(code).toUpperCase().codePointAt(0) ?? code;
}

function lowerAscii(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}

function isCased(code: number, ascii: boolean): boolean {
  if (ascii) return lowerAscii(code) !== code || (code >= 0x61 && code <= 0x7a);
  return lowerUnicode(code) !== code || upperUnicode(code) !== code;
}

/** `.`: everything but a line feed, or everything under `(?s)`. */
export function anyMatcher(flags: Flags): Matcher {
  if (flags.dotAll) return { id: 'any', matches: () => true };
  return { id: 'any-but-newline', matches: (code) => code !== 0x0a };
}

/** One code point written as itself. */
export function literalMatcher(code: number, negated: boolean, flags: Flags): Matcher {
  if (!flags.ignoreCase || !isCased(code, flags.ascii)) {
    return { id: `${negated ? '!' : '='}${code}`, matches: (found) => (found === code) !== negated };
  }
  if (flags.ascii) {
    const lower = lowerAscii(code);
    return { id: `${negated ? '!' : '='}a${lower}`, matches: (found) => (lowerAscii(found) === lower) !== negated };
  }
  const lower = lowerUnicode(code);
  const others = EXTRA_CASES.get(lower) ?? [];
  return {
    id: `${negated ? '!' : '='}u${lower}`,
    matches: (found) => {
      const asked = lowerUnicode(found);
      return (asked === lower || others.includes(asked)) !== negated;
    },
  };
}

/** `[...]`, or a category alone. */
export function setMatcher(members: readonly Member[], negated: boolean, flags: Flags): Matcher {
  const folded = flags.ignoreCase && members.some((member) => holdsCased(member, flags.ascii));
  const has = folded ? foldedTest(members, flags.ascii) : plainTest(members, flags.ascii);
  const mode = `${negated ? '^' : ''}${folded ? 'i' : ''}${flags.ascii ? 'a' : ''}`;
  const id = `[${mode}:${members.map(memberId).join(',')}]`;
  return { id, matches: (code) => has(code) !== negated };
}

function memberId(member: Member): string {
  return member.kind === 'category' ? member.letter : `${member.from}-${member.to}`;
}

function holdsCased(member: Member, ascii: boolean): boolean {
  if (member.kind === 'category') return false;
  if (ascii) return member.from <= 0x7a && member.to >= 0x41;
  if (member.to > LAST_BASIC_PLANE) return true;
  for (let code = member.from; code <= member.to; code += 1) if (isCased(code, false)) return true;
  return false;
}

function plainTest(members: readonly Member[], ascii: boolean): (code: number) => boolean {
  return (code) =>
    members.some((member) =>
      member.kind === 'category' ? inCategory(member.letter, code, ascii) : code >= member.from && code <= member.to,
    );
}

/**
 * Under `(?i)` Python lower-cases the set and what it is compared with. Members above the basic plane stay as they are
 * written, and ranges there are also tried with the upper case.
 */
function foldedTest(members: readonly Member[], ascii: boolean): (code: number) => boolean {
  const lower = ascii ? lowerAscii : lowerUnicode;
  const single = new Set<number>();
  for (const member of members) if (member.kind === 'range') addFolded(single, member, ascii);
  const high = members.filter((member) => member.kind === 'range' && member.to > LAST_BASIC_PLANE);
  const categories = members.filter((member) => member.kind === 'category');
  return (code) => {
    const asked = lower(code);
    if (single.has(asked)) return true;
    if (plainTest(categories, ascii)(asked)) return true;
    return (
      plainTest(high, ascii)(asked) || (high.some(isWide) && plainTest(high.filter(isWide), ascii)(upperUnicode(asked)))
    );
  };
}

function isWide(member: Member): boolean {
  return member.kind === 'range' && member.to > member.from;
}

function addFolded(single: Set<number>, range: { readonly from: number; readonly to: number }, ascii: boolean): void {
  for (let code = range.from; code <= Math.min(range.to, LAST_BASIC_PLANE); code += 1) {
    const folded = ascii ? lowerAscii(code) : lowerUnicode(code);
    single.add(folded);
    if (!ascii) for (const other of EXTRA_CASES.get(folded) ?? []) single.add(other);
  }
}
