import type { IncomingMessage } from 'node:http';
import { failed, passed, type Outcome } from '../model/fault.ts';
import type { Entry, RawHead } from '../model/request.ts';
import type { Origin } from './origin.ts';

const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\//iu;
const ROUTE_PREFIX = '/routes/';
const CONTENT_LENGTH = /^(?:0|[1-9]\d{0,15})$/u;

/** Which way a request came in, by the form of its target (RFC 9112 section 3.2). */
export function entryOf(method: string, target: string): Entry | 'unknown' {
  if (method === 'CONNECT') return 'connect';
  if (ABSOLUTE_FORM.test(target)) return 'forward-proxy';
  return target.startsWith(ROUTE_PREFIX) ? 'route' : 'unknown';
}

/** The head of a request as Node's parser gave it, on a connection of this origin. */
export function rawHeadOf(request: IncomingMessage, remoteAddress: string, origin: Origin): RawHead {
  const method = request.method ?? '';
  const target = request.url ?? '';
  return {
    entry: origin.entry === 'direct' ? entryOf(method, target) : origin.entry,
    method,
    target,
    rawHeaders: request.rawHeaders,
    httpVersion: request.httpVersion,
    secure: origin.secure,
    serverName: origin.serverName,
    tunnelAuthority: origin.tunnelAuthority,
    remoteAddress,
  };
}

/** The values of one field, in the order received. */
export function fieldValues(rawHeaders: readonly string[], name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const found = rawHeaders[index] ?? '';
    // Most names differ in length, and this runs several times for every request.
    if (found.length === name.length && found.toLowerCase() === name) values.push(rawHeaders[index + 1] ?? '');
  }
  return values;
}

/**
 * Refuses what Node's parser lets pass although RFC 9112 does not, or although another parser would read it otherwise;
 * docs/adr/0008-data-port.md has the list. What it checks decides where a message ends, so its connection is closed.
 */
export function checkHead(head: RawHead, headerCount: number): Outcome<RawHead> {
  if (head.httpVersion !== '1.1' && head.httpVersion !== '1.0') {
    return failed('malformed-request', `expected HTTP/1.1 or HTTP/1.0, found version ${head.httpVersion}`);
  }
  const count = head.rawHeaders.length / 2;
  if (count > headerCount) {
    return failed('headers-too-large', `expected at most ${headerCount} header fields, found ${count}`);
  }
  const framing = framingProblem(head);
  return framing === null ? passed(head) : failed('conflicting-framing', framing);
}

function framingProblem({ rawHeaders, httpVersion }: RawHead): string | null {
  const codings = fieldValues(rawHeaders, 'transfer-encoding');
  const lengths = fieldValues(rawHeaders, 'content-length');
  if (codings.length === 0) return lengthProblem(lengths);
  if (httpVersion !== '1.1') return 'Transfer-Encoding needs HTTP/1.1 (RFC 9112 section 6.1)';
  if (lengths.length > 0) return 'found both Transfer-Encoding and Content-Length (RFC 9112 section 6.1)';
  if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked') {
    return 'expected Transfer-Encoding: chunked and nothing else (RFC 9112 section 6.1)';
  }
  return null;
}

function lengthProblem([length, ...others]: readonly string[]): string | null {
  if (length === undefined) return null;
  if (others.length > 0) return 'expected one Content-Length (RFC 9112 section 6.3)';
  if (CONTENT_LENGTH.test(length) && Number.isSafeInteger(Number(length))) return null;
  return 'expected Content-Length as a plain decimal number below 2^53 without leading zeros';
}

/** Whether a body follows the head. */
export function hasBody({ rawHeaders }: Pick<RawHead, 'rawHeaders'>): boolean {
  return declaredLength(rawHeaders) !== 0;
}

/** The length that Content-Length declares, 0 when there is no body, null when it is chunked and so not known. */
export function declaredLength(rawHeaders: readonly string[]): number | null {
  if (fieldValues(rawHeaders, 'transfer-encoding').length > 0) return null;
  return Number(fieldValues(rawHeaders, 'content-length')[0] ?? 0);
}

/**
 * Whether a request is handed over as an upgrade: a WebSocket handshake over HTTP/1.1 (RFC 6455 section 4.1) that has
 * no body. Any other request with an Upgrade field is an ordinary one, and judged as that.
 */
export function isWebSocketHandshake(request: IncomingMessage): boolean {
  const upgrades = fieldValues(request.rawHeaders, 'upgrade');
  return (
    request.method === 'GET' &&
    request.httpVersion === '1.1' &&
    upgrades.length === 1 &&
    upgrades[0]?.toLowerCase() === 'websocket' &&
    fieldValues(request.rawHeaders, 'content-length').length === 0 &&
    fieldValues(request.rawHeaders, 'transfer-encoding').length === 0
  );
}
