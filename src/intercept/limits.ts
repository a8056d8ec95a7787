import type { Limit } from '../config/limits.ts';

const KIB = 1024;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Limits of the data port that can be set beside those in config/limits.ts, each with its bounds and its reason. */
export const INTERCEPT_LIMITS = {
  body_grace: {
    unit: 'milliseconds',
    value: 10 * SECOND,
    min: SECOND,
    max: 5 * MINUTE,
    why: 'A body may start late (a client that waits for 100 Continue, a cold disk) before its rate counts.',
  },
  body_rate: {
    unit: 'bytes',
    value: KIB,
    min: 1,
    max: 1024 * KIB,
    why: 'Bytes a second that a judged body must arrive with on average: slower is a slow-body attack (CWE-400).',
  },
  reader_timeout: {
    unit: 'milliseconds',
    value: MINUTE,
    min: SECOND,
    max: 60 * MINUTE,
    why: 'A client that does not take a byte of its answer for so long keeps an upstream connection open for nothing.',
  },
  pipelined: {
    unit: 'count',
    value: 16,
    min: 0,
    max: 1_000,
    why: 'Requests that wait behind the one that runs on a connection; hardly any client pipelines, and each waits in memory.',
  },
  requests_per_connection: {
    unit: 'count',
    value: 10_000,
    min: 1,
    max: 1_000_000,
    why: 'What Node and this gateway keep for a connection is let go of now and then; nginx closes after 1,000.',
  },
} as const satisfies Record<string, Limit>;

/**
 * How often Node looks for connections whose header section is late, in milliseconds. Its default of 30 s would make a
 * timeout of 15 s one of up to 45.
 */
export const HEADERS_CHECK_INTERVAL_MS = 1_000;

/**
 * How long a connection that is being closed is still read from, in milliseconds (RFC 9112 section 9.6): closing a socket
 * with unread input resets it, and a client that is still writing would lose the answer that says why.
 */
export const LINGER_MS = 1_000;

/** Connections over the limit that are told so at one time; whoever comes beyond that is cut without an answer. */
export const REFUSED_CONNECTIONS = 64;

/** How long a drain waits for handlers to record their outcome after their connections were cut, in milliseconds. */
export const SETTLE_MS = 2_000;

/** At most one log line in so many milliseconds says that connections were cut: a flood must not become a flood of lines. */
export const DROP_LOG_INTERVAL_MS = 10_000;

/**
 * Bytes of a body that nobody reads yet and that Node may have taken from the wire all the same: what its stream holds
 * before it stops reading, and what one read from the socket may add, 64 KiB each.
 */
export const UNREAD_BODY_BYTES = 128 * KIB;
