import * as z from 'zod';
import { duration, size } from '../document/quantity.ts';
import { LIMITS, type Limit } from './limits.ts';

/** The schema of `limits`: every limit of the table, each within its bounds, each with its default. */
export const limitsSchema = z
  .strictObject({
    body: bytes(LIMITS.body),
    buffered: bytes(LIMITS.buffered),
    url: bytes(LIMITS.url),
    headers: bytes(LIMITS.headers),
    header_count: count(LIMITS.header_count),
    headers_timeout: time(LIMITS.headers_timeout),
    body_timeout: time(LIMITS.body_timeout),
    keep_alive_timeout: time(LIMITS.keep_alive_timeout),
    connections: count(LIMITS.connections),
    body_grace: time(LIMITS.body_grace),
    body_rate: bytes(LIMITS.body_rate),
    reader_timeout: time(LIMITS.reader_timeout),
    pipelined: count(LIMITS.pipelined),
    requests_per_connection: count(LIMITS.requests_per_connection),
    connect_timeout: time(LIMITS.connect_timeout),
    response_timeout: time(LIMITS.response_timeout),
    idle_timeout: time(LIMITS.idle_timeout),
    upstream_keep_alive: time(LIMITS.upstream_keep_alive),
    upstream_connections: count(LIMITS.upstream_connections),
    response_headers: bytes(LIMITS.response_headers),
    approval_wait: time(LIMITS.approval_wait),
    approval_ttl: time(LIMITS.approval_ttl),
    approval_for: time(LIMITS.approval_for),
    pending: count(LIMITS.pending),
    held: count(LIMITS.held),
    drain_timeout: time(LIMITS.drain_timeout),
  })
  .prefault({});

// What these return is left to inference: it is what makes the keys optional in what people write.
function count(limit: Limit) {
  return z.int().min(limit.min).max(limit.max).default(limit.value).describe(limit.why);
}

function bytes(limit: Limit) {
  return withDefault(size(limit), limit);
}

function time(limit: Limit) {
  return withDefault(duration(limit), limit);
}

function withDefault(schema: z.ZodType<number, string>, limit: Limit) {
  return schema
    .optional()
    .transform((value) => value ?? limit.value)
    .describe(limit.why);
}
