const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const DOT = 0x2e;
export const LOWER_E = 0x65;
export const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
export const BACKSLASH = 0x5c;

/** White space of JSON (RFC 8259 section 2). */
export function isSpace(code: number): boolean {
  return code === SPACE || code === LF || code === CR || code === TAB;
}

export function isDigit(code: number): boolean {
  return code >= DIGIT_0 && code <= DIGIT_9;
}

/** Where digits end that start at a place; no more than `most` of them are passed. */
export function endOfDigits(text: string, start: number, most: number): number {
  const stop = Math.min(text.length, start + most);
  let at = start;
  while (at < stop && isDigit(text.charCodeAt(at))) at += 1;
  return at;
}

/** The number that digits say. */
export function wholeBetween(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) value = value * 10 + text.charCodeAt(at) - DIGIT_0;
  return value;
}

/** Whether a number goes on behind its whole digits. */
export function goesOn(text: string, at: number): boolean {
  const code = at < text.length ? text.charCodeAt(at) : 0;
  return code === DOT || (code | 0x20) === LOWER_E;
}

/** How much of a text is looked at here, before the platform's search takes over: it is faster, and slow to start. */
const MAX_LOOKED_AT = 48;
/** What ends the plain part of a text: its end, an escape, a control character, a surrogate. */
const NOT_PLAIN = /[^ !#-[\]-\ud7ff\ue000-\uffff]/g;

/** The next place from `start` on where a text is not plain; its length where it is plain to the end. */
export function endOfPlain(text: string, start: number): number {
  const stop = Math.min(text.length, start + MAX_LOOKED_AT);
  for (let at = start; at < stop; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE || code === BACKSLASH || code < SPACE || isSurrogate(code)) return at;
  }
  NOT_PLAIN.lastIndex = stop;
  return NOT_PLAIN.test(text) ? NOT_PLAIN.lastIndex - 1 : text.length;
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}

/** The platform's own reader knows JSON's escapes (RFC 8259 section 7) exactly, and is fast. */
export function unescapeJson(raw: string): string | null {
  try {
    const value: unknown = JSON.parse(`"${raw}"`);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
