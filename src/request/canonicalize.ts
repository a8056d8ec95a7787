import { failed, passed, type Outcome } from '../model/fault.ts';
import { TUNNEL_METHOD, type CanonicalRequest, type Destination, type RawHead } from '../model/request.ts';
import { readConnection } from './connection.ts';
import {
  HOST_OVERRIDES,
  METHOD_OVERRIDES,
  readFields,
  URL_OVERRIDES,
  type FieldLimits,
  type Fields,
} from './fields.ts';
import { readFraming } from './framing.ts';
import { defaultPortOf, parseAuthority } from './host.ts';
import { readContentType } from './media-type.ts';
import { canonicalPath, checkQuery } from './path.ts';
import type { RouteSettings } from './route.ts';
import { readTarget } from './target.ts';
import { canonicalTunnel, type TunnelHosts } from './tunnel.ts';

/** What reading a request head depends on. */
export interface RequestSettings extends FieldLimits {
  readonly routes: ReadonlyMap<string, RouteSettings>;
  /** The longest request target, in bytes. */
  readonly maxUrlBytes: number;
  readonly tunnels: TunnelHosts;
}

/** Longer than any registered method (RFC 9110 section 16.1); a bound on what ends up as a label or a column. */
const MAX_METHOD_CHARACTERS = 32;
/** Lower-case methods are other methods, but lenient servers take them for the same. */
const METHOD = /^[A-Z][A-Z0-9-]*$/u;
/** TRACE and its kin echo credentials; PRI is the preface of HTTP/2. */
const REFUSED_METHODS: ReadonlySet<string> = new Set(['TRACE', 'TRACK', 'PRI']);

/** Content codings in their one spelling (RFC 9110 section 8.4.1.3). */
const CODING_ALIASES: ReadonlyMap<string, string> = new Map([['x-gzip', 'gzip']]);

/**
 * Reads the head of a request in the only way that it can be read, or says why there is more than one. Pure and
 * synchronous; never throws. Faults: every code of the first group in the table but those of bodies and time-outs.
 */
export function canonicalize(head: RawHead, settings: RequestSettings): Outcome<CanonicalRequest> {
  const { method, httpVersion } = head;
  const line = checkRequestLine(head, settings);
  if (line !== null) return line;
  if (method === TUNNEL_METHOD) return canonicalTunnel(head, settings);
  const fields = readFields(head.rawHeaders, settings);
  if (!fields.ok) return fields;
  if (fields.value.get('host') === null && httpVersion !== '1.0')
    return failed('conflicting-host', 'expected one Host field, found none');
  const framing = readFraming(fields.value, httpVersion);
  if (!framing.ok) return framing;
  const connection = readConnection(fields.value, { method, httpVersion, framing: framing.value });
  if (!connection.ok) return connection;
  const place = readPlace(head, fields.value, settings);
  if (!place.ok) return place;
  const content = readContent(fields.value);
  if (!content.ok) return content;
  return passed({ method, framing: framing.value, ...place.value, ...connection.value, ...content.value });
}

function checkRequestLine({ method, httpVersion, target }: RawHead, settings: RequestSettings): Outcome<never> | null {
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return failed('malformed-request', 'expected HTTP/1.1 or HTTP/1.0');
  if (method.length > MAX_METHOD_CHARACTERS || !METHOD.test(method) || REFUSED_METHODS.has(method)) {
    return failed('unsupported-method', 'expected a method in capital letters other than TRACE');
  }
  if (target.length > settings.maxUrlBytes) {
    return failed(
      'headers-too-large',
      `expected a URL of at most ${settings.maxUrlBytes} bytes, found ${target.length}`,
    );
  }
  return null;
}

type Place = Pick<CanonicalRequest, 'entry' | 'route' | 'destination' | 'path' | 'query'>;

function readPlace(head: RawHead, fields: Fields, settings: RequestSettings): Outcome<Place> {
  const target = readTarget({ head, fields, routes: settings.routes });
  if (!target.ok) return target;
  if (head.entry === 'unknown') return failed('not-a-proxy-request', 'expected a known entry');
  const { route, destination } = target.value;
  const path = canonicalPath(target.value.path);
  if (!path.ok) return path;
  const query = target.value.query === null ? passed(null) : checkQuery(target.value.query);
  if (!query.ok) return query;
  const override = checkOverrides(fields, head.method, destination);
  if (override !== null) return override;
  return passed({ entry: head.entry, route, destination, path: path.value, query: query.value });
}

/**
 * Fields by which a server takes the request for another one than it is. What only repeats the request is let through;
 * nothing may contradict it. Fault: bad-header.
 */
function checkOverrides(fields: Fields, method: string, destination: Destination): Outcome<never> | null {
  for (const { name, value } of fields.list) {
    const contradicts =
      (METHOD_OVERRIDES.has(name) && value !== method) ||
      URL_OVERRIDES.has(name) ||
      (HOST_OVERRIDES.has(name) && !namesDestination(value, destination)) ||
      // Forwarded (RFC 7239) carries a host among others, in a syntax that servers read with varying care.
      (name === 'forwarded' && /host/iu.test(value));
    if (contradicts) return failed('bad-header', `expected no ${name} that makes the request another one`);
  }
  return null;
}

function namesDestination(value: string, { scheme, host, port }: Destination): boolean {
  const authority = parseAuthority(value, defaultPortOf(scheme));
  return authority.ok && authority.value.host === host && authority.value.port === port;
}

function readContent(fields: Fields): Outcome<Pick<CanonicalRequest, 'contentType' | 'contentCodings'>> {
  const media = readContentType(fields.get('content-type'));
  if (!media.ok) return media;
  const codings = fields.tokens('content-encoding');
  if (codings === null) return failed('bad-header', 'expected Content-Encoding to be a list of content codings');
  return passed({
    contentType: media.value?.essence ?? null,
    contentCodings: codings
      .filter((coding) => coding !== 'identity')
      .map((coding) => CODING_ALIASES.get(coding) ?? coding),
  });
}
