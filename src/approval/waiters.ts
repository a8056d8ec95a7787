import type { ApprovalRecord } from '../model/approval.ts';
import type { Clock } from '../model/ports.ts';

/** What waiting needs of the store. */
export interface WaitersSource {
  /** The approval once it has left `pending`, else null. */
  readonly settled: (name: string) => ApprovalRecord | null;
  /** Changes whenever another process has written to the store. */
  readonly version: () => number;
  readonly clock: Clock;
}

/** Another process decides at the pace of people: a quarter of a second is at once to them, and costs nothing. */
const POLL_INTERVAL_MS = 250;
/** Node fires a longer timer at once (its delay is a signed 32-bit number). */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface Waiter {
  readonly name: string;
  readonly finish: (record: ApprovalRecord | null) => void;
  readonly fail: (error: unknown) => void;
}

/** Those who wait for a decision: woken at once by this process, and within a poll by another. */
export class Waiters {
  readonly #source: WaitersSource;
  readonly #waiting = new Set<Waiter>();
  #poll: NodeJS.Timeout | null = null;
  #version = 0;

  constructor(source: WaitersSource) {
    this.#source = source;
  }

  /** Resolves with the record when it leaves `pending`, or null at the deadline or on abort. */
  async wait(name: string, deadline: number, signal: AbortSignal): Promise<ApprovalRecord | null> {
    if (this.#waiting.size === 0) this.#version = this.#source.version();
    const settled = this.#source.settled(name);
    const delay = deadline - this.#source.clock.now();
    if (settled !== null || signal.aborted || delay <= 0) return settled;
    const { promise, resolve, reject } = Promise.withResolvers<ApprovalRecord | null>();
    const waiter: Waiter = { name, finish: resolve, fail: reject };
    const give = (): void => resolve(null);
    let timer: NodeJS.Timeout | undefined;
    // Node counts from the start of its turn, so a timer can fire before the deadline by the clock that expiry goes by.
    // It is set again only while that clock moves: a story may have stopped it.
    const arm = (left: number): void => {
      timer = setTimeout(
        () => {
          const still = deadline - this.#source.clock.now();
          if (still > 0 && still < left) arm(still);
          else give();
        },
        Math.min(left, MAX_TIMER_MS),
      );
    };
    arm(delay);
    signal.addEventListener('abort', give, { once: true });
    this.#waiting.add(waiter);
    this.#poll ??= setInterval(() => this.#look(), POLL_INTERVAL_MS);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', give);
      this.#waiting.delete(waiter);
      this.#rest();
    }
  }

  /** Wakes those who wait for this approval, if it has been settled. */
  wake(name: string): void {
    for (const waiter of this.#waiting) if (waiter.name === name) this.#check(waiter);
  }

  /** Sends everybody away without an answer. */
  dismiss(): void {
    for (const waiter of this.#waiting) waiter.finish(null);
  }

  #look(): void {
    try {
      const version = this.#source.version();
      if (version === this.#version) return;
      this.#version = version;
    } catch (error) {
      for (const waiter of this.#waiting) waiter.fail(error);
      return;
    }
    for (const waiter of this.#waiting) this.#check(waiter);
  }

  #check(waiter: Waiter): void {
    try {
      const settled = this.#source.settled(waiter.name);
      if (settled !== null) waiter.finish(settled);
    } catch (error) {
      waiter.fail(error);
    }
  }

  #rest(): void {
    if (this.#waiting.size > 0 || this.#poll === null) return;
    clearInterval(this.#poll);
    this.#poll = null;
  }
}
