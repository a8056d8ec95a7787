import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { knownEndOf } from '../../../src/audit/known-end.ts';
import { BrokenChainError } from '../../../src/audit/recovery.ts';
import { startFeed } from '../../../src/audit/sink-feed.ts';
import type { SinkCursor } from '../../../src/audit/sink.ts';
import { openSqliteSink } from '../../../src/audit/sqlite-sink.ts';
import { verifyJournal } from '../../../src/audit/verify.ts';
import { intent, keptLog, lifecycle, outcome, refusal } from './bodies.ts';
import { open, temporaryDirectories } from './temporary.ts';

const directory = temporaryDirectories();
const segmentIn = (dir: string): string => join(dir, '00000001.jsonl');

/** A journal of three whole records: an exchange that ended, and one that is under way. */
async function written(): Promise<{ dir: string; text: string; lines: string[] }> {
  const dir = directory();
  const journal = await open(dir);
  await journal.append(intent('done'), 'written');
  await journal.append(outcome('done'), 'written');
  await journal.append(lifecycle('a third'), 'written');
  await journal.close();
  const text = readFileSync(segmentIn(dir), 'utf8');
  return { dir, text, lines: text.split('\n').filter((line) => line !== '') };
}

function lastRecords(dir: string, count: number, segment = segmentIn(dir)): unknown[] {
  const lines = readFileSync(segment, 'utf8').trimEnd().split('\n');
  return lines.slice(-count).map((line) => JSON.parse(line) as unknown);
}

describe('opening a journal after a crash', () => {
  it('cuts a torn record off, keeps its bytes, and says so in log and journal', async () => {
    const { dir, text, lines } = await written();
    const torn = (lines[2] ?? '').slice(0, 40);
    writeFileSync(segmentIn(dir), `${text}${torn}`);
    const log = keptLog();
    const journal = await open(dir, { log });
    expect(journal.recovered).toMatchObject({ tornBytes: 40, tornFile: 'torn-20260115T120000000Z.bin' });
    expect(log.events).toEqual(['audit.torn-tail-cut', 'audit.recovered']);
    const kept = join(dir, 'torn-20260115T120000000Z.bin');
    expect(readFileSync(kept, 'utf8')).toBe(torn);
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect(lastRecords(dir, 1)).toMatchObject([
      {
        seq: 4,
        kind: 'lifecycle',
        event: 'recovered',
        data: { torn_bytes: 40, torn_file: 'torn-20260115T120000000Z.bin' },
      },
    ]);
    await journal.close();
  });

  it('keeps every torn tail apart, also of the same moment', async () => {
    const { dir } = await written();
    for (let crash = 0; crash < 3; crash += 1) {
      appendFileSync(segmentIn(dir), '{"v":1,"seq":');
      await (await open(dir)).close();
    }
    expect(readdirSync(dir).filter((name) => name.startsWith('torn-'))).toHaveLength(3);
  });

  it('keeps a record that lacks only its line feed', async () => {
    const { dir, text } = await written();
    writeFileSync(segmentIn(dir), text.trimEnd());
    const journal = await open(dir);
    expect(journal.recovered).toMatchObject({ tornBytes: 0, head: { seq: 3 } });
    await journal.append(lifecycle('next'), 'synced');
    await journal.close();
    expect(readFileSync(segmentIn(dir), 'utf8').startsWith(text)).toBe(true);
    expect(lastRecords(dir, 1)).toMatchObject([{ seq: 4, detail: 'next' }]);
  });

  it.each([
    ['a block of zeros', Buffer.alloc(600)],
    ['a record that ends in a block of zeros', Buffer.concat([Buffer.from('{"v":1,"seq":4'), Buffer.alloc(512)])],
    ['a file that was made longer, and its block not written', Buffer.alloc(7)],
  ])('takes %s for what a disk never wrote', async (_, bytes) => {
    const { dir } = await written();
    appendFileSync(segmentIn(dir), bytes);
    const journal = await open(dir);
    expect(journal.recovered.tornBytes).toBe(bytes.length);
    await journal.close();
  });

  it('takes zeros from the end of a record to the next block for what a disk never wrote, whatever follows', async () => {
    const { dir, text } = await written();
    const zeros = Buffer.alloc(512 - (Buffer.byteLength(text) % 512));
    appendFileSync(segmentIn(dir), Buffer.concat([zeros, Buffer.from('of a record"}\n{"v":1')]));
    const journal = await open(dir);
    expect(journal.recovered).toMatchObject({ tornBytes: zeros.length + 20, head: { seq: 3 } });
    await journal.close();
  });

  it('records the outcome of every request that was under way as unknown, and does so once', async () => {
    const { dir } = await written();
    const before = await open(dir);
    await before.append(intent('first'), 'written');
    await before.append(intent('second'), 'written');
    await before.append(intent('refused after all'), 'written');
    await before.append(refusal('refused after all'), 'written');
    await before.append(intent('ended'), 'written');
    await before.append(outcome('ended'), 'written');
    await before.close();
    const after = await open(dir);
    await after.close();
    expect(lastRecords(dir, 3)).toMatchObject([
      { kind: 'lifecycle', event: 'recovered', data: { open_intents: 2 } },
      { kind: 'outcome', exchangeId: 'first', result: 'unknown', status: null, fault: null },
      { kind: 'outcome', exchangeId: 'second', result: 'unknown', status: null, fault: null },
    ]);
    const once = await open(dir);
    expect(once.recovered.openIntents).toEqual([]);
    await once.close();
  });

  it('records nothing where nothing was wrong', async () => {
    const { dir, text } = await written();
    await (await open(dir)).close();
    expect(readFileSync(segmentIn(dir), 'utf8')).toBe(text);
  });
});

describe('opening a journal that was changed', () => {
  const changes: [string, (text: string, lines: string[]) => string | Buffer, string][] = [
    [
      'an edited byte',
      (text) => text.replace('"status":200', '"status":500'),
      '00000001.jsonl:2: the record was edited',
    ],
    [
      'an edited byte in the last record',
      (text) => text.replace('a third', 'another'),
      '00000001.jsonl:3: the record was edited',
    ],
    ['a deleted line', (_, [first, , third]) => `${first}\n${third}\n`, '00000001.jsonl:2: record 2 is missing'],
    [
      'the first line deleted',
      (_, [, second, third]) => `${second}\n${third}\n`,
      '00000001.jsonl:1: record 1 is missing',
    ],
    [
      'a repeated line',
      (_, [first, second, third]) => `${first}\n${second}\n${second}\n${third}\n`,
      '00000001.jsonl:3: record 2 stands here a second time',
    ],
    [
      'lines in another order',
      (_, [first, second, third]) => `${first}\n${third}\n${second}\n`,
      '00000001.jsonl:2: record 2 is missing',
    ],
    ['an empty line', (text) => text.replace('\n', '\n\n'), '00000001.jsonl:2: expected a record, found 0 bytes'],
    [
      'bytes behind the last record',
      (text) => `${text.trimEnd()}x`,
      '00000001.jsonl:3: the last line is neither a record nor the beginning of one',
    ],
    [
      'a zero in place of the last line feed',
      (text) => `${text.trimEnd()}\u0000`,
      '00000001.jsonl:3: the last line is neither',
    ],
    [
      'zeros behind the last record, and another record behind them',
      (text, [, , third]) => `${text}\u0000\u0000\n${third}\n`,
      '00000001.jsonl:4: ',
    ],
    [
      'zeros in place of an earlier record',
      (_, [first = '', second = '', third]) =>
        Buffer.concat([Buffer.from(`${first}\n`), Buffer.alloc(second.length), Buffer.from(`\n${third}\n`)]),
      '00000001.jsonl:2: the line does not start',
    ],
  ];

  it.each(changes)('is refused for %s', async (_, change, message) => {
    const { dir, text, lines } = await written();
    const changed = change(text, lines);
    writeFileSync(segmentIn(dir), changed);
    await expect(open(dir)).rejects.toThrow(BrokenChainError);
    await expect(open(dir)).rejects.toThrow(message);
    await expect(open(dir)).rejects.toThrow('--accept-broken-chain');
    expect(readFileSync(segmentIn(dir))).toEqual(Buffer.from(changed));
  });

  it('goes on in a new segment once that is accepted, and records what was accepted', async () => {
    const { dir, text } = await written();
    const before = await open(dir);
    await before.append(intent('under way'), 'written');
    await before.close();
    const edited = readFileSync(segmentIn(dir), 'utf8').replace('"status":200', '"status":500');
    writeFileSync(segmentIn(dir), edited);
    const journal = await open(dir, { acceptBrokenChain: true });
    const next = await journal.append(lifecycle('goes on'), 'synced');
    await journal.close();
    expect(readFileSync(segmentIn(dir), 'utf8')).toBe(edited);
    expect(edited).not.toBe(text);
    const second = join(dir, '00000002.jsonl');
    expect(lastRecords(dir, 4, second)).toMatchObject([
      {
        seq: 5,
        prev: '0'.repeat(64),
        event: 'recovered',
        data: {
          accepted_breaks: [expect.stringContaining('00000001.jsonl:2: the record was edited')],
          open_intents: 2,
        },
      },
      // The outcome of this one was edited, so that nothing reliable is known of it.
      { seq: 6, kind: 'outcome', exchangeId: 'done', result: 'unknown' },
      { seq: 7, kind: 'outcome', exchangeId: 'under way', result: 'unknown' },
      { seq: 8, hash: next.hash },
    ]);
    const again = await open(dir);
    expect(again.recovered).toMatchObject({ head: { seq: 8 }, acceptedBreaks: [], openIntents: [] });
    await again.close();
    const found = await verifyJournal({ dir, anchors: [], keys: new Map(), wait: () => Promise.resolve() });
    expect(found.breaks.map(({ file, line }) => `${file}:${line}`)).toEqual(['00000001.jsonl:2', '00000002.jsonl:1']);
  });

  it('is refused when a segment is missing', async () => {
    const { dir } = await written();
    renameSync(segmentIn(dir), join(dir, '00000003.jsonl'));
    await expect(open(dir)).rejects.toThrow(
      'segment 00000001.jsonl is missing: expected every file from 00000001.jsonl to 00000003.jsonl',
    );
    const journal = await open(dir, { acceptBrokenChain: true });
    await journal.close();
    expect(existsSync(join(dir, '00000004.jsonl'))).toBe(true);
    await (await open(dir)).close();
    rmSync(join(dir, '00000003.jsonl'));
    await (await open(dir)).close();
  });

  it('of which nothing can be read starts anew once that is accepted', async () => {
    const dir = directory();
    writeFileSync(segmentIn(dir), 'rubbish\n');
    await expect(open(dir)).rejects.toThrow(BrokenChainError);
    const journal = await open(dir, { acceptBrokenChain: true });
    await journal.append(lifecycle('goes on'), 'synced');
    await journal.close();
    await (await open(dir)).close();
  });

  it("does not read an agent's own text as the end of a record", async () => {
    const { dir } = await written();
    const hash = 'a'.repeat(64);
    const journal = await open(dir);
    await journal.append(
      intent('x', {
        actions: [
          {
            type: 'a',
            target: 't',
            params: { p: { a: 1, hash } },
            description: '',
            effect: null,
            amountParam: null,
            mappedBy: null,
          },
        ],
      }),
      'written',
    );
    await journal.close();
    const text = readFileSync(segmentIn(dir), 'utf8');
    const cut = text.indexOf(`"hash":"${hash}"}`) + `"hash":"${hash}"}`.length;
    writeFileSync(segmentIn(dir), text.slice(0, cut));
    const again = await open(dir);
    expect(again.recovered.head.seq).toBe(3);
    expect(again.recovered.tornBytes).toBeGreaterThan(64);
    await again.close();
  });
});

describe('a journal from which records were cut off', () => {
  /** A journal of three records that an audit database has followed to its end. */
  async function followed(): Promise<{
    dir: string;
    segment: string;
    lines: string[];
    knownEnd: () => SinkCursor | null;
  }> {
    const dir = directory();
    const database = join(dir, 'audit.db');
    const journal = await open(join(dir, 'journal'));
    const feed = startFeed({ journal, sink: openSqliteSink(database), log: keptLog() });
    for (const id of ['a', 'b', 'c']) await journal.append(outcome(id), 'synced');
    await feed.caughtUp();
    await journal.close();
    await feed.stop(5_000);
    const segment = segmentIn(join(dir, 'journal'));
    const lines = readFileSync(segment, 'utf8').split('\n').slice(0, 3);
    return { dir: join(dir, 'journal'), segment, lines, knownEnd: () => knownEndOf(database) };
  }
  const wait = (): Promise<void> => Promise.resolve();

  it('is not taken for torn where a block that was known to be on the disk is zeros, and a known record stands behind it', async () => {
    const { dir, segment, lines, knownEnd } = await followed();
    const bytes = readFileSync(segment);
    const second = Buffer.byteLength(lines[0] ?? '') + 1;
    bytes.fill(0, second, Math.ceil(second / 512) * 512);
    writeFileSync(segment, bytes);
    await expect(open(dir, { knownEnd })).rejects.toThrow('records were cut off');
    expect(readFileSync(segment)).toEqual(bytes);
    // Nobody knows of it without the database: what stands behind is kept in a file of its own.
    const journal = await open(dir);
    expect(journal.recovered).toMatchObject({ head: { seq: 1 }, tornBytes: bytes.length - second });
    await journal.close();
  });

  it.each([
    [
      'its last line',
      (segment: string, lines: string[]) => writeFileSync(segment, `${lines.slice(0, 2).join('\n')}\n`),
    ],
    [
      'half of its last line',
      (segment: string, lines: string[]) => writeFileSync(segment, lines.join('\n').slice(0, -200)),
    ],
    ['all of it', (segment: string) => rmSync(segment)],
  ])('is not taken for whole: %s is gone', async (_what, cut) => {
    const { dir, segment, lines, knownEnd } = await followed();
    cut(segment, lines);
    const before = existsSync(segment) ? readFileSync(segment, 'utf8') : null;
    await expect(open(dir, { knownEnd })).rejects.toThrow(/records were cut off.*--accept-broken-chain/su);
    expect(existsSync(segment) ? readFileSync(segment, 'utf8') : null).toBe(before);
  });

  it('is found by whoever verifies it, without an anchor', async () => {
    const { dir, segment, lines, knownEnd } = await followed();
    expect(await verifyJournal({ dir, anchors: [], keys: new Map(), knownEnd, wait })).toMatchObject({
      ok: true,
    });
    writeFileSync(segment, `${lines.slice(0, 2).join('\n')}\n`);
    const found = await verifyJournal({ dir, anchors: [], keys: new Map(), knownEnd, wait });
    expect(found.breaks).toMatchObject([
      { file: 'journal', line: null, problem: expect.stringContaining('records were cut off') },
    ]);
  });

  it('is begun again where retention took away what the audit database knew of when it began', async () => {
    const { dir, knownEnd } = await followed();
    const now = knownEnd();
    if (now === null) throw new Error('expected a cursor');
    const removed = { ...now, segment: 9 };
    let looks = 0;
    const moving = (): SinkCursor => (looks++ === 0 ? removed : now);
    expect((await verifyJournal({ dir, anchors: [], keys: new Map(), knownEnd: moving, wait })).ok).toBe(true);
    const standing = (): SinkCursor => removed;
    expect((await verifyJournal({ dir, anchors: [], keys: new Map(), knownEnd: standing, wait })).ok).toBe(false);
  });

  it('goes on in a new segment that says so, where the operator accepts it', async () => {
    const { dir, segment, knownEnd } = await followed();
    rmSync(segment);
    const journal = await open(dir, { knownEnd, acceptBrokenChain: true });
    await journal.append(lifecycle('after'), 'written');
    await journal.close();
    expect(existsSync(segment)).toBe(false);
    expect(lastRecords(dir, 2, join(dir, '00000002.jsonl'))).toMatchObject([
      {
        kind: 'lifecycle',
        event: 'recovered',
        data: { accepted_breaks: [expect.stringContaining('records were cut off')] },
      },
      { kind: 'lifecycle', detail: 'after' },
    ]);
    expect(await verifyJournal({ dir, anchors: [], keys: new Map(), wait })).toMatchObject({ ok: false });
  });
});
