import type { Clock } from '../model/ports.ts';

/** How fast a body has to arrive. */
export interface PaceSettings {
  /** Milliseconds in all. */
  readonly totalMs: number;
  /** Milliseconds that are free, before the rate counts. */
  readonly graceMs: number;
  readonly bytesPerSecond: number;
}

/**
 * Measures how long a body has been waited for. Each byte that arrives buys time, so a client is cut off for being slow
 * and not for sending much; only time in which somebody waited counts against it.
 */
export class BodyPace {
  readonly #settings: PaceSettings;
  readonly #clock: Clock;
  #receivedBytes = 0;
  #waitedMs = 0;
  #since: number | null = null;

  constructor(settings: PaceSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  received(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  /** Milliseconds that may still pass before more has to have arrived; zero or less when the client was too slow. */
  remainingMs(): number {
    const { totalMs, graceMs, bytesPerSecond } = this.#settings;
    const bought = graceMs + (this.#receivedBytes * 1_000) / bytesPerSecond;
    return Math.min(totalMs, bought) - this.#waited();
  }

  /** Calls `late` once, and never in this turn, when the client is too slow; the function returned stops the wait. */
  watch(late: () => void): () => void {
    this.#since = this.#clock.monotonic();
    let timer: NodeJS.Timeout | undefined;
    const check = (): void => {
      const remaining = this.remainingMs();
      if (remaining <= 0) late();
      else timer = setTimeout(check, Math.ceil(remaining));
    };
    timer = setTimeout(check, Math.max(0, Math.ceil(this.remainingMs())));
    return () => {
      clearTimeout(timer);
      this.#waitedMs = this.#waited();
      this.#since = null;
    };
  }

  #waited(): number {
    return this.#waitedMs + (this.#since === null ? 0 : this.#clock.monotonic() - this.#since);
  }
}
