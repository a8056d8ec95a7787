import { randomUUID } from 'node:crypto';

/**
 * A UUID of version 7 (RFC 9562 section 5.7): the millisecond `now` since the epoch, and 74 random bits. Ids that follow
 * one another stand side by side in the indexes of the audit database; random ones would rewrite a page there for each
 * exchange.
 */
export function exchangeId(now: number): string {
  const time = Math.max(0, Math.trunc(now)).toString(16).padStart(12, '0').slice(-12);
  // Of a UUID of version 4, all that is random but for the 48 bits in front.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
