import type { Log } from '../model/ports.ts';
import { messageOf } from './append-queue.ts';
import type { OpenedJournal } from './journal.ts';
import type { JournalPosition } from './segment.ts';
import { cursorFits, positionBehind, readBatch, type BatchLimits } from './sink-reader.ts';
import type { Sink, SinkBatch } from './sink.ts';

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
  readonly journal: Pick<OpenedJournal, 'dir' | 'syncedPosition' | 'onSynced'>;
  readonly sink: Sink;
  readonly log: Log;
  readonly settings?: FeedSettings;
}

/** Copies the journal to a sink, as it grows. */
export interface SinkFeed {
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
  #waiting: { readonly target: JournalPosition; readonly resolve: () => void }[] = [];

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#settings = options.settings ?? FEED_SETTINGS;
  }

  start(): void {
    this.#unsubscribe = this.#options.journal.onSynced(() => this.#wake());
    this.#running = this.#run();
  }

  problem(): string | null {
    return this.#problem;
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
        this.#fails(error, retryMs);
        if (this.#draining) return;
        await this.#pause(retryMs);
        retryMs = Math.min(retryMs * 2, this.#settings.longestRetryMs);
      }
    }
  }

  async #begin(): Promise<JournalPosition> {
    const { journal, sink, log } = this.#options;
    const cursor = await sink.cursor();
    if (cursor === null || (await cursorFits(journal.dir, cursor))) return await positionBehind(journal.dir, cursor);
    log.warn('audit.sink-starts-over', { sink: sink.name, segment: cursor.segment, end: cursor.end });
    return await positionBehind(journal.dir, null);
  }

  /** Delivers one batch; false when there was nothing to read. */
  async #step(from: JournalPosition): Promise<boolean> {
    const { journal, sink, log } = this.#options;
    const to = journal.syncedPosition();
    this.#settle();
    if (!isBefore(from, to)) return false;
    const { batch, next, skipped } = await readBatch(journal.dir, { from, to }, this.#settings.batch);
    for (const problem of skipped) log.error('audit.sink-skipped-line', { sink: sink.name, problem });
    if (batch !== null) await this.#deliver(batch);
    this.#position = next;
    return true;
  }

  async #deliver(batch: SinkBatch): Promise<void> {
    await this.#options.sink.deliver(batch);
    const restMs = this.#draining ? 0 : this.#settings.restMs;
    await new Promise((resolve) => {
      // Requests that came in meanwhile go first.
      if (restMs === 0) setImmediate(resolve);
      else setTimeout(resolve, restMs);
    });
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
    this.#options.log.error('audit.sink-failed', { sink: this.#options.sink.name, problem: this.#problem, retryMs });
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
