import { stat, unlink } from 'node:fs/promises';
import type { Clock, Log } from '../model/ports.ts';
import type { RemovedPrefix } from '../model/record.ts';
import { messageOf } from './append-queue.ts';
import type { OpenedJournal } from './journal.ts';
import { readOpening } from './recovery-start.ts';
import { listSegments, syncDirectory, type Segment } from './segment.ts';
import type { SinkFeed } from './sink-feed.ts';

/** How often it is looked whether segments may go. */
export const RETENTION_INTERVAL_MS = 60_000;

export interface RetentionSettings {
  /** Segments whose newest record is older go; null keeps them. */
  readonly maxAgeMs: number | null;
  /** The oldest segments go while all together are larger; null keeps them. */
  readonly maxBytes: number | null;
}

export interface RetentionOptions {
  readonly journal: Pick<OpenedJournal, 'dir' | 'syncedPosition' | 'recordRemoval'>;
  readonly feeds: readonly Pick<SinkFeed, 'name' | 'neededSegment' | 'persist' | 'forget'>[];
  readonly settings: RetentionSettings;
  readonly clock: Clock;
  readonly log: Log;
}

interface Measured {
  readonly segment: Segment;
  readonly bytes: number;
  readonly writtenAt: number;
}

/** Takes away segments that are finished and that every sink has. What was taken stands in a signed checkpoint first. */
export class Retention {
  readonly #options: RetentionOptions;
  #running: Promise<void> | null = null;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Looks once; while one look runs, another is the same. Never rejects. */
  sweep(): Promise<void> {
    this.#running ??= this.#sweep()
      .catch((error: unknown) => this.#options.log.error('audit.retention-failed', { problem: messageOf(error) }))
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }

  async #sweep(): Promise<void> {
    const { journal, feeds, log } = this.#options;
    const segments = await listSegments(journal.dir);
    const outdated = this.#outdated(await Promise.all(segments.map(measure)), journal.syncedPosition().segment);
    const free = outdated.filter(({ number }) => feeds.every((feed) => feed.neededSegment() > number));
    if (free.length < outdated.length) {
      const sinks = feeds.filter((feed) => feed.neededSegment() <= (outdated.at(-1)?.number ?? 0));
      log.warn('audit.retention-waits', {
        sinks: sinks.map(({ name }) => name),
        segments: outdated.length - free.length,
      });
    }
    const removed = await lastRemovable(segments, free);
    if (removed === null) return;
    // A power cut must not take a cursor back into a segment that is gone.
    for (const feed of feeds) await feed.persist();
    await journal.recordRemoval(removed);
    const gone = free.filter(({ number }) => number <= removed.segment);
    for (const { path } of gone) await unlink(path);
    await syncDirectory(journal.dir);
    log.info('audit.segments-removed', { segments: gone.map(({ name }) => name), last_record: removed.seq });
    for (const feed of feeds) await feed.forget(removed.seq);
  }

  /** The finished segments that are too old, or too much, the oldest first. */
  #outdated(measured: readonly Measured[], newest: number): readonly Segment[] {
    const { clock, settings } = this.#options;
    const { maxAgeMs, maxBytes } = settings;
    let total = measured.reduce((sum, { bytes }) => sum + bytes, 0);
    const outdated: Segment[] = [];
    for (const { segment, bytes, writtenAt } of measured) {
      const old = maxAgeMs !== null && clock.now() - writtenAt > maxAgeMs;
      if (segment.number >= newest || !(old || (maxBytes !== null && total > maxBytes))) break;
      outdated.push(segment);
      total -= bytes;
    }
    return outdated;
  }
}

async function measure(segment: Segment): Promise<Measured> {
  const { size, mtimeMs } = await stat(segment.path);
  return { segment, bytes: size, writtenAt: mtimeMs };
}

/** Up to where segments can go: what is left has to begin with a checkpoint. Null where none can. */
async function lastRemovable(all: readonly Segment[], free: readonly Segment[]): Promise<RemovedPrefix | null> {
  for (const { number } of free.toReversed()) {
    const next = all.find((segment) => segment.number === number + 1);
    const opening = next === undefined ? null : await readOpening(next);
    if (opening !== null) return { segment: number, ...opening.before };
  }
  return null;
}
