import type { Digest, Host } from './brand.ts';
import type { Value, ValueMap } from './value.ts';

/** How a request came into the gateway. Every entry ends in the same verdict. */
export type Entry = 'forward-proxy' | 'route' | 'connect' | 'captured';

/** One header field as received: the name in lower case, the value without surrounding white space. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** The head of a request as the HTTP parser gave it; nothing in it is trusted. */
export interface RawHead {
  readonly entry: Entry | 'unknown';
  readonly method: string;
  /** The request target exactly as sent (RFC 9112 section 3.2). */
  readonly target: string;
  /** Names and values alternating, in the order and letter case received. */
  readonly rawHeaders: readonly string[];
  readonly httpVersion: string;
  /** Whether it came inside TLS that the gateway opened. */
  readonly secure: boolean;
  /** The server name of the TLS hello and the authority of the CONNECT that carries this request, where there are any. */
  readonly serverName: string | null;
  readonly tunnelAuthority: string | null;
  readonly remoteAddress: string;
}

/** How the length of a body is known (RFC 9112 section 6). */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' };

/** Where a request goes: one spelling for each destination. */
export interface Destination {
  readonly scheme: 'http' | 'https';
  readonly host: Host;
  readonly port: number;
}

/**
 * A request in its one spelling. What policy judges is this, and this is what is forwarded: `path`, `query` and
 * `headers` are the bytes that go out.
 */
export interface CanonicalRequest {
  readonly entry: Entry;
  /** The name of the route that it came by; null on every other entry. */
  readonly route: string | null;
  readonly method: string;
  readonly destination: Destination;
  /** The path to send, starting with `/`, percent-encoding checked, without dot segments; empty for a tunnel. */
  readonly path: string;
  /** The query to send without its `?`; null when there is none (an empty one differs from none). */
  readonly query: string | null;
  /** End-to-end fields in the order received, without hop-by-hop fields (RFC 9110 section 7.6.1) and without Host. */
  readonly headers: readonly HeaderField[];
  readonly framing: Framing;
  /** The media type in lower case without parameters; null when there is none. */
  readonly contentType: string | null;
  /** Content codings in the order applied (RFC 9110 section 8.4), `identity` left out. */
  readonly contentCodings: readonly string[];
  /** The protocol asked for by Upgrade; null for an ordinary request. */
  readonly upgrade: 'websocket' | null;
  readonly expectsContinue: boolean;
}

/** The method of a tunnel: a connection that is carried without being opened. No other request has it. */
export const TUNNEL_METHOD = 'CONNECT';

/** Whether the request is for a tunnel. Then all that is known is its destination. */
export function isTunnel(request: Pick<CanonicalRequest, 'method'>): boolean {
  return request.method === TUNNEL_METHOD;
}

/** The absolute URL of a request, as sent; of a tunnel, `HOST:PORT`. It may carry secrets: redact it before it is stored. */
export function urlOf(request: CanonicalRequest): string {
  const { scheme, host, port } = request.destination;
  if (isTunnel(request)) return `${host}:${port}`;
  const usual = scheme === 'https' ? 443 : 80;
  const authority = port === usual ? host : `${host}:${port}`;
  return `${scheme}://${authority}${request.path}${request.query === null ? '' : `?${request.query}`}`;
}

/** What was read of a body, opened for judgement. */
export type DecodedBody =
  | { readonly kind: 'empty' }
  /** A JSON text (RFC 8259), duplicate keys refused. */
  | { readonly kind: 'json'; readonly value: Value }
  /** Form fields, or the field names and text values of a multipart body; a name that repeats becomes a list. */
  | { readonly kind: 'form'; readonly fields: ValueMap }
  /** Anything else: only its digest and size are known. */
  | { readonly kind: 'opaque' };

/** The body of a request as the exchange holds it. */
export type RequestBody =
  | { readonly kind: 'none' }
  /** Read whole: `bytes` is exactly what was received and what will be forwarded. */
  | { readonly kind: 'buffered'; readonly bytes: Uint8Array; readonly digest: Digest; readonly decoded: DecodedBody }
  /** Need not be judged: it flows from client to upstream as it comes. */
  | { readonly kind: 'streamed' };
