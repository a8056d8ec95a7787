const KIB = 1024;

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

/** In the same time, at most so many lines name clients whose TLS handshake failed. */
export const TLS_FAILURE_LINES = 10;

/**
 * Bytes of a body that nobody reads yet and that Node may have taken from the wire all the same: what its stream holds
 * before it stops reading, and what one read from the socket may add, 64 KiB each.
 */
export const UNREAD_BODY_BYTES = 128 * KIB;

/**
 * What a client is told to wait that was refused for want of room, in seconds: connections and bodies come and go within
 * less, and a longer wait would leave an agent idle.
 */
export const RETRY_AFTER_SECONDS = 1;
