import { existsSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { OpenedJournal } from '../../../src/audit/journal.ts';
import { knownEndOf } from '../../../src/audit/known-end.ts';
import { Retention, type RetentionOptions } from '../../../src/audit/retention.ts';
import { startFeed, type SinkFeed } from '../../../src/audit/sink-feed.ts';
import { openSqliteSink } from '../../../src/audit/sqlite-sink.ts';
import type { Verification } from '../../../src/audit/verification.ts';
import { verifyJournal } from '../../../src/audit/verify.ts';
import type { ChainHead } from '../../../src/audit/chain.ts';
import { fixedClock, intent, keptLog, NOON } from './bodies.ts';
import { appendSynced, keysIn, signingWith } from './signing.ts';
import { open, recordsIn, temporaryDirectories } from './temporary.ts';

const directory = temporaryDirectories();
const HOUR = 3_600_000;

interface Kept {
  readonly folder: string;
  readonly dir: string;
  readonly journal: OpenedJournal;
  readonly feed: SinkFeed;
  readonly log: ReturnType<typeof keptLog>;
  sweep(settings: RetentionOptions['settings'], feeds?: RetentionOptions['feeds']): Promise<void>;
  end(): Promise<void>;
}

/** A journal of several segments that the audit database has, each of them written an hour after the one before. */
async function kept(): Promise<Kept> {
  const folder = directory();
  const dir = join(folder, 'journal');
  const log = keptLog();
  const journal = await open(dir, { signing: await signingWith(folder, { segmentBytes: 2_500 }) });
  const feed = startFeed({ journal, sink: openSqliteSink(join(folder, 'audit.db')), log });
  await appendSynced(journal, 40);
  await feed.caughtUp();
  const names = segmentsIn(dir);
  for (const [index, name] of names.entries()) {
    const at = (NOON - (names.length - 1 - index) * HOUR) / 1_000;
    utimesSync(join(dir, name), at, at);
  }
  return {
    folder,
    dir,
    journal,
    feed,
    log,
    async sweep(settings, feeds = [feed]) {
      await new Retention({ journal, feeds, settings, clock: fixedClock(), log }).sweep();
    },
    async end() {
      await journal.close();
      await feed.stop(2_000);
    },
  };
}

function segmentsIn(dir: string): readonly string[] {
  return readdirSync(dir).filter((name) => name.endsWith('.jsonl'));
}

async function verify(
  { dir, folder }: Pick<Kept, 'dir' | 'folder'>,
  anchors: readonly ChainHead[] = [],
): Promise<Verification> {
  const { known } = await keysIn(folder);
  return await verifyJournal({ dir, anchors, keys: known, wait: () => Promise.resolve() });
}

const BY_AGE = { maxAgeMs: 2.5 * HOUR, maxBytes: null };

describe('retention', () => {
  it('takes what is too old, and what is left is proven to follow it', async () => {
    const trail = await kept();
    const before = segmentsIn(trail.dir);
    const gone = recordsIn(trail.dir, before[before.length - 4]).at(-1);
    if (gone === undefined) throw new Error('expected a record');
    await trail.sweep(BY_AGE);
    expect(segmentsIn(trail.dir)).toEqual(before.slice(-3));
    const removed = { segment: before.length - 3, seq: gone.seq, hash: gone.hash };
    const checkpoint = recordsIn(trail.dir, before.at(-1)).findLast(({ kind }) => kind === 'checkpoint');
    expect(checkpoint).toMatchObject({ reason: 'removal', removed });
    expect(trail.log.events).toContain('audit.segments-removed');
    expect(await verify(trail)).toMatchObject({ ok: true, removed: gone.seq });
    await trail.end();
    // The end of what was removed is an anchor as good as any; an older one, alone, has nothing to be compared with.
    expect(await verify(trail, [gone])).toMatchObject({ ok: true, end: { kind: 'anchored', seq: gone.seq } });
    const older = { seq: 1, hash: gone.hash };
    expect(await verify(trail, [older, gone])).toMatchObject({ ok: true, end: { kind: 'anchored', seq: gone.seq } });
    expect(await verify(trail, [older])).toMatchObject({
      ok: false,
      breaks: [{ file: 'anchors', problem: expect.stringContaining('give a newer one') }],
    });
    expect(await verify(trail, [{ seq: gone.seq, hash: gone.prev }])).toMatchObject({ ok: false });
  });

  it('takes the oldest while all are too large, but never the newest', async () => {
    const trail = await kept();
    await trail.sweep({ maxAgeMs: null, maxBytes: 6_000 });
    expect(segmentsIn(trail.dir).length).toBeLessThan(4);
    await trail.sweep({ maxAgeMs: null, maxBytes: 1 });
    expect(segmentsIn(trail.dir)).toHaveLength(1);
    await trail.sweep({ maxAgeMs: 0, maxBytes: 1 });
    expect(segmentsIn(trail.dir)).toHaveLength(1);
    expect(await verify(trail)).toMatchObject({ ok: true });
    await trail.end();
  });

  it('takes nothing that a sink still needs, and says which sink that is', async () => {
    const trail = await kept();
    const before = segmentsIn(trail.dir);
    const slow = {
      name: 'siem',
      neededSegment: () => 2,
      persist: async () => await Promise.resolve(),
      forget: async () => await Promise.resolve(),
    };
    await trail.sweep(BY_AGE, [trail.feed, slow]);
    expect(segmentsIn(trail.dir)).toEqual(before.slice(1));
    expect(trail.log.lines.find(({ event }) => event === 'audit.retention-waits')?.fields).toMatchObject({
      sinks: ['siem'],
    });
    await trail.end();
  });

  it('keeps everything where a cursor cannot be brought to the disk', async () => {
    const trail = await kept();
    const before = segmentsIn(trail.dir);
    const failing = {
      name: 'siem',
      neededSegment: () => 100,
      persist: () => Promise.reject(new Error('EIO')),
      forget: async () => await Promise.resolve(),
    };
    await trail.sweep(BY_AGE, [failing]);
    expect(segmentsIn(trail.dir)).toEqual(before);
    expect(trail.log.events).toContain('audit.retention-failed');
    await trail.end();
  });

  it('takes the same from the audit database, but nothing of an exchange that goes on', async () => {
    const trail = await kept();
    await trail.journal.append(intent('x-3'), 'synced');
    await trail.feed.caughtUp();
    await trail.sweep(BY_AGE);
    const database = new DatabaseSync(join(trail.folder, 'audit.db'), { readOnly: true });
    const numbers = database
      .prepare('SELECT seq FROM record ORDER BY seq')
      .all()
      .map(({ seq }) => Number(seq));
    const exchanges = database
      .prepare('SELECT id FROM exchange')
      .all()
      .map(({ id }) => id);
    database.close();
    const left = segmentsIn(trail.dir).flatMap((name) => recordsIn(trail.dir, name));
    expect(numbers[0]).toBe(left[0]?.seq);
    expect(exchanges).toEqual(['x-3']);
    await trail.end();
  });

  it('lets the gateway start again, and the database too, without starting over', async () => {
    const trail = await kept();
    await trail.sweep({ maxAgeMs: null, maxBytes: 1 });
    await trail.end();
    const log = keptLog();
    const journal = await open(trail.dir, {
      signing: await signingWith(trail.folder),
      knownEnd: () => knownEndOf(join(trail.folder, 'audit.db')),
    });
    const feed = startFeed({ journal, sink: openSqliteSink(join(trail.folder, 'audit.db')), log });
    await appendSynced(journal, 2, 100);
    await feed.caughtUp();
    await journal.close();
    await feed.stop(2_000);
    expect(log.events).toEqual([]);
    expect(await verify(trail)).toMatchObject({ ok: true });
  });

  it('cannot be claimed for a segment that somebody else took away', async () => {
    const trail = await kept();
    await trail.sweep(BY_AGE);
    await trail.end();
    const [oldest = ''] = segmentsIn(trail.dir);
    rmSync(join(trail.dir, oldest));
    const found = await verify(trail);
    expect(found.breaks[0]?.problem).toContain(`segment ${oldest} is missing, and no signed checkpoint says`);
    expect(existsSync(join(trail.dir, oldest))).toBe(false);
  });
});
