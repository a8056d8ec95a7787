import { failed, passed, type Outcome } from '../model/fault.ts';
import type { Destination, RawHead } from '../model/request.ts';
import type { Fields } from './fields.ts';
import { defaultPortOf, parseAuthority, parseHost, type Authority } from './host.ts';
import { joinPath, type RouteSettings } from './route.ts';

/** Where a request goes, and what of its target is path and query, neither checked yet. */
export interface Target {
  readonly route: string | null;
  readonly destination: Destination;
  readonly path: string;
  readonly query: string | null;
}

/** The head of a request with its fields read. */
export interface TargetFacts {
  readonly head: RawHead;
  readonly fields: Fields;
  readonly routes: ReadonlyMap<string, RouteSettings>;
}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/u;
const ROUTE = /^\/routes\/([^/?]*)(.*)$/su;

/**
 * Finds the one destination that everything in the head agrees on: request target, Host, CONNECT authority and TLS
 * server name. Faults: not-a-proxy-request, unknown-route, connect-unsupported, unsupported-scheme, malformed-request,
 * bad-host, conflicting-host.
 */
export function readTarget(facts: TargetFacts): Outcome<Target> {
  const { entry, target } = facts.head;
  if (target.includes('#')) return failed('malformed-request', 'expected no fragment (#) in the request target');
  switch (entry) {
    case 'forward-proxy':
      return absoluteTarget(facts);
    case 'route':
      return routeTarget(facts);
    case 'connect':
      return tunnelTarget(facts);
    case 'captured':
      return capturedTarget(facts);
    case 'unknown':
      if (/^\/routes(?:\/|$)/u.test(target))
        return failed('unknown-route', 'expected /routes/NAME/... with a configured name');
      return failed('not-a-proxy-request', 'expected an absolute URL or /routes/NAME/... as the request target');
    default:
      return entry satisfies never;
  }
}

/** RFC 9112 section 3.2.2, with the Host field held to agree instead of being ignored. */
function absoluteTarget({ head, fields }: TargetFacts): Outcome<Target> {
  const scheme = SCHEME.exec(head.target)?.[1]?.toLowerCase();
  if (scheme === undefined) return failed('not-a-proxy-request', 'expected an absolute URL as the request target');
  if (scheme !== 'http' && scheme !== 'https') return failed('unsupported-scheme', 'expected an http or https URL');
  const rest = head.target.slice(scheme.length + 1);
  if (!rest.startsWith('//')) return failed('bad-host', `expected // and a host after ${scheme}:`);
  // A backslash ends the host for some parsers and not for others; here it is refused as part of the path.
  const [text = ''] = rest.slice(2).split(/[/?\\]/u, 1);
  const authority = parseAuthority(text, defaultPortOf(scheme));
  if (!authority.ok) return authority;
  const conflict = disagreement(fields.get('host'), authority.value, scheme);
  if (conflict !== null) return conflict;
  return passed({
    route: null,
    destination: { scheme, ...authority.value },
    ...splitOrigin(rest.slice(2 + text.length)),
  });
}

/** The Host field of a route chooses nothing, but an invalid one is still refused (RFC 9112 section 3.2). */
function routeTarget({ head, fields, routes }: TargetFacts): Outcome<Target> {
  const [, route = '', rest = ''] = ROUTE.exec(head.target) ?? [];
  const upstream = routes.get(route)?.upstream;
  if (upstream === undefined) return failed('unknown-route', 'expected /routes/NAME/... with a configured name');
  const host = fields.get('host');
  const own = host === null ? null : parseAuthority(host, defaultPortOf('http'));
  if (own !== null && !own.ok) return own;
  const { scheme, host: upstreamHost, port, basePath } = upstream;
  const { path, query } = splitOrigin(rest);
  return passed({ route, destination: { scheme, host: upstreamHost, port }, path: joinPath(basePath, path), query });
}

/** Inside CONNECT its authority decides, and Host and the TLS server name have to agree with it. */
function tunnelTarget({ head, fields }: TargetFacts): Outcome<Target> {
  if (head.tunnelAuthority === null) return failed('malformed-request', 'expected the authority of a CONNECT');
  const authority = parseAuthority(head.tunnelAuthority, defaultPortOf('https'));
  if (!authority.ok) return authority;
  return originTarget({ head, fields, authority: authority.value, scheme: head.secure ? 'https' : 'http' });
}

/** Captured traffic says where it goes by Host; with TLS there has to be a server name that agrees. */
function capturedTarget({ head, fields }: TargetFacts): Outcome<Target> {
  const scheme = head.secure ? 'https' : 'http';
  if (head.secure && head.serverName === null)
    return failed('bad-host', 'expected a TLS server name: captured TLS is told by it');
  const host = fields.get('host');
  if (host === null) return failed('bad-host', 'expected a Host field: captured traffic has no other destination');
  const authority = parseAuthority(host, defaultPortOf(scheme));
  if (!authority.ok) return authority;
  return originTarget({ head, fields, authority: authority.value, scheme });
}

interface OriginFacts {
  readonly head: RawHead;
  readonly fields: Fields;
  readonly authority: Authority;
  readonly scheme: 'http' | 'https';
}

function originTarget({ head, fields, authority, scheme }: OriginFacts): Outcome<Target> {
  if (!head.target.startsWith('/')) return failed('malformed-request', 'expected a path as the request target');
  const conflict = disagreement(fields.get('host'), authority, scheme) ?? nameDisagreement(head.serverName, authority);
  if (conflict !== null) return conflict;
  return passed({ route: null, destination: { scheme, ...authority }, ...splitOrigin(head.target) });
}

/** What is wrong with a Host field beside an authority that says the same in another place; null where they agree. */
function disagreement(host: string | null, authority: Authority, scheme: 'http' | 'https'): Outcome<never> | null {
  if (host === null) return null;
  const own = parseAuthority(host, defaultPortOf(scheme));
  if (!own.ok) return own;
  if (own.value.host === authority.host && own.value.port === authority.port) return null;
  return failed('conflicting-host', 'expected Host to name the same host and port as the request target');
}

/** Clients send no server name for IP addresses (RFC 6066 section 3), so that none is no conflict. */
function nameDisagreement(serverName: string | null, authority: Authority): Outcome<never> | null {
  if (serverName === null) return null;
  const own = parseHost(serverName);
  if (!own.ok) return own;
  if (own.value === authority.host) return null;
  return failed('conflicting-host', 'expected the TLS server name to be the host of the request');
}

function splitOrigin(text: string): { readonly path: string; readonly query: string | null } {
  const mark = text.indexOf('?');
  const path = mark === -1 ? text : text.slice(0, mark);
  return { path: path === '' ? '/' : path, query: mark === -1 ? null : text.slice(mark + 1) };
}
