import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { OpenedJournal } from '../../../src/audit/journal.ts';
import { FEED_SETTINGS, startFeed } from '../../../src/audit/sink-feed.ts';
import type { Sink, SinkBatch } from '../../../src/audit/sink.ts';
import { openSqliteSink } from '../../../src/audit/sqlite-sink.ts';
import { decisionOf, intent, keptLog, lifecycle, outcome, refusal, ZERO_DIGEST } from './bodies.ts';
import { gate, open, recordsIn, temporaryDirectories, until } from './temporary.ts';

const directory = temporaryDirectories();

interface Place {
  readonly journalDir: string;
  readonly database: string;
}

function place(): Place {
  const dir = directory();
  return { journalDir: join(dir, 'journal'), database: join(dir, 'audit.db') };
}

function rows(path: string, query: string): Record<string, unknown>[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database
      .prepare(query)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    database.close();
  }
}

const idsIn = (path: string): unknown[] => rows(path, 'SELECT id FROM record ORDER BY seq').map(({ id }) => id);

async function fill(journal: OpenedJournal, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => journal.append(outcome(`x-${index}`), 'synced')));
}

describe('the SQLite sink', () => {
  it('takes every record of the journal, in order, with what it is found by', async () => {
    const { journalDir, database } = place();
    const journal = await open(journalDir);
    const feed = startFeed({ journal, sink: openSqliteSink(database), log: keptLog() });
    const approval = { name: 'ar-1', fingerprint: ZERO_DIGEST, approvers: ['alice', 'bob'] };
    await journal.append(
      intent('x-1', { approval, decision: decisionOf({ rule: 'r', riskLevel: 'high', approval: 'approve' }) }),
      'written',
    );
    await journal.append(outcome('x-1'), 'written');
    await journal.append(refusal('x-2'), 'written');
    await journal.append(
      {
        kind: 'approval',
        event: 'decided',
        exchangeId: 'x-2',
        approval: 'ar-2',
        fingerprint: ZERO_DIGEST,
        approver: 'carol',
        verdict: 'denied',
        reason: 'no',
      },
      'written',
    );
    await journal.append(lifecycle('end'), 'synced');
    await feed.caughtUp();
    expect(idsIn(database)).toEqual(recordsIn(journalDir).map(({ id }) => id));
    expect(rows(database, 'SELECT id, time, agent, decision, risk, rule, fault FROM exchange ORDER BY id')).toEqual([
      { id: 'x-1', time: 1768478400000, agent: 'agent-a', decision: 'approve', risk: 'high', rule: 'r', fault: null },
      {
        id: 'x-2',
        time: 1768478400000,
        agent: 'agent-a',
        decision: 'block',
        risk: 'critical',
        rule: 'no-bulk-delete',
        fault: 'policy-block',
      },
    ]);
    expect(rows(database, 'SELECT * FROM action ORDER BY exchange')).toEqual([
      { exchange: 1, type: 'refund', target: 'tickets.example' },
      { exchange: 2, type: 'delete', target: 'tickets.example' },
    ]);
    expect(rows(database, 'SELECT name FROM approver ORDER BY name')).toEqual([
      { name: 'alice' },
      { name: 'bob' },
      { name: 'carol' },
    ]);
    expect(rows(database, 'SELECT fault FROM record WHERE fault IS NOT NULL')).toEqual([{ fault: 'policy-block' }]);
    await journal.close();
    await feed.stop(1_000);
    expect(statSync(database).mode & 0o777).toBe(0o600);
  });

  it('catches up on start, and takes nothing twice', async () => {
    const { journalDir, database } = place();
    const journal = await open(journalDir);
    await fill(journal, 250);
    for (let start = 0; start < 3; start += 1) {
      const feed = startFeed({ journal, sink: openSqliteSink(database), log: keptLog() });
      await feed.caughtUp();
      await feed.stop(1_000);
      expect(idsIn(database)).toHaveLength(250);
    }
    await journal.close();
  });

  it('takes what is left when it is stopped after the journal was closed', async () => {
    const { journalDir, database } = place();
    const journal = await open(journalDir);
    const feed = startFeed({ journal, sink: openSqliteSink(database), log: keptLog() });
    const last = Array.from({ length: 300 }, (_, index) => journal.append(outcome(`x-${index}`), 'written'));
    await journal.close();
    await feed.stop(5_000);
    expect(idsIn(database)).toHaveLength((await Promise.all(last)).length);
  });

  it('starts over, by id, when its cursor is not of this journal', async () => {
    const { journalDir, database } = place();
    const journal = await open(journalDir);
    await fill(journal, 20);
    const first = startFeed({ journal, sink: openSqliteSink(database), log: keptLog() });
    await first.caughtUp();
    await first.stop(1_000);
    await journal.close();
    // A journal that lost its end, and grew again.
    const cut = recordsIn(journalDir)
      .slice(0, 10)
      .reduce((sum, record) => sum + Buffer.byteLength(JSON.stringify(record)) + 1, 0);
    truncateSync(join(journalDir, '00000001.jsonl'), cut);
    const again = await open(journalDir, {
      newId: (() => {
        let n = 0;
        return () => `new-${(n += 1)}`;
      })(),
    });
    await fill(again, 5);
    const log = keptLog();
    const second = startFeed({ journal: again, sink: openSqliteSink(database), log });
    await second.caughtUp();
    await second.stop(1_000);
    expect(log.events).toContain('audit.sink-starts-over');
    expect(idsIn(database)).toHaveLength(25);
    await again.close();
  });

  it('has each record once when its process is killed again and again', async () => {
    const { journalDir, database } = place();
    const journal = await open(journalDir);
    await fill(journal, 3_000);
    await journal.close();
    for (let kill = 0; kill < 4; kill += 1) {
      const child = spawn(
        process.execPath,
        [new URL('./sink-child.ts', import.meta.url).pathname, journalDir, database],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      // A few batches are in, and one may be half way.
      for (let batches = 0; batches < 3; batches += 1) await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const last = await open(journalDir);
    const feed = startFeed({ journal: last, sink: openSqliteSink(database), log: keptLog() });
    await feed.caughtUp();
    await feed.stop(1_000);
    await last.close();
    expect(idsIn(database)).toEqual(recordsIn(journalDir).map(({ id }) => id));
  }, 60_000);

  it('refuses a file of another version', () => {
    const { database } = place();
    const other = new DatabaseSync(database);
    other.exec('PRAGMA user_version = 7');
    other.close();
    expect(() => openSqliteSink(database)).toThrow('expected an audit database of version 1, found version 7');
  });
});

describe('a sink that fails', () => {
  it('gets the same batch again until it takes it, and delays no append', async () => {
    const { journalDir } = place();
    const journal = await open(journalDir);
    const log = keptLog();
    const sink = flakySink(3);
    const settings = { ...FEED_SETTINGS, firstRetryMs: 1, longestRetryMs: 2 };
    const feed = startFeed({ journal, sink, log, settings });
    await fill(journal, 150);
    await feed.caughtUp();
    expect(sink.taken).toEqual(recordsIn(journalDir).map(({ id }) => id));
    expect(log.events.filter((event) => event === 'audit.sink-failed')).toHaveLength(3);
    expect(feed.problem()).toBeNull();
    await feed.stop(1_000);
    await journal.close();
  });

  it('says why it is behind', async () => {
    const journal = await open(place().journalDir);
    const feed = startFeed({ journal, sink: flakySink(Number.POSITIVE_INFINITY), log: keptLog() });
    await fill(journal, 1);
    await until(() => feed.problem() !== null);
    expect(feed.problem()).toBe('this sink was told to fail');
    await feed.stop(1_000);
    await journal.close();
  });

  it('does not hold up the end of the gateway for longer than the deadline', async () => {
    const journal = await open(place().journalDir);
    const stuck = gate();
    let closed = false;
    const sink: Sink = {
      name: 'stuck',
      cursor: () => Promise.resolve(null),
      deliver: () => stuck.opened,
      close: () => Promise.resolve(void (closed = true)),
    };
    const feed = startFeed({ journal, sink, log: keptLog() });
    await fill(journal, 1);
    await feed.stop(10);
    expect(closed).toBe(true);
    stuck.open();
    await journal.close();
  });
});

function flakySink(failures: number): Sink & { readonly taken: string[] } {
  const taken: string[] = [];
  let left = failures;
  return {
    name: 'flaky',
    taken,
    cursor: () => Promise.resolve(null),
    deliver: ({ records }: SinkBatch) => {
      left -= 1;
      if (left >= 0) return Promise.reject(new Error('this sink was told to fail'));
      taken.push(...records.map(({ record }) => record.id));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
