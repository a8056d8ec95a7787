/** How many messages may go out now. Times are milliseconds of a monotonic clock. */
export interface TokenBucket {
  /** How many may; a fraction is on its way to the next. */
  tokens(now: number): number;
  /** Takes one, if there is one. */
  take(now: number): void;
  /** Milliseconds until there is one. */
  untilNext(now: number): number;
}

const MINUTE_MS = 60_000;
/** What comes back in a minute where the burst is all that there may be in one. */
const SLOWEST = 0.5;

/** At most `perMinute` in any minute: half of them may come at once, and the other half comes back over a minute. */
export function createTokenBucket(perMinute: number, now: number): TokenBucket {
  const most = Math.max(1, Math.floor(perMinute / 2));
  const perMs = Math.max(SLOWEST, perMinute - most) / MINUTE_MS;
  let tokens = most;
  let at = now;
  const refill = (time: number): number => {
    tokens = Math.min(most, tokens + Math.max(0, time - at) * perMs);
    at = Math.max(at, time);
    return tokens;
  };
  return {
    tokens: refill,
    take: (time) => {
      tokens = Math.max(0, refill(time) - 1);
    },
    untilNext: (time) => Math.max(0, Math.ceil((1 - refill(time)) / perMs)),
  };
}
