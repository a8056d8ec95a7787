import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createPublicKey, generateKeyPairSync, verify as verifySignature } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAnchors, Anchors } from '../../../src/audit/anchors.ts';
import { parseRecord } from '../../../src/audit/chain.ts';
import { SIGNED_SUFFIX_BYTES } from '../../../src/audit/checkpoint.ts';
import { openSigningKeys, readPublicKeys } from '../../../src/audit/signing-key.ts';
import { verifyJournal } from '../../../src/audit/verify.ts';
import type { AuditRecord } from '../../../src/model/record.ts';
import { keptLog, outcome } from './bodies.ts';
import { faultyDisk } from './faulty-disk.ts';
import { appendMany, keysIn, signingWith } from './signing.ts';
import { allRecords, editLines, FIRST, headOf, SECOND, segmentsIn, verify, written } from './signed-journal.ts';
import { open, recordsIn, temporaryDirectories, until } from './temporary.ts';

const directory = temporaryDirectories();
describe('the key of an installation', () => {
  it('is made once, for its owner alone, and its public half is written beside it', async () => {
    const folder = directory();
    const [first, second] = await Promise.all([keysIn(folder), keysIn(folder)]);
    expect(second.signer.key).toBe(first.signer.key);
    expect(statSync(join(folder, 'journal-key.pem')).mode & 0o777).toBe(0o600);
    expect((await keysIn(folder)).signer.key).toBe(first.signer.key);
    const file = join(folder, 'journal-key.pub.pem');
    expect([...readPublicKeys(readFileSync(file, 'utf8'), file).keys()]).toEqual([first.signer.key]);
    expect(readdirSync(folder).sort()).toEqual(['journal-key.pem', 'journal-key.pub.pem']);
  });

  it('stays known when another takes its place', async () => {
    const folder = directory();
    const before = await keysIn(folder);
    rmSync(join(folder, 'journal-key.pem'));
    const after = await keysIn(folder);
    expect([...after.known.keys()]).toEqual([before.signer.key, after.signer.key]);
  });

  it('is refused where it is none, without a word of what the file holds', async () => {
    const folder = directory();
    const privateFile = join(folder, 'mounted.pem');
    const files = { privateFile, make: false, publicFile: join(folder, 'pub.pem') };
    writeFileSync(privateFile, 'hunter2');
    await expect(openSigningKeys(files)).rejects.toThrow('mounted.pem: expected an Ed25519 private key');
    await expect(openSigningKeys(files)).rejects.not.toThrow('hunter2');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(privateFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await expect(openSigningKeys(files)).rejects.toThrow('expected an Ed25519 private key');
    await expect(openSigningKeys({ ...files, privateFile: join(folder, 'none') })).rejects.toThrow('ENOENT');
  });
});

describe('checkpoints', () => {
  it('come after so many records, and one as an end mark', async () => {
    const dir = directory();
    const signing = await signingWith(directory(), { checkpointRecords: 3 });
    const journal = await open(dir, { signing });
    await appendMany(journal, 7);
    await journal.close();
    const kinds = recordsIn(dir).map((record) => (record.kind === 'checkpoint' ? record.reason : record.kind));
    expect(kinds.join(' ')).toBe('outcome outcome outcome interval outcome outcome outcome interval outcome end');
    expect(signing.announced.map(({ seq }) => seq)).toEqual([4, 8, 10]);
  });

  it('come by themselves a while after the last record, and never without one', async () => {
    const dir = directory();
    const signing = await signingWith(directory(), { checkpointMs: 5 });
    const journal = await open(dir, { signing });
    await appendMany(journal, 1);
    await until(() => signing.announced.length > 0);
    await new Promise((resolve) => void setTimeout(resolve, 30));
    expect(recordsIn(dir).map(({ kind }) => kind)).toEqual(['outcome', 'checkpoint']);
    await journal.close();
  });

  it('are announced only once they are on the disk', async () => {
    const dir = directory();
    const disk = faultyDisk();
    const signing = await signingWith(directory(), { checkpointRecords: 1 });
    const journal = await open(dir, { disk, signing });
    disk.sync.push('EIO');
    await appendMany(journal, 1);
    await until(() => journal.problem() !== null);
    expect(signing.announced).toEqual([]);
    await journal.close();
    expect(signing.announced.map(({ reason }) => reason)).toEqual(['end']);
    expect(await verify(dir)).toMatchObject({ ok: true });
  });

  it('can be checked without this code', async () => {
    const { dir, keys } = await written(directory);
    const key = createPublicKey(readFileSync(join(keys, 'journal-key.pub.pem'), 'utf8'));
    const lines = readFileSync(join(dir, FIRST), 'utf8').split('\n');
    const line = Buffer.from(lines.find((text) => text.includes('"kind":"checkpoint"')) ?? '');
    const record = parseRecord(line);
    const signature = record.kind === 'checkpoint' ? record.signature : '';
    const signed = Buffer.concat([line.subarray(0, -SIGNED_SUFFIX_BYTES), Buffer.from('}')]);
    expect(verifySignature(null, signed, key, Buffer.from(signature, 'base64'))).toBe(true);
    expect(SIGNED_SUFFIX_BYTES).toBe(178);
  });
});

describe('verifying a signed journal', () => {
  it('says up to where it is signed, and that it ended with an end mark', async () => {
    const { dir, keys, records } = await written(directory);
    const head = headOf(records);
    const found = await verify(dir, { keys });
    expect(found).toMatchObject({
      ok: true,
      records: records.length,
      signatures: { keys: 1, newest: head, later: 0 },
      removed: null,
      end: { kind: 'closed', seq: head.seq },
    });
    expect(found.segments).toBeGreaterThan(3);
    expect(await verify(dir, { keys, anchor: head })).toMatchObject({
      end: { kind: 'anchored', seq: head.seq, later: 0, closed: true },
    });
  });

  it('does not take an end mark for one that it cannot check', async () => {
    const { dir } = await written(directory);
    expect(await verify(dir)).toMatchObject({
      ok: true,
      signatures: { keys: 0, newest: null },
      end: { kind: 'unproven' },
    });
  });

  it('says that the end is unproven where the gateway runs or was killed', async () => {
    const { dir, keys } = await written(directory);
    const journal = await open(dir, { signing: await signingWith(keys) });
    await journal.append(outcome('later'), 'synced');
    expect(await verify(dir, { keys })).toMatchObject({
      ok: true,
      signatures: { later: 1 },
      end: { kind: 'unproven' },
    });
    await journal.close();
  });

  it('finds checkpoints of a key that was not given', async () => {
    const { dir } = await written(directory);
    const found = await verify(dir, { keys: directory() });
    expect(found.ok).toBe(false);
    expect(found.breaks[0]?.problem).toContain('which is none of those that were given');
  });

  it('finds a journal that was written anew with hashes that fit', async () => {
    const { dir, keys, records } = await written(directory);
    const forged = directory();
    const journal = await open(forged, { signing: await signingWith(directory(), { checkpointRecords: 2 }) });
    await appendMany(journal, records.length + 5);
    await journal.close();
    expect((await verify(forged, { keys })).ok).toBe(false);
    expect((await verify(forged, { anchor: headOf(records, 4) })).breaks[0]?.problem).toContain('rewritten');
    expect((await verify(dir, { keys })).ok).toBe(true);
  });

  it.each<[string, (dir: string, records: readonly AuditRecord[]) => void]>([
    ['a line in the middle', (dir) => editLines(join(dir, SECOND), (lines) => lines.toSpliced(1, 1))],
    ['a segment in the middle', (dir) => rmSync(join(dir, SECOND))],
    ['the first segment', (dir) => rmSync(join(dir, FIRST))],
    [
      'a byte',
      (dir) =>
        editLines(join(dir, FIRST), (lines) => lines.map((line) => line.replace('"status":200', '"status":201'))),
    ],
    [
      'a signature',
      (dir) =>
        editLines(join(dir, FIRST), (lines) =>
          lines.map((line) => line.replace(/"signature":"..../, '"signature":"AAAA')),
        ),
    ],
  ])('finds without an anchor that somebody took or changed %s', async (_, change) => {
    const { dir, keys, records } = await written(directory);
    change(dir, records);
    expect((await verify(dir, { keys })).ok).toBe(false);
    expect(await verify(dir, { keys, anchor: headOf(records) })).toMatchObject({
      ok: false,
      end: { kind: 'unproven' },
    });
  });

  it.each<[string, (dir: string) => void]>([
    ['the last line', (dir) => editLines(join(dir, segmentsIn(dir).at(-1) ?? ''), (lines) => lines.slice(0, -1))],
    ['the last segment', (dir) => rmSync(join(dir, segmentsIn(dir).at(-1) ?? ''))],
    [
      'every segment but the first',
      (dir) =>
        segmentsIn(dir)
          .slice(1)
          .forEach((name) => rmSync(join(dir, name))),
    ],
    ['the whole journal', (dir) => segmentsIn(dir).forEach((name) => rmSync(join(dir, name)))],
  ])('finds with an anchor that somebody cut off %s, and calls the end unproven without', async (_, cut) => {
    const { dir, keys, records } = await written(directory);
    cut(dir);
    expect(await verify(dir, { keys })).toMatchObject({ ok: true, end: { kind: 'unproven' } });
    const anchored = await verify(dir, { keys, anchor: headOf(records) });
    expect(anchored).toMatchObject({ ok: false, end: { kind: 'unproven' } });
    expect(anchored.breaks.at(-1)?.problem).toContain('records were cut off');
  });

  it('sees only with an anchor that a journal was cut back to an earlier end mark', async () => {
    const { dir, keys, records } = await written(directory);
    const before = directory();
    for (const name of segmentsIn(dir)) copyFileSync(join(dir, name), join(before, name));
    const journal = await open(dir, { signing: await signingWith(keys) });
    await appendMany(journal, 3);
    await journal.close();
    const anchor = headOf(allRecords(dir));
    expect(await verify(before, { keys })).toMatchObject({ ok: true, end: { kind: 'closed', seq: records.length } });
    expect(await verify(before, { keys, anchor })).toMatchObject({ ok: false });
    expect(await verify(dir, { keys, anchor })).toMatchObject({ ok: true, end: { kind: 'anchored', later: 0 } });
  });

  it('has no use for two anchors that contradict each other', async () => {
    const { dir, records } = await written(directory);
    const [one, two] = [headOf(records, 0), headOf(records, 1)];
    const anchors = [one, { seq: one.seq, hash: two.hash }];
    const found = await verifyJournal({ dir, anchors, keys: new Map(), wait: () => Promise.resolve() });
    expect(found.ok).toBe(false);
  });
});

describe('anchors', () => {
  it('are written to a file that a verification reads', async () => {
    const dir = directory();
    const keys = directory();
    const file = join(directory(), 'anchors.txt');
    const anchors = new Anchors(file, keptLog());
    const signing = { ...(await signingWith(keys, { checkpointRecords: 2 })), announce: anchors.announce };
    const journal = await open(dir, { signing });
    await appendMany(journal, 5);
    await journal.close();
    await anchors.settled();
    const read = await readAnchors(file);
    expect(read.at(-1)).toEqual(headOf(allRecords(dir)));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const found = await verifyJournal({ dir, anchors: read, keys: new Map(), wait: () => Promise.resolve() });
    expect(found).toMatchObject({ ok: true, end: { kind: 'anchored', later: 0 } });
  });

  it('that cannot be written are a problem until one can, and the log has them all the same', async () => {
    const folder = directory();
    const log = keptLog();
    const file = join(folder, 'volume', 'anchors.txt');
    const anchors = new Anchors(file, log);
    const journal = await open(directory(), {
      signing: { ...(await signingWith(folder)), announce: anchors.announce },
    });
    await journal.close();
    await anchors.settled();
    expect(anchors.problem()).toContain('ENOENT');
    expect(log.events).toEqual(['audit.checkpoint', 'audit.anchor-not-written']);
  });

  it('are found between lines that a full disk tore', async () => {
    const file = join(directory(), 'anchors.txt');
    const hash = 'a'.repeat(64);
    writeFileSync(file, `1:${hash} 2026\n\n2:abc\n3:${hash}\n4:`);
    expect((await readAnchors(file)).map(({ seq }) => seq)).toEqual([1, 3]);
    writeFileSync(file, 'nothing\n');
    await expect(readAnchors(file)).rejects.toThrow('found none');
  });
});
