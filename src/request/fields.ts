import { failed, passed, type Outcome } from '../model/fault.ts';
import type { HeaderField } from '../model/request.ts';

/** How large a header section may be. */
export interface FieldLimits {
  readonly maxHeaderCount: number;
  /** Names and values together, in bytes. */
  readonly maxHeaderBytes: number;
}

/** A field name (RFC 9110 section 5.1). */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/u;
/** What a field value may hold (RFC 9110 section 5.5): visible characters, obs-text, and white space inside. */
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/u;

/** Fields that only concern one connection (RFC 9110 section 7.6.1), and credentials meant for this gateway. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Fields that make a server take the request for one with another method. */
export const METHOD_OVERRIDES: ReadonlySet<string> = new Set([
  'x-forwarded-method',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-method',
]);

/** Fields that make a server take the request for one with another URL (IIS, Symfony, Zend, ingress controllers). */
export const URL_OVERRIDES: ReadonlySet<string> = new Set([
  'x-forwarded-path',
  'x-forwarded-uri',
  'x-original-uri',
  'x-original-url',
  'x-rewrite-url',
]);

/** Fields that make a server take the request for one to another host. */
export const HOST_OVERRIDES: ReadonlySet<string> = new Set([
  'x-forwarded-host',
  'x-forwarded-server',
  'x-host',
  'x-http-host-override',
  'x-original-host',
]);

/** Fields that may come once: where there are two, servers differ in which one counts. */
const SINGLETONS: ReadonlySet<string> = new Set([
  'authorization',
  'content-disposition',
  'content-encoding',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'from',
  'host',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'max-forwards',
  'origin',
  'proxy-authorization',
  'range',
  'referer',
  'sec-websocket-key',
  'sec-websocket-version',
  'transfer-encoding',
  'user-agent',
  'x-api-key',
  'x-auth-token',
  'x-csrf-token',
]);

/** True for fields that decide what a request is or where it goes. */
export function isSignificant(name: string): boolean {
  return [SINGLETONS, HOP_BY_HOP, METHOD_OVERRIDES, URL_OVERRIDES, HOST_OVERRIDES].some((set) => set.has(name));
}

/** The header section, checked field by field. */
export class Fields {
  readonly list: readonly HeaderField[];

  constructor(list: readonly HeaderField[]) {
    this.list = list;
  }

  /** The value of a field; where it repeats, its values joined by commas (RFC 9110 section 5.3). */
  get(name: string): string | null {
    let joined: string | null = null;
    for (const field of this.list) {
      if (field.name === name) joined = joined === null ? field.value : `${joined}, ${field.value}`;
    }
    return joined;
  }

  /** The members of a comma-separated field in lower case; null when an empty one is among them. */
  tokens(name: string): readonly string[] | null {
    const value = this.get(name);
    if (value === null) return [];
    const tokens = value.split(',').map((token) => trimSpace(token).toLowerCase());
    return tokens.every((token) => TOKEN.test(token)) ? tokens : null;
  }
}

/**
 * Reads names and values alternating into fields. Refused are invalid names and values, repeated singletons, and names
 * that a CGI-like server folds into another one (`Content_Length`). Faults: malformed-request, headers-too-large,
 * bad-header, control-characters, conflicting-host, conflicting-framing.
 */
export function readFields(raw: readonly string[], limits: FieldLimits): Outcome<Fields> {
  if (raw.length % 2 !== 0) return failed('malformed-request', 'expected a value for every header name');
  if (raw.length / 2 > limits.maxHeaderCount) {
    return failed(
      'headers-too-large',
      `expected at most ${limits.maxHeaderCount} header fields, found ${raw.length / 2}`,
    );
  }
  const bytes = raw.reduce((total, part) => total + part.length, 0);
  if (bytes > limits.maxHeaderBytes) {
    return failed(
      'headers-too-large',
      `expected at most ${limits.maxHeaderBytes} bytes of header fields, found ${bytes}`,
    );
  }
  const list: HeaderField[] = [];
  const spellings = new Map<string, string>();
  for (let index = 0; index < raw.length; index += 2) {
    const field = readField(raw[index] ?? '', raw[index + 1] ?? '');
    if (!field.ok) return field;
    const problem = checkSpelling(field.value.name, spellings);
    if (problem !== null) return problem;
    list.push(field.value);
  }
  return passed(new Fields(list));
}

function readField(rawName: string, rawValue: string): Outcome<HeaderField> {
  if (!TOKEN.test(rawName)) return failed('bad-header', 'expected header names that are tokens (RFC 9110 section 5.1)');
  const name = rawName.toLowerCase();
  if (!VALUE.test(rawValue)) {
    return failed('control-characters', `expected no control characters in the value of ${printable(name)}`);
  }
  return passed({ name, value: trimSpace(rawValue) });
}

function checkSpelling(name: string, spellings: Map<string, string>): Outcome<never> | null {
  const folded = /^[a-z0-9-]*$/u.test(name) ? name : name.replaceAll(/[^a-z0-9]/gu, '-');
  const known = spellings.get(folded);
  spellings.set(folded, name);
  if (known === undefined) {
    if (name === folded || !isSignificant(folded)) return null;
    return failed('bad-header', `expected ${folded}, found a name that some servers take for it`);
  }
  if (known !== name) return failed('bad-header', `expected one spelling of ${printable(folded)}, found two`);
  if (!SINGLETONS.has(name)) return null;
  const detail = `expected ${name} once, found it repeated`;
  if (name === 'host') return failed('conflicting-host', detail);
  return failed(
    name === 'content-length' || name === 'transfer-encoding' ? 'conflicting-framing' : 'bad-header',
    detail,
  );
}

/** Cuts optional white space (RFC 9110 section 5.6.3) off both ends, in time in proportion to the text. */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** A header name as an error message may hold it: a name is a token, so only its length needs a bound. */
export function printable(name: string): string {
  return name.length <= 64 ? name : `${name.slice(0, 64)}...`;
}
