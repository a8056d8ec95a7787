import type { LimitValues } from '../config/limits.ts';

const KIB = 1024;
const SECOND = 1_000;

/** The limits as numbers, in the units of their names. */
export interface ForwardLimits {
  /** Name lookup, TCP and TLS handshake together. */
  readonly connectTimeoutMs: number;
  /** From the last byte of the request to the head of the answer. */
  readonly responseTimeoutMs: number;
  /** Between two pieces of an answer, of a slow client's reading, and between two bytes of a WebSocket. */
  readonly idleTimeoutMs: number;
  readonly upstreamKeepAliveMs: number;
  readonly upstreamConnections: number;
  readonly responseHeaderBytes: number;
}

/** The limits of forwarding from those of gateway.yaml. */
export function forwardLimits(limits: LimitValues): ForwardLimits {
  return {
    connectTimeoutMs: limits.connect_timeout,
    responseTimeoutMs: limits.response_timeout,
    idleTimeoutMs: limits.idle_timeout,
    upstreamKeepAliveMs: limits.upstream_keep_alive,
    upstreamConnections: limits.upstream_connections,
    responseHeaderBytes: limits.response_headers,
  };
}

/** Interim answers (1xx) restart the response timeout, so a server that sends them without end could hold a call for ever. */
export const MAX_INTERIM_RESPONSES = 32;

/** What an upstream proxy may say before a tunnel stands; error pages of proxies are larger, and are not read. */
export const MAX_PROXY_ANSWER_BYTES = 16 * KIB;

/** A refusal should reach a client that is still sending: this much of its body is read and thrown away first. */
export const LINGER_BYTES = 1024 * KIB;

/** The same as a time: a client that neither finishes nor closes gets no more than this. */
export const LINGER_MS = 2 * SECOND;

/** Details and extension texts longer than this are cut: an answer to an agent is no place for a flood. */
export const MAX_PROBLEM_TEXT_CHARS = 4 * KIB;

/** How stale a credential may be: its file is looked at again when the last look is older. */
export const CREDENTIAL_RECHECK_MS = SECOND;

/** Tokens and API keys are below 4 KiB; a larger file is not a secret but a mistake, and would not fit a header. */
export const MAX_CREDENTIAL_BYTES = 16 * KIB;

/** Names with more addresses than this are cut off: each is checked, and each may be tried in turn. */
export const MAX_ADDRESSES_PER_NAME = 32;

/**
 * Names that are looked up at one time. Node's resolver blocks a thread of its pool for each, and libuv gives it half of
 * them at most, which is 8 of the 16 that the launcher asks for: the other half stays for files, the journal first of all.
 */
export const LOOKUPS_AT_ONCE = 8;

/** Names that may wait for that; an agent calls tens of hosts. */
export const MAX_LOOKUPS_WAITING = 256;
