import type { Clock, Log } from '../model/ports.ts';
import type { AuditRecord, RecordBody } from '../model/record.ts';
import { AppendQueue, messageOf, unavailable, type JournalLimits, type Pending } from './append-queue.ts';
import { bodyText, seal, type ChainHead, type SealedRecord, type Unsealed } from './chain.ts';
import { closingRecords, type Trouble } from './closing.ts';
import { OwedOutcomes } from './owed-outcomes.ts';
import type { SegmentWriter } from './segment-writer.ts';

/** What one write takes: enough to share the call, little enough for the first of a batch not to wait for the last. */
export const BATCH_BYTES = 1024 * 1024;

/** Times of the journal, in milliseconds. */
export interface JournalTimes {
  readonly backgroundSyncMs: number;
  readonly stallMs: number;
  readonly repairMs: number;
}

export const JOURNAL_TIMES: JournalTimes = {
  /** How long a record that nobody waits for may be in the file and not on the disk. */
  backgroundSyncMs: 1_000,
  /** A disk that has not answered by then is refused as if it had failed: a request must not wait without end. */
  stallMs: 10_000,
  /** How often a disk that failed to sync is tried again: each try rewrites what is not known to be on it. */
  repairMs: 500,
};

export interface GroupCommitOptions {
  readonly writer: SegmentWriter;
  readonly head: ChainHead;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
  readonly limits: JournalLimits;
  readonly times: JournalTimes;
  /** Called when more of the journal is on the disk. */
  readonly onSynced: () => void;
}

/** A record that is in the file and whose caller waits for the disk. */
interface Waiting {
  readonly end: number;
  readonly record: AuditRecord;
  readonly pending: Pending;
}

/** Records of one tick share one write, records that wait at the same time share one sync; the order is the chain's. */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #writer: SegmentWriter;
  readonly #queue: AppendQueue;
  readonly #owed: OwedOutcomes;
  #head: ChainHead;
  #waiting: Waiting[] = [];
  /** Records that are in the file although their append was refused. */
  #refused: AuditRecord[] = [];
  #trouble: Trouble | null = null;
  /** How many calls of the disk have not answered in time and still run. */
  #stalls = 0;
  #pumping: Promise<void> | null = null;
  #syncing: Promise<void> | null = null;
  #syncWanted = false;
  #timer: NodeJS.Timeout | null = null;
  #repairAt = 0;
  #closed = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#writer = options.writer;
    this.#head = options.head;
    this.#queue = new AppendQueue(options.limits);
    this.#owed = new OwedOutcomes(options.limits.queuedRecords, options.log);
  }

  get head(): ChainHead {
    return this.#head;
  }

  /** Why records are refused now; null when they are not. */
  get problem(): string | null {
    return this.#trouble?.problem ?? null;
  }

  append(body: RecordBody, durability: 'written' | 'synced'): Promise<AuditRecord> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw unavailable('the journal is closed');
      const stamp = this.#stamp();
      try {
        if (this.#stalls > 0) throw unavailable(this.problem ?? 'the disk does not answer');
        const measured = this.#queue.measure(body, this.#writer.unsyncedBytes);
        this.#queue.push({ body, ...measured, stamp, durability, resolve, reject });
      } catch (error) {
        this.#owed.keep(body, stamp);
        throw error;
      } finally {
        this.#pump();
      }
    });
  }

  /** Resolves when all that was appended has been written and synced, or refused. No record is taken any more. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#pumping !== null) await this.#pumping;
    this.#repairAt = 0;
    if (this.#trouble !== null) await this.#commit([]);
    this.#syncNow();
    while (this.#syncing !== null) await this.#syncing;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #stamp(): { readonly id: string; readonly time: string } {
    return { id: this.#options.newId(), time: new Date(this.#options.clock.now()).toISOString() };
  }

  #pump(): void {
    this.#pumping ??= this.#run();
  }

  async #run(): Promise<void> {
    // What else this turn of the event loop appends shares the write.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    do await this.#commit(this.#queue.take(BATCH_BYTES));
    while (this.#queue.length > 0 || (this.#owed.length > 0 && this.#trouble === null));
    // In the turn in which the queue was seen empty: what is appended after it starts the next run.
    this.#pumping = null;
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const refused = this.#trouble === null ? [] : this.#refused;
    if (this.#trouble !== null) this.#refused = [];
    const owed = this.#owed.take();
    try {
      if (this.#writer.distrusted) await this.#repair(batch);
      const sealed = this.#seal([...this.#closing(refused), ...owed, ...batch]);
      if (sealed.length > 0) await this.#write(batch, sealed);
    } catch (error) {
      this.#refused = [...refused, ...this.#refused];
      this.#owed.giveBack(owed);
      this.#fails('write', error);
      this.#refuseUnwritten(batch, error);
    }
  }

  /** After trouble, the first records say what happened: they are also what shows that the disk works again. */
  #closing(refused: readonly AuditRecord[]): readonly Unsealed[] {
    if (this.#trouble === null) return [];
    return closingRecords(refused, this.#trouble).map((body) => ({ body, text: bodyText(body), stamp: this.#stamp() }));
  }

  #seal(records: readonly Unsealed[]): readonly SealedRecord[] {
    let head = this.#head;
    return records.map(({ body, text, stamp }) => {
      const sealed = seal(body, text, stamp, head);
      head = sealed.record;
      return sealed;
    });
  }

  async #write(batch: readonly Pending[], sealed: readonly SealedRecord[]): Promise<void> {
    const bytes = Buffer.from(sealed.map(({ line }) => line).join(''));
    const inTime = await this.#inTime(this.#writer.append(bytes), batch);
    this.#head = sealed.at(-1)?.record ?? this.#head;
    const records = sealed.slice(sealed.length - batch.length).map(({ record }) => record);
    if (!inTime || this.#writer.distrusted) {
      this.#refused.push(...records);
      this.#refuse(batch, new Error(this.problem ?? 'the disk failed'));
      this.#wake(this.#options.times.repairMs);
      return;
    }
    this.#works();
    this.#acknowledge(batch, records);
    if (this.#waiting.length > 0 || this.#writer.unsyncedBytes > BATCH_BYTES) this.#syncNow();
    else this.#wake(this.#options.times.backgroundSyncMs);
  }

  #acknowledge(batch: readonly Pending[], records: readonly AuditRecord[]): void {
    const end = this.#writer.length;
    for (const [index, record] of records.entries()) {
      const pending = batch[index];
      if (pending?.durability === 'written') pending.resolve(record);
      else if (pending !== undefined) this.#waiting.push({ end, record, pending });
    }
  }

  #syncNow(): void {
    if (this.#writer.distrusted) return;
    this.#syncWanted = true;
    this.#syncing ??= this.#syncAll();
  }

  async #syncAll(): Promise<void> {
    while (this.#syncWanted || this.#waiting.length > 0) {
      this.#syncWanted = false;
      try {
        await this.#inTime(this.#writer.sync(), []);
      } catch (error) {
        this.#repairAt = this.#options.clock.monotonic() + this.#options.times.repairMs;
        this.#fails('sync', error);
        this.#refuseWaiting(error);
        break;
      }
      this.#release();
    }
    this.#syncing = null;
  }

  #release(): void {
    const { syncedLength } = this.#writer;
    const done = this.#waiting.filter(({ end }) => end <= syncedLength);
    this.#waiting = this.#waiting.filter(({ end }) => end > syncedLength);
    for (const { pending, record } of done) pending.resolve(record);
    this.#options.onSynced();
  }

  /** Writes again what a failed sync left in doubt, unless that was tried just now. */
  async #repair(batch: readonly Pending[]): Promise<void> {
    const { clock, times } = this.#options;
    if (clock.monotonic() < this.#repairAt) throw new Error(this.problem ?? 'the disk failed to sync');
    this.#repairAt = clock.monotonic() + times.repairMs;
    await this.#inTime(this.#writer.repair(), batch);
    this.#options.onSynced();
  }

  /** Waits for the disk; when it takes too long, everybody who waits is refused. Resolves with whether it was in time. */
  async #inTime(work: Promise<void>, batch: readonly Pending[]): Promise<boolean> {
    const { stallMs } = this.#options.times;
    let inTime = true;
    const timer = setTimeout(() => {
      inTime = false;
      this.#stalls += 1;
      const stall = new Error(`the disk has not answered for ${stallMs} ms`);
      this.#fails('wait', stall);
      // What became of the batch is known when the disk answers; what was queued behind it is not written.
      this.#refuse(batch, stall);
      this.#refuseUnwritten(this.#queue.take(Number.POSITIVE_INFINITY), stall);
      this.#refuseWaiting(stall);
    }, stallMs);
    try {
      await work;
      return inTime;
    } finally {
      clearTimeout(timer);
      if (!inTime) this.#stalls -= 1;
    }
  }

  #refuse(batch: readonly Pending[], error: unknown): void {
    if (this.#trouble !== null) this.#trouble = { ...this.#trouble, refusals: this.#trouble.refusals + batch.length };
    for (const { reject } of batch) reject(unavailable(messageOf(error), error));
  }

  #refuseUnwritten(batch: readonly Pending[], error: unknown): void {
    for (const { body, stamp } of batch) this.#owed.keep(body, stamp);
    this.#refuse(batch, error);
  }

  #refuseWaiting(error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#refused.push(...waiting.map(({ record }) => record));
    this.#refuse(
      waiting.map(({ pending }) => pending),
      error,
    );
  }

  #fails(doing: 'write' | 'sync' | 'wait', error: unknown): void {
    const problem = messageOf(error);
    if (this.#trouble === null) {
      this.#options.log.error('audit.journal-failing', { doing, problem });
      this.#trouble = { problem, since: new Date(this.#options.clock.now()).toISOString(), refusals: 0 };
    }
    this.#wake(this.#options.times.repairMs);
  }

  #works(): void {
    if (this.#trouble === null) return;
    const { problem, since, refusals } = this.#trouble;
    this.#options.log.info('audit.journal-works-again', { after: problem, since, refusals });
    this.#trouble = null;
  }

  /** Looks after the disk in a while, when nobody else does. */
  #wake(afterMs: number): void {
    if (this.#timer !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#trouble !== null) this.#pump();
      else if (this.#writer.unsyncedBytes > 0) this.#syncNow();
    }, afterMs);
    this.#timer.unref();
  }
}
