import { LIMITS, type Limit, type LimitValues } from '../config/limits.ts';

const KIB = 1024;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** The limits of forwarding, beside those that the whole gateway shares: same form, same meaning of the bounds. */
export const FORWARD_LIMITS = {
  connect_timeout: LIMITS.connect_timeout,
  response_timeout: LIMITS.response_timeout,
  idle_timeout: LIMITS.idle_timeout,
  upstream_keep_alive: {
    unit: 'milliseconds',
    value: 4 * SECOND,
    min: 100,
    max: 10 * MINUTE,
    why: 'Node and many other servers close an idle connection after 5 seconds; reusing one just then loses a request.',
  },
  upstream_connections: {
    unit: 'count',
    value: 2_048,
    min: 1,
    max: 32_768,
    why: 'Each client connection needs one, idle ones are kept beside them; an agent that calls host after host must not use up the descriptors.',
  },
  response_headers: {
    unit: 'bytes',
    value: 64 * KIB,
    min: 4 * KIB,
    max: 256 * KIB,
    why: 'Header floods from the other side (CWE-770); upstreams with many cookies and policies send 10 to 20 KiB.',
  },
} as const satisfies Record<string, Limit>;

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
export function forwardLimits(
  values: Partial<LimitValues & Record<keyof typeof FORWARD_LIMITS, number>>,
): ForwardLimits {
  const take = (name: keyof typeof FORWARD_LIMITS): number => values[name] ?? FORWARD_LIMITS[name].value;
  return {
    connectTimeoutMs: take('connect_timeout'),
    responseTimeoutMs: take('response_timeout'),
    idleTimeoutMs: take('idle_timeout'),
    upstreamKeepAliveMs: take('upstream_keep_alive'),
    upstreamConnections: take('upstream_connections'),
    responseHeaderBytes: take('response_headers'),
  };
}

/** Interim answers (1xx) restart the response timeout, so a server that sends them without end could hold a call for ever. */
export const MAX_INTERIM_RESPONSES = 32;

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
