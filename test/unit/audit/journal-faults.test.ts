import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JOURNAL_LIMITS } from '../../../src/audit/append-queue.ts';
import { exchangeOf } from '../../../src/audit/exchange-view.ts';
import type { JournalTimes } from '../../../src/audit/journal-times.ts';
import type { OpenedJournal } from '../../../src/audit/journal.ts';
import { verifyJournal } from '../../../src/audit/verify.ts';
import type { AuditRecord } from '../../../src/model/record.ts';
import { fixedClock, intent, keptLog, lifecycle, outcome } from './bodies.ts';
import { faultyDisk } from './faulty-disk.ts';
import { gate, open, recordsIn, temporaryDirectories, until } from './temporary.ts';

const directory = temporaryDirectories();
const refused = { fault: { code: 'audit-unavailable' } };

/** Far off, so that a test decides itself when the disk is tried again. */
const QUIET: JournalTimes = { backgroundSyncMs: 3_600_000, stallMs: 3_600_000, repairMs: 500 };

async function expectWhole(dir: string, journal: OpenedJournal): Promise<AuditRecord[]> {
  await journal.close();
  const found = await verifyJournal({
    dir,
    anchors: [],
    keys: new Map(),
    wait: () => Promise.reject(new Error('nothing is being written')),
  });
  expect(found.breaks).toEqual([]);
  const again = await open(dir);
  expect(again.recovered).toMatchObject({ tornBytes: 0, acceptedBreaks: [] });
  await again.close();
  return recordsIn(dir);
}

describe('a disk that takes no more', () => {
  it.each([
    ['ENOSPC', 0],
    ['ENOSPC', 300],
    ['EIO', 10],
    ['EROFS', 0],
  ])(
    'refuses the append (%s after %i bytes), keeps no part of it, and works again when the disk does',
    async (code, after) => {
      const dir = directory();
      const disk = faultyDisk();
      const log = keptLog();
      const journal = await open(dir, { disk, log });
      await journal.append(lifecycle('before'), 'written');
      disk.write.push({ kind: 'fail', after, code });
      const lost = [journal.append(intent('lost'), 'written'), journal.append(intent('lost-too'), 'synced')];
      for (const append of lost) await expect(append).rejects.toMatchObject(refused);
      expect(recordsIn(dir)).toHaveLength(1);
      expect(journal.problem()).toContain(code);
      await journal.append(lifecycle('after'), 'written');
      expect(journal.problem()).toBeNull();
      const records = await expectWhole(dir, journal);
      expect(records.map((record) => (record.kind === 'lifecycle' ? record.event : record.kind))).toEqual([
        'started',
        'recovered',
        'started',
      ]);
      expect(records[1]).toMatchObject({ data: { refusals: 2, in_journal_although_refused: [] } });
      expect(log.events).toEqual(['audit.journal-failing', 'audit.journal-works-again']);
    },
  );

  it('finishes a short write', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk });
    disk.write.push({ kind: 'short', after: 100 }, { kind: 'short', after: 1 });
    await journal.append(intent('x-1'), 'synced');
    await journal.append(outcome('x-1'), 'synced');
    expect(await expectWhole(dir, journal)).toHaveLength(2);
  });

  it('gives up on a write that takes nothing', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk });
    disk.write.push({ kind: 'short', after: 100 }, { kind: 'short', after: 0 });
    await expect(journal.append(intent('x-1'), 'synced')).rejects.toMatchObject(refused);
    await journal.append(lifecycle('after'), 'synced');
    expect(await expectWhole(dir, journal)).toHaveLength(2);
  });

  it('cuts torn bytes off later, where it cannot do so at once', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk });
    disk.write.push({ kind: 'fail', after: 200 });
    disk.truncate.push('EIO', 'EIO');
    await expect(journal.append(intent('lost'), 'written')).rejects.toMatchObject(refused);
    await expect(journal.append(intent('lost-too'), 'written')).rejects.toMatchObject(refused);
    await journal.append(lifecycle('after'), 'written');
    const records = await expectWhole(dir, journal);
    expect(records.map(({ kind }) => kind)).toEqual(['lifecycle', 'lifecycle']);
  });

  it('is found to work again without any request', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk, times: { ...QUIET, repairMs: 1 } });
    disk.write.push({ kind: 'fail', after: 0 });
    await expect(journal.append(intent('lost'), 'written')).rejects.toMatchObject(refused);
    await until(() => journal.problem() === null);
    expect(recordsIn(dir)).toMatchObject([{ kind: 'lifecycle', event: 'recovered' }]);
    await journal.close();
  });
});

describe('an outcome that cannot be written', () => {
  const events = (records: readonly AuditRecord[]): readonly string[] =>
    records.map((record) =>
      record.kind === 'lifecycle'
        ? record.event
        : `${record.kind} ${exchangeOf(record) ?? ''}${'result' in record ? ` ${record.result}` : ''}`,
    );

  it('is refused to whoever appends it, and written before anything else when the disk works again', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk });
    await journal.append(intent('x-1'), 'synced');
    disk.write.push({ kind: 'fail', after: 100 }, { kind: 'fail', after: 0 });
    await expect(journal.append(outcome('x-1'), 'written')).rejects.toMatchObject(refused);
    await expect(journal.append(intent('x-2'), 'written')).rejects.toMatchObject(refused);
    await journal.append(intent('x-3'), 'written');
    expect(events(await expectWhole(dir, journal))).toEqual([
      'intent x-1',
      'recovered',
      'outcome x-1 success',
      'intent x-3',
      'recovered',
      'outcome x-3 unknown',
    ]);
  });

  it('is written without any request when the disk works again', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk, times: { ...QUIET, repairMs: 1 } });
    await journal.append(intent('x-1'), 'synced');
    disk.write.push({ kind: 'fail', after: 0 });
    await expect(journal.append(outcome('x-1'), 'written')).rejects.toMatchObject(refused);
    await until(() => journal.problem() === null);
    expect(events(await expectWhole(dir, journal))).toEqual(['intent x-1', 'recovered', 'outcome x-1 success']);
  });

  it('is written once the disk answers again, and only once where the write came through late', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk, times: { backgroundSyncMs: 3_600_000, stallMs: 250, repairMs: 1 } });
    for (const id of ['x-1', 'x-2', 'x-3']) await journal.append(intent(id), 'synced');
    const slow = gate();
    disk.write.push(slow.opened);
    const late = journal.append(outcome('x-1'), 'written').catch(() => 'refused');
    await until(() => disk.write.length === 0);
    const queued = journal.append(outcome('x-2'), 'written').catch(() => 'refused');
    expect([await late, await queued]).toEqual(['refused', 'refused']);
    await expect(journal.append(outcome('x-3'), 'written')).rejects.toMatchObject(refused);
    slow.open();
    await until(() => journal.problem() === null);
    const found = events(await expectWhole(dir, journal));
    expect(found.filter((event) => event.startsWith('outcome')).toSorted()).toEqual([
      'outcome x-1 success',
      'outcome x-2 success',
      'outcome x-3 success',
    ]);
  });

  it('is found as unknown at the next start, where the disk did not come back before the end', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk });
    await journal.append(intent('x-1'), 'synced');
    disk.write.push({ kind: 'fail', after: 0 }, { kind: 'fail', after: 0 });
    await expect(journal.append(outcome('x-1'), 'written')).rejects.toMatchObject(refused);
    await journal.close();
    await (await open(dir)).close();
    expect(events(recordsIn(dir))).toEqual(['intent x-1', 'recovered', 'outcome x-1 unknown']);
  });
});

describe('a disk that fails to sync', () => {
  it('is not believed until everything since the last good sync has been written and synced again', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const clock = fixedClock();
    const journal = await open(dir, { disk, clock, times: QUIET });
    await journal.append(lifecycle('on the disk'), 'synced');
    const synced = journal.syncedPosition();
    const kept = await journal.append(intent('written'), 'written');
    disk.sync.push('EIO');
    await expect(journal.append(intent('refused'), 'synced')).rejects.toMatchObject(refused);
    expect(journal.syncedPosition()).toEqual(synced);
    await expect(journal.append(intent('too early'), 'written')).rejects.toMatchObject(refused);
    clock.advance(500);
    disk.sync.push('EIO');
    await expect(journal.append(intent('still failing'), 'written')).rejects.toMatchObject(refused);
    clock.advance(500);
    await journal.append(outcome('written'), 'synced');
    const records = await expectWhole(dir, journal);
    expect(records[1]).toEqual(kept);
    expect(
      records.map((record) => ('exchangeId' in record ? `${record.kind} ${record.exchangeId}` : record.kind)),
    ).toEqual(['lifecycle', 'intent written', 'intent refused', 'lifecycle', 'outcome refused', 'outcome written']);
    expect(records[3]).toMatchObject({ event: 'recovered', data: { refusals: 3, in_journal_although_refused: [3] } });
    expect(records[4]).toMatchObject({ result: 'not-sent', fault: 'audit-unavailable' });
  });

  it('loses nothing that was acknowledged when the file itself lost it', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const clock = fixedClock();
    const journal = await open(dir, { disk, clock, times: QUIET });
    await journal.append(lifecycle('first'), 'synced');
    const acknowledged = await journal.append(lifecycle('acknowledged'), 'written');
    disk.sync.push('EIO');
    await expect(journal.append(lifecycle('refused'), 'synced')).rejects.toMatchObject(refused);
    // What a kernel may do: the pages are dropped, and the file reads as it did before.
    truncateSync(join(dir, '00000001.jsonl'), journal.syncedPosition().offset);
    clock.advance(500);
    await journal.append(lifecycle('later'), 'synced');
    expect((await expectWhole(dir, journal))[1]).toEqual(acknowledged);
  });

  it('stays refused while it cannot even be opened', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const clock = fixedClock();
    const journal = await open(dir, { disk, clock, times: QUIET });
    disk.sync.push('EIO');
    await expect(journal.append(lifecycle('refused'), 'synced')).rejects.toMatchObject(refused);
    disk.opening.push('EMFILE', 'EROFS');
    for (let attempt = 0; attempt < 2; attempt += 1) {
      clock.advance(500);
      await expect(journal.append(lifecycle('refused'), 'written')).rejects.toMatchObject(refused);
    }
    clock.advance(500);
    await journal.append(lifecycle('works'), 'synced');
    expect(await expectWhole(dir, journal)).toHaveLength(3);
  });

  it('is repaired on close, so that what was acknowledged is kept', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk, times: QUIET });
    const kept = await journal.append(lifecycle('acknowledged'), 'written');
    disk.sync.push('EIO');
    await expect(journal.append(intent('refused'), 'synced')).rejects.toMatchObject(refused);
    await journal.close();
    expect(recordsIn(dir)[0]).toEqual(kept);
    expect(recordsIn(dir).at(-1)).toMatchObject({ kind: 'outcome', exchangeId: 'refused', result: 'not-sent' });
    const again = await open(dir);
    expect(again.recovered.openIntents).toEqual([]);
    await again.close();
  });
});

describe('a disk that does not answer', () => {
  it('has appends refused after a while, and what it wrote in the end set right', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk, times: { ...QUIET, stallMs: 250 } });
    const answer = gate();
    disk.write.push(answer.opened);
    await expect(journal.append(intent('late'), 'written')).rejects.toMatchObject(refused);
    await expect(journal.append(intent('meanwhile'), 'written')).rejects.toMatchObject(refused);
    expect(journal.problem()).toContain('250 ms');
    answer.open();
    await until(() => recordsIn(dir).length === 1);
    await until(() => {
      void journal.append(lifecycle('again'), 'written').catch(() => undefined);
      return journal.problem() === null;
    });
    const records = await expectWhole(dir, journal);
    expect(records.slice(0, 3)).toMatchObject([
      { kind: 'intent', exchangeId: 'late' },
      { kind: 'lifecycle', event: 'recovered', data: { in_journal_although_refused: [1] } },
      { kind: 'outcome', exchangeId: 'late', result: 'not-sent' },
    ]);
  });

  it('has those refused that wait for its sync', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const journal = await open(dir, { disk, times: { ...QUIET, stallMs: 250, repairMs: 1 } });
    const answer = gate();
    disk.sync.push(answer.opened);
    await expect(journal.append(intent('late'), 'synced')).rejects.toMatchObject(refused);
    answer.open();
    await until(() => journal.problem() === null);
    const records = await expectWhole(dir, journal);
    expect(records.map(({ kind }) => kind)).toEqual(['intent', 'lifecycle', 'outcome']);
  });
});

describe('the queue of a journal', () => {
  it.each([
    ['records', { ...JOURNAL_LIMITS, queuedRecords: 3 }],
    ['bytes', { ...JOURNAL_LIMITS, heldBytes: 4_000 }],
  ])('is bounded in %s', async (_, limits) => {
    const dir = directory();
    const journal = await open(dir, { limits });
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_unused, index) => journal.append(intent(`x-${index}`), 'synced')),
    );
    const refusals = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(refusals.length).toBeGreaterThan(15);
    for (const refusal of refusals) expect(refusal).toMatchObject(refused);
    await journal.append(lifecycle('after'), 'synced');
    expect((await expectWhole(dir, journal)).length).toBeGreaterThanOrEqual(21 - refusals.length);
  });

  it('refuses a record that is too large', async () => {
    const journal = await open(directory(), { limits: { ...JOURNAL_LIMITS, recordBytes: 2_000 } });
    await expect(journal.append(lifecycle('x'.repeat(2_000)), 'written')).rejects.toThrow(
      'expected a record of at most 2000 bytes',
    );
    await journal.append(lifecycle('x'.repeat(1_000)), 'written');
    await journal.close();
  });
});
