import type { GateSettings } from './approval/gate.ts';
import type { Config } from './config/schema.ts';
import { INTERCEPT_LIMITS } from './intercept/limits.ts';
import type { InterceptSettings } from './intercept/settings.ts';

/** The settings of the data port. */
export function interceptSettings({ listeners, limits }: Config): InterceptSettings {
  return {
    ...listeners.data,
    headerBytes: limits.headers,
    headerCount: limits.header_count,
    headersTimeoutMs: limits.headers_timeout,
    bodyTimeoutMs: limits.body_timeout,
    bodyGraceMs: INTERCEPT_LIMITS.body_grace.value,
    bodyBytesPerSecond: INTERCEPT_LIMITS.body_rate.value,
    bufferedBytes: limits.buffered,
    keepAliveTimeoutMs: limits.keep_alive_timeout,
    readerTimeoutMs: INTERCEPT_LIMITS.reader_timeout.value,
    upgradeIdleMs: limits.idle_timeout,
    connections: limits.connections,
    pipelined: INTERCEPT_LIMITS.pipelined.value,
    requestsPerConnection: INTERCEPT_LIMITS.requests_per_connection.value,
  };
}

/** The settings of the gate. */
export function gateSettings({ limits }: Config): GateSettings {
  return {
    waitMs: limits.approval_wait,
    ttlMs: limits.approval_ttl,
    forMs: limits.approval_for,
    maxPending: limits.pending,
    maxHeld: limits.held,
  };
}
