import type { Host } from '../model/brand.ts';
import { failed, passed, type Outcome } from '../model/fault.ts';

/** A host and a port, both in their one spelling. */
export interface Authority {
  readonly host: Host;
  readonly port: number;
}

/** RFC 1035 section 2.3.4: 255 octets on the wire are 253 characters of text. */
const MAX_NAME_CHARACTERS = 253;
const MAX_PORT = 65_535;

/** Letters, digits, hyphens inside; the underscore is no host name character, but names in clusters have it. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/u;
/** Four decimal numbers from 0 to 255: URL parsers leave such an address as it is. */
const PLAIN_IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/u;
const IPV4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/u;
/** A name that ends in a label that starts with a letter, and of whose labels none is encoded. */
const PLAIN_NAME = /^(?!.*xn--)(?:[a-z0-9_-]+\.)*[a-z][a-z0-9_-]*$/u;
/** What the WHATWG URL standard (section 3.5, "ends in a number") takes for an IPv4 address in one of its old forms. */
const NUMERIC_LABEL = /^(?:\d+|0x[0-9a-f]*)$/u;
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/u;
/** An IPv4 address inside an IPv6 one (RFC 4291 section 2.5.5): a second spelling of the same destination. */
const IPV4_IN_IPV6 = /^\[::(?:ffff:)?[0-9a-f]{1,4}:[0-9a-f]{1,4}\]$/u;
const PORT = /^[1-9]\d{0,4}$/u;

/**
 * Reads a host: a name, an IPv4 address in dotted decimal or an IPv6 address in brackets. Letter case, one trailing dot
 * and the many spellings of an IPv6 address are evened out; whatever resolvers and URL parsers read differently is
 * refused: octal, hexadecimal and short IPv4 forms, percent-encoding, non-ASCII names, IPv4 inside IPv6, zone
 * identifiers. Fault: bad-host.
 */
export function parseHost(text: string): Outcome<Host> {
  if (text === '') return badHost('expected a host, found none');
  // Lower case by ASCII only: the Kelvin sign and its like must not become letters.
  if (!/^[\x21-\x7e]+$/u.test(text)) return badHost('expected ASCII; write an international name in its xn-- form');
  const lower = text.toLowerCase();
  if (lower.startsWith('[')) return parseIpv6(lower);
  if (lower.includes('@')) return badHost('expected no user information before the host');
  if (lower.includes('%')) return badHost('expected no percent-encoding in the host');
  return parseName(lower);
}

function parseName(lower: string): Outcome<Host> {
  const name = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  if (name.length > MAX_NAME_CHARACTERS) return badHost(`expected at most ${MAX_NAME_CHARACTERS} characters`);
  const labels = name.split('.');
  if (NUMERIC_LABEL.test(labels.at(-1) ?? '')) return parseIpv4(lower);
  if (!labels.every((label) => LABEL.test(label))) {
    return badHost('expected labels of 1 to 63 letters, digits and inner hyphens, separated by single dots');
  }
  return isSettled(name) ? passed(name) : badHost('expected a name that URL parsers leave as it is');
}

/**
 * A second opinion by the URL standard: a host that it would rewrite has a second spelling. Of names in lower-case ASCII
 * it looks only into those with encoded labels (`xn--`); the rest it leaves as they are, as it does with addresses in dotted
 * decimal, and asking takes a while.
 */
function isSettled(host: string): host is Host {
  return PLAIN_NAME.test(host) || PLAIN_IPV4.test(host) || URL.parse(`http://${host}/`)?.hostname === host;
}

function parseIpv4(lower: string): Outcome<Host> {
  if (IPV4.test(lower) && isSettled(lower)) return passed(lower);
  return badHost('expected an IPv4 address as four decimal numbers from 0 to 255, such as 192.0.2.1');
}

function parseIpv6(lower: string): Outcome<Host> {
  const host = IPV6.test(lower) ? (URL.parse(`http://${lower}/`)?.hostname ?? '') : '';
  if (!isSettled(host)) return badHost('expected an IPv6 address in brackets, without a zone');
  if (IPV4_IN_IPV6.test(host)) return badHost('expected an IPv4 address in dotted decimal, found one inside IPv6');
  return passed(host);
}

/**
 * Reads `host` or `host:port` (RFC 3986 section 3.2); `defaultPort` stands in for a port that is not there. An empty
 * port, leading zeros and port 0 are refused. Fault: bad-host.
 */
export function parseAuthority(text: string, defaultPort: number): Outcome<Authority> {
  const colon = text.indexOf(':', text.startsWith('[') ? Math.max(0, text.lastIndexOf(']')) : 0);
  const host = parseHost(colon === -1 ? text : text.slice(0, colon));
  if (!host.ok) return host;
  if (colon === -1) return passed({ host: host.value, port: defaultPort });
  const digits = text.slice(colon + 1);
  const port = Number(digits);
  if (!PORT.test(digits) || port > MAX_PORT) return badHost(`expected a port from 1 to ${MAX_PORT} after the colon`);
  return passed({ host: host.value, port });
}

/** The port that a scheme means when none is written (RFC 9110 section 4.2). */
export function defaultPortOf(scheme: 'http' | 'https'): number {
  return scheme === 'https' ? 443 : 80;
}

function badHost(detail: string): Outcome<never> {
  return failed('bad-host', detail);
}
