/** One timer that is wound up again and again: it bites when nobody did so for the time it was given. */
export class Watchdog {
  readonly #bite: () => void;
  #timer: NodeJS.Timeout | null = null;
  #delayMs = 0;

  constructor(bite: () => void) {
    this.#bite = bite;
  }

  /** Starts anew with this delay. */
  wind(delayMs: number): void {
    if (this.#timer !== null && delayMs === this.#delayMs) {
      this.#timer.refresh();
      return;
    }
    this.stop();
    this.#delayMs = delayMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#bite();
    }, delayMs);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
