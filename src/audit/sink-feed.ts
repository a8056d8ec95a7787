import type { Log } from '../model/ports.ts';
import { messageOf } from './append-queue.ts';
import type { OpenedJournal } from './journal.ts';
import type { JournalPosition } from './segment.ts';
import { positionBehind, readBatch, recordAt, type BatchLimits } from './sink-reader.ts';
import type { SinkPace } from './sink-pace.ts';
import { SinkRefusal, type Sink, type SinkBatch } from './sink.ts';

export interface FeedSettings {
  readonly batch: BatchLimits;
  /** How long the feed rests after each batch. */
  readonly restMs: number;
  /** The first wait after a failure; it doubles up to the longest. */
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
}

export const FEED_SETTINGS: FeedSettings = {
  /** Small: a sink may work on the event loop that also answers requests, and 50 records are a millisecond or two of it. */
  batch: { records: 50, bytes: 256 * 1024 },
  /** Leaves most of a busy event loop to requests, and still copies more than 10,000 records in a second. */
  restMs: 2,
  firstRetryMs: 100,
  longestRetryMs: 30_000,
};

export interface FeedOptions {
  readonly journal: Pick<OpenedJournal, 'dir' | 'head' | 'syncedPosition' | 'onSynced'>;
  readonly sink: Sink;
  readonly log: Log;
  readonly settings?: FeedSettings;
  /** How long to rest after each batch; `settings.restMs` where nothing else is said. */
  readonly pace?: SinkPace;
  /** A number from 0 to 1: up to half of a wait is left to chance, so that many gateways do not return at once. */
  readonly random?: () => number;
}

/** The longest wait that another side may ask for (Retry-After, RFC 9110 section 10.2.3). */
const LONGEST_RETRY_AFTER_MS = 300_000;

/** Copies the journal to a sink, as it grows. */
export interface SinkFeed {
  readonly name: string;
  /** How many records of the journal the sink does not have yet; not a number until its cursor was read. */
  behind(): number;
  /** The oldest segment that the sink still needs: its cursor stands in it. */
  neededSegment(): number;
  /** Brings the cursor and what the sink took to the disk. */
  persist(): Promise<void>;
  /** Lets the sink go of records that the journal let go of. */
  forget(upToSeq: number): Promise<void>;
  /** Why the sink is behind; null when the last batch went in. For readiness and metrics. */
  problem(): string | null;
  /** Resolves when the sink has all that is on the disk now. */
  caughtUp(): Promise<void>;
  /** Ends the feed and closes the sink: after it has caught up, or after `deadlineMs`, or when it fails. */
  stop(deadlineMs: number): Promise<void>;
}

/**
 * Starts a feed. It reads behind the cursor of the sink, and only what is on the disk; it reads no faster than the sink
 * takes, and holds one batch. A batch that fails is tried again until it goes in: no record is left out.
 */
export function startFeed(options: FeedOptions): SinkFeed {
  const feed = new Feed(options);
  feed.start();
  return feed;
}

class Feed implements SinkFeed {
  readonly #options: FeedOptions;
  readonly #settings: FeedSettings;
  readonly #ended = new AbortController();
  #unsubscribe: () => void = () => undefined;
  #wake: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();
  #position: JournalPosition | null = null;
  #problem: string | null = null;
  #draining = false;
  /** The number of the newest record that the sink has, and the segment that it stands in. */
  #takenSeq = Number.NaN;
  #takenSegment = 0;
  #waiting: { readonly target: JournalPosition; readonly resolve: () => void }[] = [];

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#settings = options.settings ?? FEED_SETTINGS;
  }

  start(): void {
    this.#unsubscribe = this.#options.journal.onSynced(() => this.#wake());
    this.#running = this.#run();
  }

  get name(): string {
    return this.#options.sink.name;
  }

  problem(): string | null {
    return this.#problem;
  }

  behind(): number {
    return Math.max(0, this.#options.journal.head().seq - this.#takenSeq);
  }

  neededSegment(): number {
    return this.#takenSegment;
  }

  async persist(): Promise<void> {
    await this.#options.sink.persist?.();
  }

  async forget(upToSeq: number): Promise<void> {
    await this.#options.sink.forget?.(upToSeq);
  }

  caughtUp(): Promise<void> {
    const target = this.#options.journal.syncedPosition();
    return new Promise((resolve) => {
      this.#waiting.push({ target, resolve });
      this.#settle();
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#draining = true;
    this.#unsubscribe();
    this.#wake();
    const deadline = new Promise<void>((resolve) => {
      this.#ended.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const timer = setTimeout(() => this.#ended.abort(), deadlineMs);
    await Promise.race([this.#running, deadline]);
    clearTimeout(timer);
    await this.#options.sink.close();
  }

  async #run(): Promise<void> {
    let retryMs = this.#settings.firstRetryMs;
    while (!this.#ended.signal.aborted) {
      try {
        this.#position ??= await this.#begin();
        const moved = await this.#step(this.#position);
        this.#works();
        retryMs = this.#settings.firstRetryMs;
        if (!moved && this.#draining) return;
        if (!moved) await this.#idle();
      } catch (error) {
        const waitMs = this.#waitAfter(error, retryMs);
        this.#fails(error, waitMs);
        if (this.#draining) return;
        await this.#pause(waitMs);
        retryMs = Math.min(retryMs * 2, this.#settings.longestRetryMs);
      }
    }
  }

  async #begin(): Promise<JournalPosition> {
    const { journal, sink, log } = this.#options;
    const cursor = await sink.cursor();
    const taken = cursor === null ? null : await recordAt(journal.dir, cursor);
    this.#takenSeq = taken?.seq ?? 0;
    if (cursor !== null && taken !== null) {
      this.#takenSegment = cursor.segment;
      return await positionBehind(journal.dir, cursor);
    }
    if (cursor !== null)
      log.warn('audit.sink-starts-over', { sink: sink.name, segment: cursor.segment, end: cursor.end });
    return await positionBehind(journal.dir, null);
  }

  #waitAfter(error: unknown, retryMs: number): number {
    const { random = () => 1 } = this.#options;
    if (!(error instanceof SinkRefusal)) return retryMs * (0.5 + random() / 2);
    const asked = Math.min(error.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS);
    return Math.max(asked, (error.lasting ? this.#settings.longestRetryMs : retryMs) * (0.5 + random() / 2));
  }

  /** Delivers one batch; false when there was nothing to read. */
  async #step(from: JournalPosition): Promise<boolean> {
    const { journal, sink, log } = this.#options;
    const to = journal.syncedPosition();
    this.#settle();
    if (!isBefore(from, to)) return false;
    const began = performance.now();
    const { batch, next, skipped } = await readBatch(journal.dir, { from, to }, this.#settings.batch);
    for (const problem of skipped) log.error('audit.sink-skipped-line', { sink: sink.name, problem });
    if (batch !== null) await this.#deliver(batch, began);
    this.#position = next;
    return true;
  }

  /** `began`: when the batch was begun to be read, which takes the event loop as well. */
  async #deliver(batch: SinkBatch, began: number): Promise<void> {
    await this.#options.sink.deliver(batch);
    const tookMs = performance.now() - began;
    this.#takenSeq = batch.records.at(-1)?.record.seq ?? this.#takenSeq;
    this.#takenSegment = batch.cursor.segment;
    const restMs = this.#restMs(tookMs);
    await new Promise((resolve) => {
      // Requests that came in meanwhile go first.
      if (restMs === 0) setImmediate(resolve);
      else setTimeout(resolve, restMs);
    });
  }

  #restMs(tookMs: number): number {
    if (this.#draining) return 0;
    const { pace } = this.#options;
    // Whoever waits for the sink is a reader, and not kept waiting for the sake of others.
    if (pace === undefined || this.#waiting.length > 0) return this.#settings.restMs;
    return pace.restMs(tookMs, this.behind());
  }

  #settle(): void {
    const position = this.#position;
    if (position === null) return;
    const done = this.#waiting.filter(({ target }) => !isBefore(position, target));
    this.#waiting = this.#waiting.filter(({ target }) => isBefore(position, target));
    for (const { resolve } of done) resolve();
  }

  #works(): void {
    if (this.#problem !== null) this.#options.log.info('audit.sink-works-again', { sink: this.#options.sink.name });
    this.#problem = null;
  }

  #fails(error: unknown, retryMs: number): void {
    this.#problem = messageOf(error);
    const lasting = error instanceof SinkRefusal && error.lasting;
    this.#options.log.error('audit.sink-failed', { sink: this.name, problem: this.#problem, lasting, retryMs });
  }

  /** Waits until more is on the disk. */
  async #idle(): Promise<void> {
    await this.#options.sink.idle?.();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      // What was synced, or asked to stop, between the look at the journal and this line.
      if (this.#draining || this.#isBehind()) resolve();
    });
  }

  #isBehind(): boolean {
    return this.#position !== null && isBefore(this.#position, this.#options.journal.syncedPosition());
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const end = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#wake = () => {
        if (this.#draining) end();
      };
      this.#ended.signal.addEventListener('abort', end, { once: true });
    });
  }
}

function isBefore(left: JournalPosition, right: JournalPosition): boolean {
  return left.segment === right.segment ? left.offset < right.offset : left.segment < right.segment;
}
