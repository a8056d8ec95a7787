/** How long a feed rests between two batches. */
export interface SinkPace {
  /** Milliseconds to rest after a batch that took `tookMs`, with `behind` records still to go. */
  restMs(tookMs: number, behind: number): number;
}

/** What the pace depends on. */
export interface PaceOptions {
  /** The share of the time since it was last asked in which the event loop was at work, from 0 to 1. */
  readonly busy: () => number;
  /** The rest when nobody is kept waiting. */
  readonly restMs: number;
}

/** From here on, requests wait for one another, and a batch would make all of them wait longer. */
const BUSY = 0.7;
/** What a feed may take of a busy event loop: a twentieth. */
const BUSY_RESTS = 19;
/** A batch that happened to take long, because the disk did, does not put the next one off for long. */
const LONGEST_REST_MS = 250;
/**
 * How far a feed may fall behind for the sake of requests: about 150 MB of the journal, which is kept until the feed has
 * it. A minute of one idle core copies more.
 */
const MOST_BEHIND_RECORDS = 100_000;

/**
 * The pace of a sink that works on the event loop: as fast as it can while that is idle, a small share of it while
 * requests keep it busy, and as fast as it can again before it falls too far behind.
 */
export function yieldingPace({ busy, restMs }: PaceOptions): SinkPace {
  return {
    restMs(tookMs, behind) {
      const isBusy = busy() > BUSY;
      if (!isBusy || behind > MOST_BEHIND_RECORDS) return restMs;
      return Math.min(LONGEST_REST_MS, Math.max(restMs, tookMs * BUSY_RESTS));
    },
  };
}
