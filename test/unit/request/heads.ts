import type { FaultCode, Outcome } from '../../../src/model/fault.ts';
import type { CanonicalRequest, RawHead } from '../../../src/model/request.ts';
import { canonicalize, type RequestSettings } from '../../../src/request/canonicalize.ts';
import { upstreamOf, type RouteSettings } from '../../../src/request/route.ts';

function route(url: string): RouteSettings {
  const upstream = upstreamOf(new URL(url));
  if (!upstream.ok) throw new Error(upstream.fault.detail);
  return { upstream: upstream.value };
}

export const SETTINGS: RequestSettings = {
  routes: new Map([
    ['tickets', route('https://api.example.com/v1')],
    ['plain', route('http://127.0.0.1:9000')],
    ['hook', route('https://hooks.example.com/services/T1/B2/x')],
    ['slashed', route('https://api.example.com/v2/')],
  ]),
  maxUrlBytes: 8192,
  tunnels: (host, port) => host === 'tunnel.example' && port === 443,
  maxHeaderCount: 64,
  maxHeaderBytes: 16_384,
};

/** A head that is accepted as it is: a GET through the forward proxy. */
export function head(over: Partial<RawHead> = {}): RawHead {
  return {
    entry: 'forward-proxy',
    method: 'GET',
    target: 'http://example.com/a',
    rawHeaders: ['Host', 'example.com'],
    httpVersion: '1.1',
    serverName: null,
    secure: false,
    tunnelAuthority: null,
    remoteAddress: '127.0.0.1',
    ...over,
  };
}

/** The head with these fields beside Host. */
export function withHeaders(headers: readonly (readonly [string, string])[], over: Partial<RawHead> = {}): RawHead {
  return head({ rawHeaders: ['Host', 'example.com', ...headers.flat()], ...over });
}

/** Canonicalizes and returns the request; fails the test where it is refused. */
export function accepted(raw: RawHead): CanonicalRequest {
  const result = canonicalize(raw, SETTINGS);
  if (!result.ok) throw new Error(`refused: ${result.fault.code}: ${result.fault.detail}`);
  return result.value;
}

/** The code that a head is refused with; `accepted` where it is not. */
export function verdict(raw: RawHead): FaultCode | 'accepted' {
  return codeOf(canonicalize(raw, SETTINGS));
}

/** The fault code of an outcome; `accepted` where there is none. */
export function codeOf(outcome: Outcome<unknown>): FaultCode | 'accepted' {
  return outcome.ok ? 'accepted' : outcome.fault.code;
}
