import type { Clock, Log } from '../model/ports.ts';
import type { AuditRecord, CheckpointBody, RemovedPrefix } from '../model/record.ts';
import { messageOf } from './append-queue.ts';
import type { ChainHead, SealedRecord, Stamp } from './chain.ts';
import { sealCheckpoint } from './checkpoint.ts';
import type { OpenIntent } from './recovery.ts';
import type { RollingWriter } from './rolling-writer.ts';
import type { JournalSigner } from './signing-key.ts';

/** How often the journal is signed, and how long a segment gets. */
export interface UpkeepSettings {
  /** A checkpoint is due after so many records, or so long after the first that none covers. */
  readonly checkpointRecords: number;
  readonly checkpointMs: number;
  /** A new segment begins when the newest has this size or age. */
  readonly segmentBytes: number;
  readonly segmentMs: number;
}

/** A signature costs 50 microseconds: at this distance, nothing beside the records. */
export const CHECKPOINT_RECORDS = 10_000;

/** How long after a new segment could not be begun that is tried again; the old one goes on meanwhile. */
const ROLL_RETRY_MS = 10_000;

/** What a journal knows of itself when it is opened. */
export interface JournalState {
  readonly openIntents: readonly OpenIntent[];
  /** The newest time of a record, RFC 3339; '' for none. */
  readonly newest: string;
  readonly removed: RemovedPrefix | null;
  /** When the newest segment began, RFC 3339; null where it holds nothing. */
  readonly segmentSince: string | null;
  /** True where the newest segment is empty and its first record is to be a checkpoint. */
  readonly rolled: boolean;
}

export interface UpkeepOptions {
  readonly writer: RollingWriter;
  readonly signer: JournalSigner;
  readonly settings: UpkeepSettings;
  readonly state: JournalState;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with each checkpoint that is on the disk. */
  readonly announce: (checkpoint: AuditRecord & CheckpointBody) => void;
}

export type DueReason = Exclude<CheckpointBody['reason'], 'end'>;

interface Removal {
  readonly removed: RemovedPrefix;
  readonly done: () => void;
}

/** What a journal does by itself between batches: signed checkpoints, and new segments. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #open: Map<string, OpenIntent>;
  #newest: string;
  #removed: RemovedPrefix | null;
  #segmentSince: number | null;
  #rolled: boolean;
  #rollAgainAt = 0;
  /** Records that no checkpoint covers, and since when there are some. */
  #uncovered = 0;
  #uncoveredSince = 0;
  #removal: Removal | null = null;
  #timer: NodeJS.Timeout | null = null;
  #wake: () => void = () => undefined;

  constructor(options: UpkeepOptions) {
    const { openIntents, newest, removed, segmentSince, rolled } = options.state;
    this.#options = options;
    this.#open = new Map(openIntents.map((intent) => [intent.exchangeId, intent]));
    this.#newest = newest;
    this.#removed = removed;
    this.#segmentSince = segmentSince === null ? null : Date.parse(segmentSince);
    this.#rolled = rolled;
  }

  /** Says whom to wake when something gets due without a record being appended. */
  onDue(wake: () => void): void {
    this.#wake = wake;
  }

  /** True from the beginning of a segment until its first record is written. */
  get hasRolled(): boolean {
    return this.#rolled;
  }

  due(): DueReason | null {
    const { clock, settings } = this.#options;
    if (this.#rolled || this.#segmentIsFull()) return 'segment';
    if (this.#removal !== null && this.#removal.removed !== this.#removed) return 'removal';
    if (this.#uncovered === 0) return null;
    const late = clock.monotonic() - this.#uncoveredSince >= settings.checkpointMs;
    return late || this.#uncovered >= settings.checkpointRecords ? 'interval' : null;
  }

  #segmentIsFull(): boolean {
    const { clock, settings, writer } = this.#options;
    if (this.#segmentSince === null || clock.monotonic() < this.#rollAgainAt) return false;
    return writer.end.offset >= settings.segmentBytes || clock.now() - this.#segmentSince >= settings.segmentMs;
  }

  /** Begins a new segment; where that cannot be, the old one goes on. Does nothing where one has begun already. */
  async roll(): Promise<void> {
    const { clock, log, writer } = this.#options;
    if (this.#rolled) return;
    try {
      await writer.roll();
      this.#rolled = true;
      this.#segmentSince = null;
    } catch (error) {
      this.#rollAgainAt = clock.monotonic() + ROLL_RETRY_MS;
      log.error('audit.segment-not-begun', { problem: messageOf(error), retryMs: ROLL_RETRY_MS });
    }
  }

  /** Signs everything before: the next record after `head`. */
  seal(reason: CheckpointBody['reason'], stamp: Stamp, head: ChainHead): SealedRecord {
    const draft = {
      reason,
      newest: this.#newest,
      open: reason === 'segment' ? [...this.#open.values()] : null,
      removed: this.#removal?.removed ?? this.#removed,
    };
    return sealCheckpoint(draft, this.#options.signer, stamp, head);
  }

  /** Notes what is in the file now. */
  wrote(sealed: readonly SealedRecord[]): void {
    for (const { record } of sealed) {
      this.#segmentSince ??= Date.parse(record.time);
      if (record.time > this.#newest) this.#newest = record.time;
      if (record.kind === 'checkpoint') this.#covered(record);
      else this.#note(record);
    }
  }

  #covered({ removed }: CheckpointBody): void {
    this.#rolled = false;
    this.#removed = removed;
    this.#uncovered = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #note(record: Exclude<AuditRecord, CheckpointBody>): void {
    const { clock, settings } = this.#options;
    this.#rolled = false;
    if (this.#uncovered === 0) this.#uncoveredSince = clock.monotonic();
    this.#uncovered += 1;
    if (this.#timer === null) {
      this.#timer = setTimeout(() => this.#wakeUp(), settings.checkpointMs);
      this.#timer.unref();
    }
    if (record.kind === 'intent') this.#open.set(record.exchangeId, { exchangeId: record.exchangeId, seq: record.seq });
    else if (record.kind === 'outcome' || record.kind === 'refusal') this.#open.delete(record.exchangeId);
  }

  #wakeUp(): void {
    this.#timer = null;
    this.#uncoveredSince = Number.NEGATIVE_INFINITY;
    this.#wake();
  }

  /** Called with a checkpoint once it is on the disk. */
  readonly durable = (record: AuditRecord): void => {
    if (record.kind !== 'checkpoint') return;
    if (this.#removal !== null && record.removed === this.#removal.removed) {
      this.#removal.done();
      this.#removal = null;
    }
    this.#options.announce(record);
  };

  /** Records that segments are taken away. Resolves when a checkpoint that says so is on the disk; one at a time. */
  recordRemoval(removed: RemovedPrefix): Promise<void> {
    return new Promise((resolve) => {
      this.#removal = { removed, done: resolve };
      this.#wake();
    });
  }
}
