import type { RecordBody, AuditRecord } from '../model/record.ts';
import { FaultError } from '../model/fault.ts';
import { bodyText, type Unsealed } from './chain.ts';

/** How much the journal holds in memory. */
export interface JournalLimits {
  readonly recordBytes: number;
  readonly queuedRecords: number;
  /** Records that wait to be written and written ones that are not yet on the disk, together. */
  readonly heldBytes: number;
}

/**
 * One record may carry the parameters of a body of 8 MiB (the default limit of what is judged) even where JSON escapes
 * most of it; four times that is the most that is taken in.
 */
export const MAX_RECORD_BYTES = 32 * 1024 * 1024;

/** More requests than may be open at once at their configured bounds; a disk that is this far behind is not working. */
export const MAX_QUEUED_RECORDS = 10_000;

/** Twice the largest record, so that one can be written while another waits. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;

export const JOURNAL_LIMITS: JournalLimits = {
  recordBytes: MAX_RECORD_BYTES,
  queuedRecords: MAX_QUEUED_RECORDS,
  heldBytes: MAX_HELD_BYTES,
};

/** Who waits for a record to get into the file, or onto the disk. */
export interface Waiter {
  readonly durability: 'written' | 'synced';
  readonly resolve: (record: AuditRecord) => void;
  readonly reject: (error: Error) => void;
}

/** A record that is in the file and whose caller waits for the disk: for everything up to the byte `end`. */
export interface Waiting {
  readonly end: number;
  readonly record: AuditRecord;
  readonly waiter: Waiter;
}

/** A record on its way into the file. */
export interface Pending extends Unsealed, Waiter {
  readonly bytes: number;
}

/** What the members that the journal adds to a body take, at most: numbers, id, time and two hashes. */
const ENVELOPE_BYTES = 512;

/** What one write takes: enough to share the call, little enough for the first of a batch not to wait for the last. */
export const BATCH_BYTES = 1024 * 1024;

/** Records that wait to be written, in order, bounded. */
export class AppendQueue {
  readonly #limits: JournalLimits;
  #pending: Pending[] = [];
  #bytes = 0;

  constructor(limits: JournalLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#pending.length;
  }

  /**
   * The text of a body and its size, where there is room for it beside `unsyncedBytes`. Throws
   * `FaultError('audit-unavailable')`.
   */
  measure(body: RecordBody, unsyncedBytes: number): { readonly text: string; readonly bytes: number } {
    if (this.#pending.length >= this.#limits.queuedRecords) {
      throw unavailable(`${this.#pending.length} records wait for the disk, as many as may`);
    }
    const text = textOf(body);
    const bytes = Buffer.byteLength(text) + ENVELOPE_BYTES;
    if (bytes > this.#limits.recordBytes) {
      throw unavailable(`expected a record of at most ${this.#limits.recordBytes} bytes, found ${bytes}`);
    }
    const held = this.#bytes + unsyncedBytes;
    if (held + bytes > this.#limits.heldBytes) {
      throw unavailable(`${held} bytes wait for the disk, and ${bytes} more would be over ${this.#limits.heldBytes}`);
    }
    return { text, bytes };
  }

  push(pending: Pending): void {
    this.#pending.push(pending);
    this.#bytes += pending.bytes;
  }

  /** Takes the oldest records: at least one where there are any, and no more than fit into `limitBytes`. */
  take(limitBytes: number): readonly Pending[] {
    let count = 0;
    let bytes = 0;
    for (const pending of this.#pending) {
      if (count > 0 && bytes + pending.bytes > limitBytes) break;
      bytes += pending.bytes;
      count += 1;
    }
    this.#bytes -= bytes;
    return this.#pending.splice(0, count);
  }
}

function textOf(body: RecordBody): string {
  try {
    return bodyText(body);
  } catch (error) {
    throw unavailable(`the record cannot be written as JSON: ${messageOf(error)}`, error);
  }
}

/** The fault of a record that did not get into the journal. */
export function unavailable(detail: string, cause?: unknown): FaultError {
  return new FaultError('audit-unavailable', detail, cause === undefined ? undefined : { cause });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
