import type { Digest } from '../model/brand.ts';
import type { AuditRecord } from '../model/record.ts';

/** Up to which record a sink has the journal. */
export interface SinkCursor {
  readonly segment: number;
  /** Where the newest record that it has starts and ends, in bytes from the start of the segment. */
  readonly start: number;
  readonly end: number;
  /** The hash of that record: it shows whether the journal is still the one that the cursor was made for. */
  readonly hash: Digest;
}

/** A record on its way to a sink, and the journal's own line of it without the line feed. */
export interface SinkRecord {
  readonly record: AuditRecord;
  readonly line: string;
}

export interface SinkBatch {
  readonly records: readonly SinkRecord[];
  /** The cursor once this batch is in. */
  readonly cursor: SinkCursor;
}

/**
 * A place that audit records are copied to: a database, a web service, standard output. It gets every record at least
 * once and in order; after a restart, some of them again, with the same id.
 */
export interface Sink {
  /** For logs and metrics. */
  readonly name: string;
  /** The cursor of the newest batch that it took; null when it has none. */
  cursor(): Promise<SinkCursor | null>;
  /** Takes a batch and its cursor, both or neither. Rejects when it could not; the same batch comes again then. */
  deliver(batch: SinkBatch): Promise<void>;
  /** Brings what it took to the disk, where that is not so when `deliver` resolves. */
  persist?(): Promise<void>;
  /** Lets go of what the journal let go of: the records up to a number. */
  forget?(upToSeq: number): Promise<void>;
  /** Called when nothing is left to deliver for now: the moment for what can wait. */
  idle?(): Promise<void>;
  close(): Promise<void>;
}

/** A sink did not take a batch; the batch stays where it is and is tried again. */
export class SinkRefusal extends Error {
  /** How long to wait before the next try, as the other side asked; null where it did not. */
  readonly retryAfterMs: number | null;
  /** True where the same batch will be refused until somebody changes something. */
  readonly lasting: boolean;

  constructor(message: string, options: { readonly retryAfterMs?: number | null; readonly lasting?: boolean } = {}) {
    super(message);
    this.name = 'SinkRefusal';
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.lasting = options.lasting ?? false;
  }
}
