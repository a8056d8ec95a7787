import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryHistory } from '../../../src/audit/history.ts';
import { SessionReader } from '../../../src/audit/session-reader.ts';
import { fixedClock, intent, keptLog, NOON } from './bodies.ts';
import { faultyDisk } from './faulty-disk.ts';
import { allRecords, editLines, FIRST, SECOND, segmentsIn, verify, written } from './signed-journal.ts';
import { appendMany, signingWith } from './signing.ts';
import { open, recordsIn, temporaryDirectories } from './temporary.ts';

const directory = temporaryDirectories();

describe('segments', () => {
  it('begin with a checkpoint that follows the last record of the one before', async () => {
    const { dir } = await written(directory);
    for (const [index, name] of segmentsIn(dir).entries()) {
      const [first] = recordsIn(dir, name);
      if (index === 0) continue;
      expect(first).toMatchObject({
        kind: 'checkpoint',
        reason: 'segment',
        open: [],
        prev: recordsIn(dir, segmentsIn(dir)[index - 1]).at(-1)?.hash,
      });
    }
  });

  it('begin by age, but not while nothing is written', async () => {
    const dir = directory();
    const clock = fixedClock();
    const journal = await open(dir, { clock, signing: await signingWith(directory(), { segmentMs: 60_000 }) });
    await appendMany(journal, 1);
    clock.advance(60_000);
    expect(segmentsIn(dir)).toEqual([FIRST]);
    await appendMany(journal, 1);
    expect(segmentsIn(dir)).toEqual([FIRST, SECOND]);
    expect(journal.syncedPosition().segment).toBe(2);
    await journal.close();
  });

  it('go on where the next one cannot be begun, and nothing is refused', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const clock = fixedClock();
    const log = keptLog();
    const signing = await signingWith(directory(), { segmentBytes: 1_000 });
    const journal = await open(dir, { disk, clock, log, signing });
    disk.opening.push('ENOSPC');
    await appendMany(journal, 6);
    expect(log.events).toContain('audit.segment-not-begun');
    expect(segmentsIn(dir)).toEqual([FIRST]);
    clock.advance(10_000);
    await appendMany(journal, 2);
    expect(segmentsIn(dir)).toEqual([FIRST, SECOND]);
    await journal.close();
    expect(await verify(dir)).toMatchObject({ ok: true });
  });

  it.each(['sync', 'write'] as const)(
    'lose nothing where a %s fails just when the next one is to begin, and it begins once that works',
    async (fault) => {
      const dir = directory();
      const keys = directory();
      const disk = faultyDisk();
      const clock = fixedClock();
      const signing = await signingWith(keys, { segmentBytes: 1_000 });
      const journal = await open(dir, { disk, clock, signing });
      await appendMany(journal, 2);
      if (fault === 'sync') disk.sync.push('EIO');
      else disk.write.push(Promise.resolve(), { kind: 'fail', after: 40 });
      const acknowledged: number[] = [];
      for (let index = 0; index < 8; index += 1) {
        clock.advance(1_000);
        const body = intent(`x-${fault}-${index}`);
        await journal.append(body, 'written').then(
          ({ seq }) => acknowledged.push(seq),
          () => undefined,
        );
      }
      await journal.close();
      const numbers = new Set(allRecords(dir).map(({ seq }) => seq));
      expect(acknowledged.filter((seq) => !numbers.has(seq))).toEqual([]);
      expect(acknowledged.length).toBeGreaterThan(5);
      expect(segmentsIn(dir).length).toBeGreaterThan(1);
      expect(await verify(dir, { keys })).toMatchObject({ ok: true, end: { kind: 'closed' } });
      const again = await open(dir, { signing: await signingWith(keys) });
      await again.close();
      expect(await verify(dir, { keys })).toMatchObject({ ok: true });
    },
  );

  it('are read from the newest on when the journal is opened, with the intents that were open before', async () => {
    const dir = directory();
    const keys = directory();
    const settings = { segmentBytes: 1_500 };
    const journal = await open(dir, { signing: await signingWith(keys, settings) });
    await journal.append(intent('open-one'), 'written');
    await appendMany(journal, 30);
    await journal.close();
    expect(segmentsIn(dir).length).toBeGreaterThan(5);
    // What is not read cannot keep the gateway from starting; verify finds it.
    editLines(join(dir, SECOND), (lines) => lines.slice(1));
    const again = await open(dir, { signing: await signingWith(keys, settings) });
    expect(again.recovered.openIntents.map(({ exchangeId }) => exchangeId)).toEqual(['open-one']);
    await again.close();
    expect(allRecords(dir).filter((record) => record.kind === 'outcome' && record.result === 'unknown')).toHaveLength(
      1,
    );
    expect((await verify(dir)).breaks).toMatchObject([{ file: SECOND, line: 1 }]);
  });

  it('are all read where the newest begins with a checkpoint of somebody else', async () => {
    const { dir } = await written(directory);
    editLines(join(dir, SECOND), (lines) => lines.slice(1));
    await expect(open(dir, { signing: await signingWith(directory()) })).rejects.toThrow('is missing');
  });

  it('begin a new chain where a broken one was accepted, and the next start begins there', async () => {
    const { dir, keys } = await written(directory);
    const last = segmentsIn(dir).at(-1) ?? '';
    editLines(join(dir, last), (lines) => [...lines, 'rubbish']);
    const again = await open(dir, { acceptBrokenChain: true, signing: await signingWith(keys) });
    await appendMany(again, 3);
    await again.close();
    const third = await open(dir, { signing: await signingWith(keys) });
    expect(third.recovered.acceptedBreaks).toEqual([]);
    await third.close();
    expect((await verify(dir, { keys })).breaks.map(({ problem }) => problem)).toEqual([
      expect.stringContaining('expected a record'),
      expect.stringContaining('a new chain starts here'),
    ]);
  });

  it('may be empty after a crash between a new segment and its first record', async () => {
    const { dir, keys } = await written(directory);
    const next = `${String(segmentsIn(dir).length + 1).padStart(8, '0')}.jsonl`;
    writeFileSync(join(dir, next), '');
    const journal = await open(dir, { signing: await signingWith(keys) });
    await appendMany(journal, 1);
    await journal.close();
    expect(recordsIn(dir, next).map(({ kind }) => kind)).toEqual(['checkpoint', 'outcome', 'checkpoint']);
    expect(await verify(dir, { keys })).toMatchObject({ ok: true });
  });

  it('of long ago are passed over when sessions are read back', async () => {
    const dir = directory();
    const clock = fixedClock();
    const signing = await signingWith(directory(), { segmentMs: 60_000 });
    const journal = await open(dir, { clock, signing });
    await journal.append(intent('long-ago'), 'written');
    clock.advance(3_600_000);
    await journal.append(intent('lately'), 'written');
    await journal.close();
    // The old segment is not even opened.
    writeFileSync(join(dir, FIRST), readFileSync(join(dir, FIRST), 'utf8').replaceAll('"time":"2026', '"time":"2096'));
    const history = new MemoryHistory();
    const reader = new SessionReader({ history, dir, upToSeq: 100, clock });
    expect(await reader.reachBack(1_800_000)).toBe(1);
    expect(history.recent('agent-a', NOON)).toHaveLength(1);
  });
});

describe('a clock that is set back', () => {
  it('stops nothing: numbers go on, and no record is taken for older than it may be', async () => {
    const dir = directory();
    const clock = fixedClock();
    const keys = directory();
    const signing = await signingWith(keys, { segmentBytes: 2_000 });
    const journal = await open(dir, { clock, signing });
    await journal.append(intent('before'), 'written');
    clock.advance(-30 * 3_600_000);
    await appendMany(journal, 10);
    await journal.append(intent('after'), 'written');
    await journal.close();
    const records = allRecords(dir);
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index + 1));
    const noon = new Date(NOON).toISOString();
    expect(
      records.filter(({ kind }) => kind === 'checkpoint').every((one) => 'newest' in one && one.newest === noon),
    ).toBe(true);
    expect(await verify(dir, { keys })).toMatchObject({ ok: true });
    // The segment of the later time is read, although every segment after it begins before.
    const history = new MemoryHistory();
    const reader = new SessionReader({ history, dir, upToSeq: 100, clock: fixedClock() });
    expect(await reader.reachBack(3_600_000)).toBe(1);
  });
});
