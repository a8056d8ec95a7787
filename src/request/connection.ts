import { failed, passed, type Outcome } from '../model/fault.ts';
import type { Framing, HeaderField } from '../model/request.ts';
import { HOP_BY_HOP, isSignificant, printable, type Fields } from './fields.ts';

/** What of a request concerns this connection only, and what is left when that is gone. */
export interface ConnectionTerms {
  /** End-to-end fields in the order received. */
  readonly headers: readonly HeaderField[];
  readonly upgrade: 'websocket' | null;
  readonly expectsContinue: boolean;
}

/** The head of a request as far as these rules need it. */
export interface ConnectionFacts {
  readonly method: string;
  readonly httpVersion: string;
  readonly framing: Framing;
}

/**
 * Takes off what a proxy must not pass on (RFC 9110 section 7.6.1): hop-by-hop fields, fields that Connection names,
 * credentials meant for this gateway, Host and Expect, which are kept elsewhere. Faults: bad-header,
 * unsupported-upgrade, unsupported-expectation.
 */
export function readConnection(fields: Fields, facts: ConnectionFacts): Outcome<ConnectionTerms> {
  const options = fields.tokens('connection');
  if (options === null) return failed('bad-header', 'expected Connection to be a list of field names');
  const problem = checkOptions(options) ?? checkTrailer(fields);
  if (problem !== null) return problem;
  const upgrade = readUpgrade(fields, options, facts);
  if (!upgrade.ok) return upgrade;
  const expectation = readExpectation(fields, facts);
  if (!expectation.ok) return expectation;
  const dropped = new Set([...options, 'host', 'expect']);
  const headers = fields.list.filter(({ name }) => !dropped.has(name) && !HOP_BY_HOP.has(name));
  return passed({ headers, upgrade: upgrade.value, expectsContinue: expectation.value });
}

/** Naming a field in Connection makes proxies drop it: it must not be one that decides anything (CWE-444). */
function checkOptions(options: readonly string[]): Outcome<never> | null {
  for (const option of options) {
    const folded = option.replaceAll(/[^a-z0-9]/gu, '-');
    if (HOP_BY_HOP.has(option) && option !== 'transfer-encoding' && option !== 'proxy-authorization') continue;
    if (isSignificant(folded) || isEndToEnd(folded)) {
      return failed('bad-header', `expected Connection not to name the end-to-end field ${printable(option)}`);
    }
  }
  return null;
}

/** Families of fields that are always meant for the server that answers. */
function isEndToEnd(name: string): boolean {
  return /^(?:accept|cache-control$|content-|forwarded$|if-|sec-|via$|x-forwarded-|x-real-ip$)/u.test(name);
}

/** Trailer fields must not be ones that decide what the request is (RFC 9110 section 6.5.1). */
function checkTrailer(fields: Fields): Outcome<never> | null {
  const names = fields.tokens('trailer');
  if (names === null) return failed('bad-header', 'expected Trailer to be a list of field names');
  const wrong = names.find((name) => isSignificant(name.replaceAll(/[^a-z0-9]/gu, '-')));
  return wrong === undefined ? null : failed('bad-header', `expected Trailer not to name ${printable(wrong)}`);
}

function readUpgrade(fields: Fields, options: readonly string[], facts: ConnectionFacts): Outcome<'websocket' | null> {
  if (fields.get('http2-settings') !== null) return badUpgrade('expected no HTTP2-Settings: h2c is not governed');
  const protocol = fields.get('upgrade');
  if (protocol === null) return passed(null);
  if (protocol.toLowerCase() !== 'websocket') return badUpgrade('expected Upgrade to be websocket, alone');
  if (!options.includes('upgrade')) return badUpgrade('expected Connection to name upgrade');
  const problem = handshakeProblem(fields, facts);
  return problem === null ? passed('websocket') : badUpgrade(problem);
}

/** What is wrong with the opening handshake of a WebSocket (RFC 6455 section 4.1); null when nothing is. */
function handshakeProblem(fields: Fields, { method, httpVersion, framing }: ConnectionFacts): string | null {
  if (method !== 'GET' || httpVersion !== '1.1') return 'expected GET over HTTP/1.1';
  if (framing.kind !== 'none') return 'expected no body, not even an empty one, with an upgrade';
  if (!/^[A-Za-z0-9+/]{22}==$/u.test(fields.get('sec-websocket-key') ?? '')) {
    return 'expected Sec-WebSocket-Key to be 16 octets in base64';
  }
  return fields.get('sec-websocket-version') === '13' ? null : 'expected Sec-WebSocket-Version to be 13';
}

function badUpgrade(detail: string): Outcome<never> {
  return failed('unsupported-upgrade', detail);
}

/** RFC 9110 section 10.1.1: the one expectation there is, to be ignored in HTTP/1.0 and where there is no body. */
function readExpectation(fields: Fields, facts: ConnectionFacts): Outcome<boolean> {
  const expectation = fields.get('expect');
  if (expectation === null) return passed(false);
  if (expectation.toLowerCase() !== '100-continue') {
    return failed('unsupported-expectation', 'expected Expect to be 100-continue or absent');
  }
  return passed(facts.httpVersion !== '1.0' && facts.framing.kind !== 'none');
}
