import { failed, passed, type Outcome } from '../model/fault.ts';
import { isHopByHop, isTrailerField, nominatedFields } from './hop-by-hop.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/u;
// Field values as RFC 9110 section 5.5 has them: visible characters, space, tab and the upper half of Latin-1.
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/u;
const REASON_PHRASE = /^[\t\x20-\x7e]*$/u;

/** The head of an answer as a parser gave it. Names and values alternate. */
export interface ReceivedHead {
  readonly status: number;
  readonly reason: string;
  readonly rawHeaders: readonly string[];
}

/** The head of an answer as it is sent on. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly string[];
}

/** Whether an answer with this status to this method has a body (RFC 9110 section 6.4.1). */
export function hasBody(method: string, status: number): boolean {
  return method !== 'HEAD' && status >= 200 && status !== 204 && status !== 304;
}

/**
 * What of an upstream's head may be passed on: no field that belongs to the connection, and none that Connection
 * nominates. Refuses what Node's parsers let through and a client may read differently. Fault: upstream-protocol.
 */
export function responseHead(received: ReceivedHead): Outcome<ResponseHead> {
  const { status, rawHeaders } = received;
  if (!Number.isInteger(status) || status < 100 || status > 599) {
    return failed('upstream-protocol', `expected a status from 100 to 599, found ${status}`);
  }
  const fault = fieldFault(rawHeaders);
  if (fault !== null) return failed('upstream-protocol', fault);
  return passed({
    status,
    reason: REASON_PHRASE.test(received.reason) ? received.reason : '',
    headers: endToEnd(received),
  });
}

function endToEnd({ status, rawHeaders }: ReceivedHead): readonly string[] {
  const connection = [...valuesOf(rawHeaders, 'connection'), ...valuesOf(rawHeaders, 'proxy-connection')];
  const dropped = new Set(connection.flatMap(nominatedFields));
  // RFC 9110 section 8.6: no Content-Length with 204.
  if (status === 204) dropped.add('content-length');
  const headers: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const lower = name.toLowerCase();
    if (!isHopByHop(lower) && !dropped.has(lower)) headers.push(name, rawHeaders[index + 1] ?? '');
  }
  return headers;
}

/** What of a trailer section may be passed on; names and values alternate. Fault: upstream-protocol. */
export function responseTrailers(rawTrailers: readonly string[]): Outcome<readonly string[]> {
  const fault = fieldFault(rawTrailers);
  if (fault !== null) return failed('upstream-protocol', fault);
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawTrailers.length; index += 2) {
    const name = rawTrailers[index] ?? '';
    if (isTrailerField(name.toLowerCase())) kept.push(name, rawTrailers[index + 1] ?? '');
  }
  return passed(kept);
}

/** The values of a field (lower case), in order. */
export function valuesOf(rawHeaders: readonly string[], wanted: string): string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === wanted.length && name.toLowerCase() === wanted) values.push(rawHeaders[index + 1] ?? '');
  }
  return values;
}

function fieldFault(rawHeaders: readonly string[]): string | null {
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!TOKEN.test(name)) return `expected a token as a field name, found ${JSON.stringify(name.slice(0, 64))}`;
    if (!FIELD_VALUE.test(rawHeaders[index + 1] ?? '')) return `the field ${name} holds a control character`;
  }
  return transferCodingFault(rawHeaders);
}

/** A transfer coding other than chunked would be passed on undecoded but undeclared, since the field is not. */
function transferCodingFault(rawHeaders: readonly string[]): string | null {
  const codings = valuesOf(rawHeaders, 'transfer-encoding');
  if (codings.length === 0) return null;
  if (codings.length === 1 && codings[0]?.trim().toLowerCase() === 'chunked') return null;
  return `expected the transfer coding chunked, found ${JSON.stringify(codings.join(', ').slice(0, 64))}`;
}
