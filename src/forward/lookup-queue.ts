import type { LookupAddress } from 'node:dns';
import { LOOKUPS_AT_ONCE, MAX_LOOKUPS_WAITING } from './limits.ts';
import type { NameLookup } from './name-lookup.ts';

/** What a queue is made with. */
export interface LookupQueueOptions {
  readonly lookup: NameLookup;
  /** Milliseconds that only ever grow. */
  readonly monotonic: () => number;
  /** After so many milliseconds in the queue nobody waits for the answer any more. */
  readonly patienceMs: number;
}

interface Waiting {
  readonly name: string;
  readonly since: number;
  readonly start: (found: Promise<readonly LookupAddress[]>) => void;
}

/**
 * Looks names up, so many at a time. The system's resolver takes a thread for each and cannot be stopped, for ten seconds
 * and more where nobody answers: an agent that invents names would otherwise line up lookups that nobody waits for any
 * more, for minutes before the next name that somebody needs.
 */
export class LookupQueue {
  readonly #options: LookupQueueOptions;
  /** Those who ask for a name that is being looked up get the same answer. */
  readonly #running = new Map<string, Promise<readonly LookupAddress[]>>();
  #waiting: Waiting[] = [];

  constructor(options: LookupQueueOptions) {
    this.#options = options;
  }

  /** Rejects with the resolver's error, or with one of code `EBUSY` when too many names wait already. */
  async lookup(name: string): Promise<readonly LookupAddress[]> {
    const known = this.#running.get(name);
    if (known !== undefined) return await known;
    if (this.#running.size < LOOKUPS_AT_ONCE) return await this.#start(name);
    this.#dropStale();
    if (this.#waiting.length >= MAX_LOOKUPS_WAITING) throw busy();
    return await new Promise((resolve) => {
      this.#waiting.push({ name, since: this.#options.monotonic(), start: resolve });
    });
  }

  #start(name: string): Promise<readonly LookupAddress[]> {
    const found = this.#options.lookup(name);
    this.#running.set(name, found);
    const ended = (): void => this.#ended(name);
    found.then(ended, ended);
    return found;
  }

  #ended(name: string): void {
    this.#running.delete(name);
    this.#dropStale();
    while (this.#running.size < LOOKUPS_AT_ONCE) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next.start(this.#running.get(next.name) ?? this.#start(next.name));
    }
  }

  #dropStale(): void {
    const now = this.#options.monotonic();
    const isStale = ({ since }: Waiting): boolean => now - since >= this.#options.patienceMs;
    const stale = this.#waiting.filter(isStale);
    if (stale.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => !isStale(one));
    for (const { start } of stale) start(Promise.reject(busy()));
  }
}

function busy(): Error {
  return Object.assign(new Error('too many names are being looked up'), { code: 'EBUSY' });
}
