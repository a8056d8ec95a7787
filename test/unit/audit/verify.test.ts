import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHAIN_START, type ChainHead } from '../../../src/audit/chain.ts';
import type { Verification } from '../../../src/audit/verification.ts';
import { verifyJournal } from '../../../src/audit/verify.ts';
import { intent, lifecycle, outcome } from './bodies.ts';
import { open, recordsIn, temporaryDirectories } from './temporary.ts';

const directory = temporaryDirectories();
const segmentIn = (dir: string): string => join(dir, '00000001.jsonl');

async function written(count = 4): Promise<string> {
  const dir = directory();
  const journal = await open(dir);
  for (let index = 0; index < count; index += 1) await journal.append(outcome(`x-${index}`), 'written');
  await journal.close();
  return dir;
}

function verify(dir: string, anchor: ChainHead | null = null): Promise<Verification> {
  return verifyJournal({
    dir,
    anchors: anchor === null ? [] : [anchor],
    keys: new Map(),
    wait: () => Promise.resolve(),
  });
}

function anchorOf(dir: string, index: number): ChainHead {
  const record = recordsIn(dir).at(index);
  if (record === undefined) throw new Error('expected a record');
  return { seq: record.seq, hash: record.hash };
}

describe('verifying a journal', () => {
  it('does not wait for whoever would write into a named pipe in the place of a segment', async () => {
    const dir = await written();
    execFileSync('mkfifo', [join(dir, '00000002.jsonl')]);
    await expect(verify(dir)).rejects.toThrow('expected a regular file, found something else');
  });

  it('finds a whole chain whole, and its end unproven', async () => {
    const dir = await written();
    expect(await verify(dir)).toEqual({
      ok: true,
      segments: 1,
      records: 4,
      head: { ...anchorOf(dir, -1), time: '2026-01-15T12:00:00.000Z' },
      breaks: [],
      breakCount: 0,
      signatures: { keys: 0, checkpoints: 0, newest: null, later: 4 },
      removed: null,
      end: { kind: 'unproven' },
    });
  });

  it('proves the end with an anchor', async () => {
    const dir = await written();
    expect(await verify(dir, anchorOf(dir, -1))).toMatchObject({
      ok: true,
      end: { kind: 'anchored', seq: 4, later: 0 },
    });
    expect(await verify(dir, anchorOf(dir, 1))).toMatchObject({
      ok: true,
      end: { kind: 'anchored', seq: 2, later: 2 },
    });
    expect(await verify(dir, CHAIN_START)).toMatchObject({ ok: true, end: { kind: 'anchored', seq: 0, later: 4 } });
  });

  it('sees with an anchor that records were cut off the end, and not without one', async () => {
    const dir = await written();
    const anchor = anchorOf(dir, -1);
    const lines = readFileSync(segmentIn(dir), 'utf8').split('\n');
    writeFileSync(segmentIn(dir), `${lines.slice(0, 3).join('\n')}\n`);
    expect(await verify(dir)).toMatchObject({ ok: true, end: { kind: 'unproven' } });
    expect(await verify(dir, anchor)).toMatchObject({
      ok: false,
      breaks: [
        {
          problem: expect.stringContaining(
            'there was a record 4, but the journal does not hold it (it ends with record 3)',
          ),
        },
      ],
    });
    rmSync(segmentIn(dir));
    writeFileSync(segmentIn(dir), '');
    expect(await verify(dir, anchor)).toMatchObject({
      ok: false,
      breaks: [{ problem: expect.stringContaining('it is empty') }],
    });
  });

  it('sees with an anchor that all of it was written anew', async () => {
    const dir = await written();
    const anchor = anchorOf(dir, 2);
    rmSync(dir, { recursive: true });
    const journal = await open(dir);
    for (let index = 0; index < 5; index += 1) await journal.append(lifecycle(`forged ${index}`), 'written');
    await journal.close();
    expect(await verify(dir)).toMatchObject({ ok: true });
    expect(await verify(dir, anchor)).toMatchObject({
      ok: false,
      breaks: [{ file: '00000001.jsonl', line: 3, problem: expect.stringContaining('rewritten') }],
    });
  });

  it('names every break once, by file and line', async () => {
    const dir = await written(8);
    const lines = readFileSync(segmentIn(dir), 'utf8').trimEnd().split('\n');
    const edited = (lines[1] ?? '').replace('"status":200', '"status":201');
    const changed = [lines[0], edited, lines[2], 'rubbish', lines[3], lines[5], lines[5], lines[6], lines[7]];
    writeFileSync(segmentIn(dir), `${changed.join('\n')}\n`);
    const found = await verify(dir);
    expect(found.breaks.map(({ line, problem }) => `${line}: ${problem.split(':')[0]}`)).toEqual([
      '2: the record was edited',
      '4: expected a record, found 7 bytes',
      '6: record 5 is missing',
      '7: record 6 stands here a second time',
    ]);
    expect(found).toMatchObject({ ok: false, breakCount: 4, records: 7 });
  });

  it('bounds how many breaks it names', async () => {
    const dir = await written(1);
    writeFileSync(segmentIn(dir), 'rubbish\n'.repeat(1_000));
    const found = await verify(dir);
    expect([found.breaks.length, found.breakCount]).toEqual([50, 1_000]);
  });

  it('sees a missing and a repeated segment', async () => {
    const dir = await written();
    copyFileSync(segmentIn(dir), join(dir, '00000002.jsonl'));
    expect((await verify(dir)).breaks).toMatchObject([
      { file: '00000002.jsonl', line: 1, problem: expect.stringContaining('record 1 again or out of order') },
    ]);
    rmSync(segmentIn(dir));
    expect((await verify(dir)).breaks).toMatchObject([
      { line: null, problem: expect.stringContaining('segment 00000001.jsonl is missing') },
    ]);
  });

  it('waits for a record that is being written', async () => {
    const dir = await written();
    const whole = readFileSync(segmentIn(dir));
    writeFileSync(segmentIn(dir), whole.subarray(0, -20));
    const waits: number[] = [];
    const wait = async (ms: number): Promise<void> => {
      waits.push(ms);
      if (waits.length === 2) writeFileSync(segmentIn(dir), whole);
      await Promise.resolve();
    };
    expect(await verifyJournal({ dir, anchors: [], keys: new Map(), wait })).toMatchObject({ ok: true, records: 4 });
    expect(waits).toEqual([150, 150]);
  });

  it('reports a last line that stays incomplete', async () => {
    const dir = await written();
    writeFileSync(segmentIn(dir), readFileSync(segmentIn(dir)).subarray(0, -20));
    expect(await verify(dir)).toMatchObject({
      ok: false,
      breaks: [{ file: '00000001.jsonl', line: 4, problem: expect.stringContaining('not complete') }],
    });
  });

  it('passes over a journal that is being written to without a false alarm', async () => {
    const dir = directory();
    const journal = await open(dir);
    const running = new AbortController();
    const appends = (async () => {
      for (let index = 0; !running.signal.aborted; index += 1)
        await journal.append(intent(`x-${index}`, { agentId: 'a'.repeat(5_000) }), 'written');
    })();
    for (let round = 0; round < 10; round += 1) {
      const found = await verifyJournal({
        dir,
        anchors: [],
        keys: new Map(),
        wait: async () => await new Promise((resolve) => void setTimeout(resolve, 5)),
      });
      expect(found.breaks).toEqual([]);
    }
    running.abort();
    await appends;
    await journal.close();
  });
});
