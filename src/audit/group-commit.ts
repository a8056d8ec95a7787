import type { Clock, Log } from '../model/ports.ts';
import type { AuditRecord, RecordBody } from '../model/record.ts';
import { AppendQueue, BATCH_BYTES, messageOf, unavailable } from './append-queue.ts';
import type { JournalLimits, Pending, Waiter, Waiting } from './append-queue.ts';
import { sealAll, type ChainHead, type SealedRecord } from './chain.ts';
import { closingRecords } from './closing.ts';
import { JournalHealth } from './journal-health.ts';
import type { JournalTimes } from './journal-times.ts';
import { OwedOutcomes } from './owed-outcomes.ts';
import type { RollingWriter } from './rolling-writer.ts';
import type { DueReason, Upkeep } from './upkeep.ts';

export interface GroupCommitOptions {
  readonly writer: RollingWriter;
  /** Signs checkpoints and says when a new segment begins; null where neither happens. */
  readonly upkeep: Upkeep | null;
  readonly head: ChainHead;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
  readonly limits: JournalLimits;
  readonly times: JournalTimes;
  /** Called when more of the journal is on the disk. */
  readonly onSynced: () => void;
}

/** Records of one tick share one write, records that wait at the same time share one sync; the order is the chain's. */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #writer: RollingWriter;
  readonly #queue: AppendQueue;
  readonly #owed: OwedOutcomes;
  readonly #health: JournalHealth;
  #head: ChainHead;
  #waiting: Waiting[] = [];
  /** Records that are in the file although their append was refused. */
  #refused: AuditRecord[] = [];
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
    this.#health = new JournalHealth(options.log, options.clock);
    options.upkeep?.onDue(() => {
      if (!this.#closed) this.#pump();
    });
  }

  get head(): ChainHead {
    return this.#head;
  }

  /** Why records are refused now; null when they are not. */
  get problem(): string | null {
    return this.#health.problem;
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
    if (!this.#health.good) await this.#commit([]);
    if (this.#health.good) await this.#checkpoint('end');
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
    do {
      await this.#keepUp();
      await this.#commit(this.#queue.take(BATCH_BYTES));
    } while (this.#queue.length > 0 || (this.#health.good && (this.#owed.length > 0 || this.#due() !== null)));
    // In the turn in which the queue was seen empty: what is appended after it starts the next run.
    this.#pumping = null;
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const refused = this.#health.good ? [] : this.#refused;
    if (!this.#health.good) this.#refused = [];
    const owed = this.#owed.take();
    const closing = closingRecords(refused, this.#health.trouble, () => this.#stamp());
    try {
      if (this.#writer.distrusted) await this.#repair(batch);
      const sealed = sealAll([...closing, ...owed, ...batch], this.#head);
      if (sealed.length > 0) await this.#write(batch, sealed);
    } catch (error) {
      this.#refused = [...refused, ...this.#refused];
      this.#owed.giveBack(owed);
      this.#fails('write', error);
      this.#refuseUnwritten(batch, error);
    }
  }

  #due(): DueReason | null {
    return this.#options.upkeep?.due() ?? null;
  }

  /** Between batches: begins a new segment, signs a checkpoint. */
  async #keepUp(): Promise<void> {
    const reason = this.#health.good ? this.#due() : null;
    if (reason === 'segment' && !(await this.#roll())) return;
    if (reason !== null) await this.#checkpoint(reason);
  }

  /** Begins a new segment once all of this one is on the disk; true when a new one has begun. */
  async #roll(): Promise<boolean> {
    while (this.#writer.unsyncedBytes > 0 && this.#health.good) {
      this.#syncNow();
      await this.#syncing;
    }
    const { upkeep } = this.#options;
    if (upkeep === null || !this.#health.good) return false;
    await this.#inTime(upkeep.roll(), []);
    return upkeep.hasRolled && this.#health.good;
  }

  async #checkpoint(reason: DueReason | 'end'): Promise<void> {
    const { upkeep } = this.#options;
    if (upkeep === null) return;
    try {
      const waiter = { durability: 'synced', resolve: upkeep.durable, reject: () => undefined } as const;
      await this.#write([waiter], [upkeep.seal(reason, this.#stamp(), this.#head)]);
    } catch (error) {
      this.#fails('write', error);
    }
  }

  async #write(batch: readonly Waiter[], sealed: readonly SealedRecord[]): Promise<void> {
    const bytes = Buffer.from(sealed.map(({ line }) => line).join(''));
    const inTime = await this.#inTime(this.#writer.append(bytes), batch);
    this.#head = sealed.at(-1)?.record ?? this.#head;
    this.#options.upkeep?.wrote(sealed);
    const records = sealed.slice(sealed.length - batch.length).map(({ record }) => record);
    if (!inTime || this.#writer.distrusted) {
      this.#refused.push(...records);
      this.#refuse(batch, new Error(this.problem ?? 'the disk failed'));
      this.#wake(this.#options.times.repairMs);
      return;
    }
    this.#health.works();
    this.#acknowledge(batch, records);
    if (this.#waiting.length > 0 || this.#writer.unsyncedBytes > BATCH_BYTES) this.#syncNow();
    else this.#wake(this.#options.times.backgroundSyncMs);
  }

  #acknowledge(batch: readonly Waiter[], records: readonly AuditRecord[]): void {
    const end = this.#writer.length;
    for (const [index, record] of records.entries()) {
      const waiter = batch[index];
      if (waiter?.durability === 'written') waiter.resolve(record);
      else if (waiter !== undefined) this.#waiting.push({ end, record, waiter });
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
    for (const { waiter, record } of done) waiter.resolve(record);
    this.#options.onSynced();
  }

  /** Writes again what a failed sync left in doubt, unless that was tried just now. */
  async #repair(batch: readonly Waiter[]): Promise<void> {
    const { clock, times } = this.#options;
    if (clock.monotonic() < this.#repairAt) throw new Error(this.problem ?? 'the disk failed to sync');
    this.#repairAt = clock.monotonic() + times.repairMs;
    await this.#inTime(this.#writer.repair(), batch);
    this.#options.onSynced();
  }

  /** Waits for the disk; when it takes too long, everybody who waits is refused. Resolves with whether it was in time. */
  async #inTime(work: Promise<void>, batch: readonly Waiter[]): Promise<boolean> {
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

  #refuse(batch: readonly Waiter[], error: unknown): void {
    this.#health.refused(batch.length);
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
      waiting.map(({ waiter }) => waiter),
      error,
    );
  }

  #fails(doing: 'write' | 'sync' | 'wait', error: unknown): void {
    this.#health.fails(doing, messageOf(error));
    this.#wake(this.#options.times.repairMs);
  }

  /** Looks after the disk in a while, when nobody else does. */
  #wake(afterMs: number): void {
    if (this.#timer !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (!this.#health.good) this.#pump();
      else if (this.#writer.unsyncedBytes > 0) this.#syncNow();
    }, afterMs);
    this.#timer.unref();
  }
}
