/**
 * Fields that belong to one connection and are never passed on (RFC 9110 section 7.6.1, RFC 9112 section 9), in either
 * direction. `Trailer` is not among them: it announces fields that are passed on.
 */
const HOP_BY_HOP = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'http2-settings',
]);

/**
 * Fields that must not come in a trailer section: a lenient recipient that merges trailers into the head would let
 * them change framing, routing, authority or meaning after the head was judged (RFC 9110 section 6.5.1).
 */
const NEVER_IN_TRAILERS = new Set([
  'host',
  'trailer',
  'expect',
  'age',
  'date',
  'expires',
  'location',
  'pragma',
  'range',
  'retry-after',
  'vary',
  'warning',
  'authorization',
  'cookie',
  'set-cookie',
  'cache-control',
  'max-forwards',
  'idempotency-key',
  'x-http-method-override',
  'forwarded',
]);
const NEVER_IN_TRAILERS_PREFIX = /^(?:content-|if-|proxy-|x-forwarded-|sec-|access-control-)/u;

/** True for a field (lower case) that belongs to one connection only. */
export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name);
}

/** True for a field (lower case) that may be passed on in a trailer section. */
export function isTrailerField(name: string): boolean {
  return !HOP_BY_HOP.has(name) && !NEVER_IN_TRAILERS.has(name) && !NEVER_IN_TRAILERS_PREFIX.test(name);
}

/** The fields that a Connection value nominates as its own (RFC 9110 section 7.6.1), in lower case. */
export function nominatedFields(connection: string): readonly string[] {
  return connection
    .split(',')
    .map((token) => token.trim().toLowerCase())
    .filter((token) => token !== '' && token !== 'close' && token !== 'keep-alive');
}
