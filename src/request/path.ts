import { failed, passed, type Outcome } from '../model/fault.ts';
import { foldsOntoMethod, NameLedger } from './names.ts';
import { decodeFormText, decodePercent } from './percent.ts';

/**
 * How often a path may be percent-encoded on top of itself. Two is what double-decoding servers undo (CWE-174); more
 * has no honest use, and each level costs a pass.
 */
const MAX_ENCODED_LEVELS = 4;

/** Characters of a path (RFC 3986 section 3.3) but for `;`, which some servers cut a segment at. */
const PATH = /^(?:\/|[A-Za-z0-9\-._~!$&'()*+,=:@]|%)*$/u;
const CONTROL = /[^\P{Cc}\u{80}-\u{9f}]/u;
const NOT_ASCII = /\P{ASCII}/u;
/** A segment that climbs or stays, also where a server cuts parameters or trailing spaces off (`..;x`, `.. `). */
const DOT_SEGMENT = /^\.{1,2}\s*(?:;.*)?$/su;

/**
 * Brings a path into its one spelling (RFC 3986 section 6.2.2): unreserved characters are written plainly, other
 * escapes in upper case. Nothing is resolved or merged: dot segments, plain or encoded at any level, empty segments,
 * encoded slashes, backslashes and control characters are refused, since servers differ in what they make of them.
 * Faults: control-characters, malformed-request, bad-percent-encoding, dot-segments.
 */
export function canonicalPath(raw: string): Outcome<string> {
  const legible = checkCharacters(raw, 'path');
  if (legible !== null) return legible;
  if (!raw.startsWith('/')) return failed('malformed-request', 'expected a path that starts with /');
  if (raw.includes('\\')) return failed('malformed-request', 'expected no backslash in the path');
  if (raw.includes(';')) {
    return failed('malformed-request', 'expected no ; in the path, where servers cut parameters off; write it as %3B');
  }
  if (!PATH.test(raw)) {
    return failed('malformed-request', 'expected only characters that RFC 3986 section 3.3 allows in a path');
  }
  return checkSegments(raw);
}

function checkSegments(raw: string): Outcome<string> {
  const decoded = decodePercent(raw);
  if (!decoded.ok) return failed('bad-percent-encoding', `${decoded.problem} in the path`);
  const path = raw.replaceAll(/%[0-9a-fA-F]{2}/gu, evenEscape);
  if (path.includes('//')) {
    return failed('malformed-request', 'expected no empty segment (//) in the path: some servers merge them');
  }
  if (/%(?:2F|5C)/u.test(path)) {
    return failed('bad-percent-encoding', 'expected no encoded slash or backslash in the path: some servers decode it');
  }
  return checkLevels(path);
}

/** Decodes again and again, as chained servers do, and looks at what comes out. */
function checkLevels(path: string): Outcome<string> {
  let text = path;
  for (let level = 0; level <= MAX_ENCODED_LEVELS; level += 1) {
    if (CONTROL.test(text))
      return failed('control-characters', 'expected no control characters in the path, encoded or not');
    if (text.split(/[/\\]/u).some((segment) => DOT_SEGMENT.test(segment))) {
      return failed('dot-segments', 'expected no . or .. segment in the path, plain or encoded');
    }
    const next = text.replaceAll(/%[0-7][0-9a-fA-F]/gu, (escape) => characterOf(escape));
    if (next === text) return passed(path);
    text = next;
  }
  return failed('bad-percent-encoding', `expected a path that is encoded at most ${MAX_ENCODED_LEVELS} times over`);
}

function evenEscape(escape: string): string {
  const character = characterOf(escape);
  return /^[A-Za-z0-9\-._~]$/u.test(character) ? character : escape.toUpperCase();
}

function characterOf(escape: string): string {
  return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
}

/**
 * Checks a query, which is kept as sent: escapes must be well-formed UTF-8, names must not be ones that servers read
 * in two ways, `;` must be encoded (some servers split fields at it: CVE-2021-23336), and no name may be a second
 * spelling of `_method`. Faults: control-characters, malformed-request, bad-percent-encoding, unsupported-method.
 */
export function checkQuery(query: string): Outcome<string> {
  const legible = checkCharacters(query, 'query');
  if (legible !== null) return legible;
  if (query.includes(';')) {
    return failed('malformed-request', 'expected no ; in the query, where some servers split fields; write it as %3B');
  }
  const ledger = new NameLedger();
  for (const pair of query.split('&')) {
    const problem = checkPair(pair, ledger);
    if (problem !== null) return problem;
  }
  return passed(query);
}

function checkPair(pair: string, ledger: NameLedger): Outcome<never> | null {
  const equals = pair.indexOf('=');
  const name = decodeFormText(equals === -1 ? pair : pair.slice(0, equals));
  const value = decodeFormText(equals === -1 ? '' : pair.slice(equals + 1));
  if (!name.ok) return failed('bad-percent-encoding', `${name.problem} in the query`);
  if (!value.ok) return failed('bad-percent-encoding', `${value.problem} in the query`);
  if (`${name.text}${value.text}`.includes('\0')) return failed('control-characters', 'expected no NUL in the query');
  if (foldsOntoMethod(name.text)) {
    return failed('unsupported-method', 'expected no field that servers fold onto _method; send the method itself');
  }
  const mistake = pair === '' ? null : ledger.add(name.text, 'field');
  return mistake === null ? null : failed('malformed-request', `${mistake} in the query`);
}

function checkCharacters(text: string, part: string): Outcome<never> | null {
  if (CONTROL.test(text) || text.includes(' ')) {
    return failed('control-characters', `expected no control characters and no spaces in the ${part}`);
  }
  return NOT_ASCII.test(text)
    ? failed('malformed-request', `expected ASCII in the ${part}; percent-encode the rest`)
    : null;
}
