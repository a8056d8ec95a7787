import { BLANK_BREAK_OR_END, BREAK_OR_END, SPACE_BREAK_OR_END, type Cursor } from './cursor.ts';
import type { Directive, Token } from './token.ts';

const WORD = /^[0-9A-Za-z_-]$/u;
const URI = /^[0-9A-Za-z\-;/?:@&=+$,_.!~*'()[\]%]$/u;

function wordLength(cursor: Cursor, from: number = 0): number {
  let length = from;
  while (WORD.test(cursor.peek(length))) length += 1;
  return length;
}

/** `&name` or `*name`. */
export function scanAnchor(cursor: Cursor): Token {
  const mark = cursor.mark();
  const kind = cursor.take(1) === '*' ? 'alias' : 'anchor';
  const name = cursor.take(wordLength(cursor));
  if (name === '' || !`${BLANK_BREAK_OR_END}?:,]}%@\``.includes(cursor.peek())) {
    throw cursor.fail(`found ${cursor.shown()} in the name of an ${kind}; expected letters, digits, - and _`);
  }
  return { kind, mark, name };
}

/** `!local`, `!!core`, `!handle!suffix` or `!<uri>`. */
export function scanTag(cursor: Cursor): Token {
  const mark = cursor.mark();
  const { handle, suffix } = scanTagName(cursor);
  if (!SPACE_BREAK_OR_END.includes(cursor.peek())) {
    throw cursor.fail(`found ${cursor.shown()} behind a tag; expected a space`);
  }
  return { kind: 'tag', mark, handle, suffix };
}

function scanTagName(cursor: Cursor): { readonly handle: string | null; readonly suffix: string } {
  const next = cursor.peek(1);
  if (next === '<') {
    cursor.forward(2);
    const suffix = scanUri(cursor);
    if (cursor.peek() !== '>') throw cursor.fail(`found ${cursor.shown()} in a tag; expected >`);
    cursor.forward();
    return { handle: null, suffix };
  }
  if (BLANK_BREAK_OR_END.includes(next)) {
    cursor.forward();
    return { handle: null, suffix: '!' };
  }
  let length = 1;
  while (!`!${SPACE_BREAK_OR_END}`.includes(cursor.peek(length))) length += 1;
  const handle = cursor.peek(length) === '!' ? scanHandle(cursor) : cursor.take(1);
  return { handle, suffix: scanUri(cursor) };
}

function scanHandle(cursor: Cursor): string {
  if (cursor.peek() !== '!') throw cursor.fail(`found ${cursor.shown()}; expected a tag handle beginning with !`);
  if (cursor.peek(1) === ' ') return cursor.take(1);
  const length = wordLength(cursor, 1);
  if (cursor.peek(length) !== '!') throw cursor.fail(`found ${cursor.shown(length)} in a tag handle; expected !`);
  return cursor.take(length + 1);
}

function scanUri(cursor: Cursor): string {
  let length = 0;
  while (URI.test(cursor.peek(length))) length += 1;
  if (length === 0) throw cursor.fail(`found ${cursor.shown()} in a tag; expected its name`);
  const written = cursor.prefix(length);
  try {
    const uri = decodeURIComponent(written);
    cursor.forward(length);
    return uri;
  } catch {
    throw cursor.fail('a tag has an escape with % that is no UTF-8');
  }
}

/** `%YAML 1.1`, `%TAG handle prefix`; others are passed over. */
export function scanDirective(cursor: Cursor): Token {
  const mark = cursor.mark();
  cursor.forward();
  const name = cursor.take(wordLength(cursor));
  if (name === '' || !SPACE_BREAK_OR_END.includes(cursor.peek())) {
    throw cursor.fail(`found ${cursor.shown()} in the name of a directive; expected letters, digits, - and _`);
  }
  const directive = directiveOf(cursor, name);
  cursor.skipSpaces();
  cursor.skipComment();
  if (!BREAK_OR_END.includes(cursor.peek())) {
    throw cursor.fail(`found ${cursor.shown()} behind a directive; expected the end of the line`);
  }
  cursor.lineBreak();
  return { kind: 'directive', mark, directive };
}

function directiveOf(cursor: Cursor, name: string): Directive {
  cursor.skipSpaces();
  if (name === 'YAML') return { name, major: scanVersion(cursor) };
  if (name === 'TAG') {
    const handle = scanHandle(cursor);
    if (cursor.peek() !== ' ') throw cursor.fail(`found ${cursor.shown()} behind a tag handle; expected a space`);
    cursor.skipSpaces();
    return { name, handle, prefix: scanUri(cursor) };
  }
  cursor.forward(cursor.lengthUntil(BREAK_OR_END));
  return { name: 'other' };
}

function scanVersion(cursor: Cursor): number {
  const version = /^(\d+)\.\d+/u.exec(cursor.prefix(cursor.lengthUntil(SPACE_BREAK_OR_END)));
  if (version === null) throw cursor.fail(`found ${cursor.shown()}; expected a version such as 1.1`);
  cursor.forward(version[0].length);
  if (!SPACE_BREAK_OR_END.includes(cursor.peek()))
    throw cursor.fail(`found ${cursor.shown()} in a version; expected a digit`);
  return Number(version[1]);
}
