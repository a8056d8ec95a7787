import type { Log } from '../model/ports.ts';
import type { RecordBody } from '../model/record.ts';
import { bodyText, type Stamp, type Unsealed } from './chain.ts';

/**
 * Outcomes that the journal still has to write. Any other record that cannot be written stops what it records, but an
 * outcome tells of a request that has gone out already. Each belongs to an intent that was written, and no intent is
 * while the disk fails, so there are no more than requests were under way. What is beyond the limit all the same, or
 * still owed when the process ends, is found as an open intent at the next start and recorded as `unknown`.
 */
export class OwedOutcomes {
  readonly #limit: number;
  readonly #log: Log;
  #owed: Unsealed[] = [];

  constructor(limit: number, log: Log) {
    this.#limit = limit;
    this.#log = log;
  }

  get length(): number {
    return this.#owed.length;
  }

  /** Keeps the record if it is an outcome. */
  keep(body: RecordBody, stamp: Stamp): void {
    if (body.kind !== 'outcome') return;
    try {
      if (this.#owed.length >= this.#limit) throw new RangeError(`${this.#limit} are kept, as many as may`);
      this.#owed.push({ body, text: bodyText(body), stamp });
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#log.error('audit.outcome-given-up', { exchange: body.exchangeId, problem });
    }
  }

  /** Takes all, the oldest first. */
  take(): readonly Unsealed[] {
    const owed = this.#owed;
    this.#owed = [];
    return owed;
  }

  /** Takes back what could not be written after all; it is older than what came meanwhile. */
  giveBack(owed: readonly Unsealed[]): void {
    this.#owed = [...owed, ...this.#owed];
  }
}
