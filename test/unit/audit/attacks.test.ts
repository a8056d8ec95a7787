import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CursorFile } from '../../../src/audit/cursor-file.ts';
import { BrokenChainError } from '../../../src/audit/recovery.ts';
import { startFeed } from '../../../src/audit/sink-feed.ts';
import type { Sink, SinkCursor } from '../../../src/audit/sink.ts';
import { verifyJournal } from '../../../src/audit/verify.ts';
import { keptLog, ZERO_DIGEST } from './bodies.ts';
import { editLines, FIRST, headOf, SECOND, segmentsIn, verify, written } from './signed-journal.ts';
import { appendSynced, keysIn, signingWith } from './signing.ts';
import { open, recordsIn, temporaryDirectories, until } from './temporary.ts';

const directory = temporaryDirectories();

/** A sink that keeps the numbers of what it got. */
function keepingSink(cursor: SinkCursor | null = null): Sink & { readonly got: number[] } {
  const got: number[] = [];
  return {
    name: 'kept',
    got,
    cursor: async () => await Promise.resolve(cursor),
    deliver: async ({ records }) => {
      got.push(...records.map(({ record }) => record.seq));
      await Promise.resolve();
    },
    close: async () => await Promise.resolve(),
  };
}

describe('a file that is no segment', () => {
  it('lets no journal begin anywhere but at its beginning, whatever is cut off there', async () => {
    const { dir, keys, records } = await written(directory);
    const anchor = headOf(records);
    writeFileSync(join(dir, '00000000.jsonl'), '');
    expect(await verify(dir, { keys, anchor })).toMatchObject({ ok: true });
    editLines(join(dir, FIRST), (lines) => lines.slice(3));
    expect(await verify(dir, { keys, anchor })).toMatchObject({ ok: false, breaks: [{ file: FIRST, line: 1 }] });
    writeFileSync(join(dir, FIRST), '');
    expect(await verify(dir, { keys, anchor })).toMatchObject({ ok: false, breaks: [{ file: SECOND, line: 1 }] });
  });
});

describe('segments under other names', () => {
  it.each([
    ['two that changed places', [FIRST, SECOND]],
    ['the first as the last', [FIRST, '00000099.jsonl']],
  ] as const)('are found: %s', async (_name, [one, other]) => {
    const { dir, keys, records } = await written(directory);
    renameSync(join(dir, one), join(dir, 'aside'));
    if (readdirSync(dir).includes(other)) renameSync(join(dir, other), join(dir, one));
    renameSync(join(dir, 'aside'), join(dir, other));
    expect(await verify(dir, { keys, anchor: headOf(records) })).toMatchObject({ ok: false });
  });

  it('are found where all of them were counted up by one', async () => {
    const { dir, keys } = await written(directory);
    for (const name of segmentsIn(dir).toReversed()) {
      const next = `${String(Number(name.slice(0, 8)) + 1).padStart(8, '0')}.jsonl`;
      renameSync(join(dir, name), join(dir, next));
    }
    expect(await verify(dir, { keys })).toMatchObject({ ok: false });
  });
});

describe('a retention that never was', () => {
  it('is no way round an anchor, not for the holder of the key either', async () => {
    const { dir, keys, records } = await written(directory);
    const forged = directory();
    const journal = await open(forged, { signing: await signingWith(keys, { segmentBytes: 2_000 }) });
    await appendSynced(journal, 12);
    const last = headOf(recordsIn(forged, FIRST));
    await journal.recordRemoval({ segment: 1, ...last });
    await journal.close();
    rmSync(join(forged, FIRST));
    // What is left follows what it says that it follows, and is signed: only an anchor can tell.
    const anchor = headOf(records, 1);
    expect(await verify(dir, { keys, anchor })).toMatchObject({ ok: true });
    expect(await verify(forged, { keys })).toMatchObject({ ok: true, removed: last.seq });
    expect(await verify(forged, { keys, anchor })).toMatchObject({ ok: false, breaks: [{ file: 'anchors' }] });
  });
});

describe('a segment that is missing, once that is accepted', () => {
  it('holds up no sink: it gets what comes behind, and the log says what it did not get', async () => {
    const { dir, keys, records } = await written(directory);
    const third = segmentsIn(dir)[2] ?? '';
    rmSync(join(dir, third));
    await expect(open(dir)).rejects.toThrow(BrokenChainError);
    const log = keptLog();
    const journal = await open(dir, { signing: await signingWith(keys), acceptBrokenChain: true, log });
    const sink = keepingSink();
    const feed = startFeed({ journal, sink, log });
    await feed.caughtUp();
    const missing = records.map(({ seq }) => seq).filter((seq) => !sink.got.includes(seq));
    expect(missing.length).toBeGreaterThan(0);
    expect(sink.got).toContain(headOf(records).seq);
    expect(sink.got).toContain(journal.head().seq);
    expect(log.lines.find(({ event }) => event === 'audit.sink-skipped-line')?.fields?.['problem']).toContain(third);
    await journal.close();
    await feed.stop(1_000);
  });
});

describe('the cursor of a sink', () => {
  const at = { segment: 1, start: 0, end: 10, hash: ZERO_DIGEST };

  it('leaves one file, however often a crash came in the middle of writing it', async () => {
    const dir = directory();
    const file = new CursorFile(join(dir, 'siem.cursor.json'));
    writeFileSync(join(dir, 'siem.cursor.json.new'), '{"segm');
    await file.write(at);
    expect(readdirSync(dir)).toEqual(['siem.cursor.json']);
    expect(await file.read()).toEqual(at);
  });

  it.each([
    ['text that is none', 'x'],
    ['an array', '[1,2,3,4]'],
    ['a place that is no number', JSON.stringify({ ...at, end: '10' })],
    ['a hash that is none', JSON.stringify({ ...at, hash: 'abc' })],
    ['nothing', ''],
  ])('is as good as none where the file holds %s', async (_name, text) => {
    const path = join(directory(), 'siem.cursor.json');
    writeFileSync(path, text);
    expect(await new CursorFile(path).read()).toBe(null);
  });

  it.each([
    ['in the middle of a record', (end: number) => ({ ...at, start: 5, end })],
    ['behind the end', (end: number) => ({ ...at, start: end + 1_000, end: end + 2_000 })],
    ['in a segment that is not there', (end: number) => ({ ...at, segment: 77, end })],
    ['at no record of this journal', (end: number) => ({ ...at, start: 0, end })],
  ])('that points %s makes the sink start over: it repeats, and loses nothing', async (_name, cursorAt) => {
    const { dir, keys, records } = await written(directory);
    const log = keptLog();
    const journal = await open(dir, { signing: await signingWith(keys), log });
    const sink = keepingSink(cursorAt(Buffer.byteLength(JSON.stringify(records[0])) + 1));
    const feed = startFeed({ journal, sink, log });
    await until(() => sink.got.length >= records.length);
    expect(sink.got.slice(0, records.length)).toEqual(records.map(({ seq }) => seq));
    expect(log.events).toContain('audit.sink-starts-over');
    await journal.close();
    await feed.stop(1_000);
  });

  it('that cannot be written fails the batch, and leaves nothing behind', async () => {
    const dir = directory();
    const path = join(dir, 'siem.cursor.json');
    mkdirSync(path);
    await expect(new CursorFile(path).write(at)).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/u);
    expect(readdirSync(dir)).toEqual(['siem.cursor.json']);
  });
});

describe('a signing key that was lost', () => {
  it('is replaced, which is said; what was signed before is still vouched for, but not by the new key alone', async () => {
    const { dir, keys, records } = await written(directory);
    const kept = await keysIn(keys);
    expect(kept.changed).toBe(false);
    rmSync(join(keys, 'journal-key.pem'));
    const signing = await signingWith(keys);
    expect(signing.keys.changed).toBe(true);
    expect((await keysIn(keys)).changed).toBe(false);
    const journal = await open(dir, { signing });
    await appendSynced(journal, 2, 100);
    await journal.close();
    const anchors = [headOf(records)];
    const wait = (): Promise<void> => Promise.resolve();
    expect(await verifyJournal({ dir, anchors, keys: signing.keys.known, wait })).toMatchObject({ ok: true });
    const { key } = signing.keys.signer;
    const alone = new Map([...signing.keys.known].filter(([known]) => known === key));
    expect(await verifyJournal({ dir, anchors, keys: alone, wait })).toMatchObject({ ok: false });
  });

  it('is told from one that was never there', async () => {
    expect((await keysIn(directory())).changed).toBe(false);
  });
});
