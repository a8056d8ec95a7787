import type { GateSettings } from './approval/gate.ts';
import type { Config } from './config/schema.ts';
import type { InterceptSettings } from './intercept/settings.ts';

/** The settings of the data port. */
export function interceptSettings({ listeners, limits }: Config): InterceptSettings {
  return {
    ...listeners.data,
    headerBytes: limits.headers,
    headerCount: limits.header_count,
    headersTimeoutMs: limits.headers_timeout,
    bodyTimeoutMs: limits.body_timeout,
    bodyGraceMs: limits.body_grace,
    bodyBytesPerSecond: limits.body_rate,
    bufferedBytes: limits.buffered,
    keepAliveTimeoutMs: limits.keep_alive_timeout,
    readerTimeoutMs: limits.reader_timeout,
    upgradeIdleMs: limits.idle_timeout,
    connections: limits.connections,
    pipelined: limits.pipelined,
    requestsPerConnection: limits.requests_per_connection,
  };
}

/** The settings of the gate. */
export function gateSettings({ approvals, limits }: Config): GateSettings {
  return {
    waitMs: limits.approval_wait,
    ttlMs: limits.approval_ttl,
    forMs: limits.approval_for,
    maxPending: limits.pending,
    maxHeld: limits.held,
    holdThroughOutage: approvals.store === 'kubernetes' && approvals.on_outage === 'hold',
  };
}
