import type { Clock } from '../model/ports.ts';

/** A clock that a story can set: it runs as the machine's does, from whatever time it was last set to. */
export class StoryClock implements Clock {
  readonly #machine: Clock;
  #offsetMs = 0;

  constructor(machine: Clock) {
    this.#machine = machine;
  }

  /** Sets the time of day; durations (`monotonic`) go on as before. */
  set(instant: string): void {
    this.#offsetMs = Date.parse(instant) - this.#machine.now();
  }

  /** Sets the time back to the machine's. */
  reset(): void {
    this.#offsetMs = 0;
  }

  now(): number {
    return this.#machine.now() + this.#offsetMs;
  }

  monotonic(): number {
    return this.#machine.monotonic();
  }
}
