import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { JournalLockedError } from '../../../src/audit/lock.ts';
import { verifyJournal } from '../../../src/audit/verify.ts';
import type { RecordBody } from '../../../src/model/record.ts';
import type { Json } from '../../../src/model/value.ts';
import { intent, lifecycle, NOON, outcome } from './bodies.ts';
import { faultyDisk } from './faulty-disk.ts';
import { gate, open, recordsIn, temporaryDirectories, until } from './temporary.ts';

const directory = temporaryDirectories();
const journalIn = (dir: string): string => join(dir, 'journal');

describe('a journal', () => {
  it('numbers, chains and writes records in the order in which they were appended', async () => {
    const dir = directory();
    const journal = await open(journalIn(dir));
    const records = await Promise.all(
      Array.from({ length: 20 }, (_, index) => journal.append(intent(`x-${index}`), 'written')),
    );
    expect(recordsIn(journalIn(dir))).toEqual(records);
    expect(records.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(records[0]).toMatchObject({ v: 1, id: 'r-1', time: new Date(NOON).toISOString(), prev: '0'.repeat(64) });
    for (const [index, record] of records.slice(1).entries()) expect(record.prev).toBe(records[index]?.hash);
    expect(journal.head()).toEqual({ seq: 20, hash: records[19]?.hash });
    await journal.close();
  });

  it('goes on with the same chain when it is opened again', async () => {
    const dir = directory();
    const first = await open(journalIn(dir));
    await first.append(lifecycle('one'), 'synced');
    await first.close();
    const second = await open(journalIn(dir));
    expect(second.recovered).toMatchObject({ tornBytes: 0, openIntents: [], acceptedBreaks: [] });
    await second.append(lifecycle('two'), 'synced');
    await second.close();
    expect(recordsIn(journalIn(dir)).map(({ seq }) => seq)).toEqual([1, 2]);
    expect(
      await verifyJournal({ dir: journalIn(dir), anchors: [], keys: new Map(), wait: refuseToWait }),
    ).toMatchObject({
      ok: true,
      records: 2,
    });
  });

  it('keeps everything from other users, also where the directory was open before', async () => {
    const dir = directory();
    chmodSync(dir, 0o755);
    const journal = await open(dir);
    await journal.append(lifecycle(''), 'written');
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(dir)) expect([name, statSync(join(dir, name)).mode & 0o777]).toEqual([name, 0o600]);
    await journal.close();
  });

  it('shares one write among the appends of a tick, and one sync among those that wait', async () => {
    const disk = faultyDisk();
    const journal = await open(journalIn(directory()), { disk });
    const before = { ...disk.calls };
    await Promise.all(Array.from({ length: 50 }, (_, index) => journal.append(outcome(`x-${index}`), 'synced')));
    expect(disk.calls).toEqual({ writes: before.writes + 1, syncs: before.syncs + 1 });
    await journal.close();
  });

  it('resolves "written" before the disk has it, and "synced" only after', async () => {
    const disk = faultyDisk();
    const dir = directory();
    const journal = await open(journalIn(dir), { disk });
    const release = gate();
    disk.sync.push(release.opened);
    let synced = false;
    const waiting = journal.append(lifecycle('synced'), 'synced').then(() => (synced = true));
    await until(() => disk.calls.syncs === 2);
    await journal.append(lifecycle('written'), 'written');
    expect(recordsIn(journalIn(dir))).toHaveLength(2);
    expect([synced, journal.syncedPosition().offset]).toEqual([false, 0]);
    release.open();
    await waiting;
    expect(journal.syncedPosition().offset).toBeGreaterThan(0);
    await journal.close();
  });

  it('brings what nobody waits for to the disk by itself', async () => {
    const journal = await open(journalIn(directory()), {
      times: { backgroundSyncMs: 1, stallMs: 10_000, repairMs: 500 },
    });
    const synced = new Promise<void>((resolve) => {
      const end = journal.onSynced(() => {
        end();
        resolve();
      });
    });
    await journal.append(lifecycle(''), 'written');
    await synced;
    expect(journal.syncedPosition().offset).toBeGreaterThan(0);
    await journal.close();
  });

  it('writes what was appended before it closes, and takes nothing afterwards', async () => {
    const dir = directory();
    const journal = await open(journalIn(dir));
    const last = journal.append(lifecycle('last'), 'written');
    await journal.close();
    await last;
    await expect(journal.append(lifecycle('late'), 'written')).rejects.toMatchObject({
      fault: { code: 'audit-unavailable' },
    });
    expect(recordsIn(journalIn(dir))).toHaveLength(1);
  });

  it('refuses a value that has no JSON, and writes the others', async () => {
    const dir = directory();
    const journal = await open(journalIn(dir));
    const endless: { self?: Json } = {};
    endless.self = endless;
    const bad: RecordBody = { kind: 'lifecycle', event: 'started', detail: '', data: endless };
    await expect(journal.append(bad, 'written')).rejects.toMatchObject({ fault: { code: 'audit-unavailable' } });
    const id = journal.append(intent('an id with \n in it'), 'written');
    await expect(id).rejects.toMatchObject({ fault: { code: 'audit-unavailable' } });
    await journal.append(lifecycle('good'), 'written');
    expect(recordsIn(journalIn(dir))).toHaveLength(1);
    await journal.close();
  });
});

describe('the lock of a journal', () => {
  it('refuses a second one in the same process, and gives way after close', async () => {
    const dir = journalIn(directory());
    const first = await open(dir);
    await expect(open(dir)).rejects.toThrow(JournalLockedError);
    await expect(open(dir)).rejects.toThrow(`process ${process.pid} (since ${new Date(NOON).toISOString()}) writes it`);
    await first.close();
    await (await open(dir)).close();
  });

  it('refuses a second process, and falls with a process that is killed', async () => {
    const dir = journalIn(directory());
    const child = spawn(process.execPath, [new URL('./journal-child.ts', import.meta.url).pathname, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await expect(open(dir)).rejects.toThrow(`process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const journal = await open(dir);
    expect(journal.head().seq).toBe(3);
    expect(journal.recovered.openIntents).toEqual([{ exchangeId: 'killed', seq: 1 }]);
    await journal.close();
  });

  it('is an empty file, so that no start waits for the disk to take it', async () => {
    const dir = directory();
    await (await open(dir)).close();
    expect(statSync(join(dir, 'lock.db')).size).toBe(0);
  });

  it.each(['', '{"pid": "7"}', 'null'])(
    'is held by another process where the note of who holds it says %j',
    async (note) => {
      const dir = directory();
      const first = await open(dir);
      writeFileSync(join(dir, 'lock.json'), note);
      await expect(open(dir)).rejects.toThrow(JournalLockedError);
      await expect(open(dir)).rejects.toThrow('another process writes it');
      await first.close();
    },
  );

  it('of an earlier version, which kept its note in it, is taken', async () => {
    const dir = directory();
    const database = new DatabaseSync(join(dir, 'lock.db'));
    database.exec('CREATE TABLE owner (id INTEGER PRIMARY KEY, pid INTEGER, since TEXT)');
    database.close();
    const first = await open(dir);
    await expect(open(dir)).rejects.toThrow(`process ${process.pid}`);
    await first.close();
  });

  it('that cannot be taken for another reason is not said to be held by anybody', async () => {
    const dir = directory();
    writeFileSync(
      join(dir, 'lock.db'),
      'this is no database, and long enough to look like the header of one'.repeat(4),
    );
    await expect(open(dir)).rejects.toThrow(/the lock of the journal in \S+ cannot be taken: file is not a database/u);
    await expect(open(dir)).rejects.not.toBeInstanceOf(JournalLockedError);
  });

  it('is not given up by a failed start', async () => {
    const dir = directory();
    writeFileSync(join(dir, '00000001.jsonl'), 'this is no record\n');
    await expect(open(dir)).rejects.toThrow('00000001.jsonl:1');
    await expect(open(dir)).rejects.toThrow('00000001.jsonl:1');
    const journal = await open(dir, { acceptBrokenChain: true });
    await journal.close();
  });
});

function refuseToWait(): Promise<void> {
  throw new Error('nothing is being written');
}
