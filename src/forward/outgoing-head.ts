import { failed, passed, type Outcome } from '../model/fault.ts';
import type { CanonicalRequest, Framing, HeaderField, RequestBody } from '../model/request.ts';
import { isHopByHop } from './hop-by-hop.ts';

/** What the gateway itself adds to a request that it forwards. */
export interface Additions {
  /** Replaces whatever the client sent under the same name, which is in lower case. */
  readonly credential: HeaderField | null;
  /** Sent as Idempotency-Key unless the client sent one. */
  readonly idempotencyKey: string | null;
}

/** The head of a request as it goes out: the path with its query, and the end-to-end fields in order. */
export interface OutgoingHead {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: readonly HeaderField[];
  /** How the body goes out. */
  readonly framing: Framing;
}

// Set by the engines from the destination and the framing; Expect was dealt with when the body was read.
// Trailer goes with the trailer section, which comes after the verdict and is never passed on.
const MADE_ANEW = new Set(['host', 'content-length', 'expect', 'trailer']);

/**
 * The head that goes out, made from the canonical request alone. Every field of it goes out as it was judged, in its
 * order, with two exceptions: the route's credential takes the place of what the client sent under that name or one that
 * CGI-like servers take for it, and `Trailer` goes with the trailer section, which is not passed on. Fault: internal,
 * when a field that belongs to the client's connection got through canonicalisation.
 */
export function outgoingHead(
  request: CanonicalRequest,
  body: RequestBody,
  additions: Additions,
): Outcome<OutgoingHead> {
  const framing = outgoingFraming(request, body);
  const leaked = request.headers.find(({ name }) => isHopByHop(name));
  if (leaked !== undefined) return failed('internal', `expected end-to-end fields only, found ${leaked.name}`);
  const added = addedFields(request, additions);
  const replaced = additions.credential === null ? null : foldedName(additions.credential.name);
  const kept = request.headers.filter(({ name }) => !MADE_ANEW.has(name) && foldedName(name) !== replaced);
  return passed({
    method: request.method,
    path: request.query === null ? request.path : `${request.path}?${request.query}`,
    host: authorityOf(request),
    headers: [...kept, ...added],
    framing,
  });
}

/** A name as CGI-like servers have it: every character but letters and digits is the same. */
function foldedName(name: string): string {
  return name.replaceAll(/[^a-z0-9]/gu, '-');
}

function addedFields(request: CanonicalRequest, { credential, idempotencyKey }: Additions): readonly HeaderField[] {
  const added = credential === null ? [] : [credential];
  const keyed = [...request.headers, ...added].some(({ name }) => name === 'idempotency-key');
  return idempotencyKey === null || keyed ? added : [...added, { name: 'idempotency-key', value: idempotencyKey }];
}

/** The end-to-end fields with Host before them (RFC 9110 section 7.2); names and values alternate. */
export function flatHeaders(head: OutgoingHead): string[] {
  const flat = ['host', head.host];
  for (const { name, value } of head.headers) flat.push(name, value);
  return flat;
}

/** The fields that frame the body; names and values alternate. */
export function framingHeaders(framing: Framing): string[] {
  switch (framing.kind) {
    case 'none':
      return [];
    case 'length':
      return ['content-length', String(framing.bytes)];
    case 'chunked':
      return ['transfer-encoding', 'chunked'];
    default:
      return framing satisfies never;
  }
}

function authorityOf({ destination }: CanonicalRequest): string {
  const usual = destination.scheme === 'https' ? 443 : 80;
  return destination.port === usual ? destination.host : `${destination.host}:${destination.port}`;
}

function outgoingFraming(request: CanonicalRequest, body: RequestBody): Framing {
  switch (body.kind) {
    case 'none':
      return request.framing.kind === 'none' ? request.framing : { kind: 'length', bytes: 0 };
    case 'buffered':
      return { kind: 'length', bytes: body.bytes.byteLength };
    case 'streamed':
      return request.framing;
    default:
      return body satisfies never;
  }
}
