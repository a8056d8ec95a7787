import type { Clock, Log } from '../model/ports.ts';
import type { Trouble } from './closing.ts';

/** Whether the journal can be written, and since when not. */
export class JournalHealth {
  readonly #log: Log;
  readonly #clock: Clock;
  #trouble: Trouble | null = null;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  get good(): boolean {
    return this.#trouble === null;
  }

  get trouble(): Trouble | null {
    return this.#trouble;
  }

  /** Why records are refused now; null when they are not. */
  get problem(): string | null {
    return this.#trouble?.problem ?? null;
  }

  fails(doing: 'write' | 'sync' | 'wait', problem: string): void {
    if (this.#trouble !== null) return;
    this.#log.error('audit.journal-failing', { doing, problem });
    this.#trouble = { problem, since: new Date(this.#clock.now()).toISOString(), refusals: 0 };
  }

  /** Counts appends that were refused while it fails. */
  refused(count: number): void {
    if (this.#trouble !== null) this.#trouble = { ...this.#trouble, refusals: this.#trouble.refusals + count };
  }

  works(): void {
    if (this.#trouble === null) return;
    const { problem, since, refusals } = this.#trouble;
    this.#log.info('audit.journal-works-again', { after: problem, since, refusals });
    this.#trouble = null;
  }
}
