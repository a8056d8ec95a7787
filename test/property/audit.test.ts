import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, assert, asyncProperty, constantFrom, integer, nat, record } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJournal, type OpenedJournal } from '../../src/audit/journal.ts';
import { BrokenChainError, recover, type Recovered } from '../../src/audit/recovery.ts';
import { verifyJournal } from '../../src/audit/verify.ts';
import { countingIds, fixedClock, keptLog, outcome } from '../unit/audit/bodies.ts';

let dir = '';
let segment = '';
let whole: Buffer = Buffer.alloc(0);
/** Where each record ends, its line feed included. */
let ends: readonly number[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'aegis-audit-property-'));
  segment = join(dir, '00000001.jsonl');
  const journal = await open();
  // Short records, since the file is cut at every byte; one whose text looks like the end of a record.
  const data = { nested: { hash: 'a'.repeat(64) }, text: 'é \u202E "\\' };
  await journal.append({ kind: 'lifecycle', event: 'started', detail: '', data }, 'written');
  await journal.append(outcome('x'), 'written');
  await journal.append({ kind: 'lifecycle', event: 'stopped', detail: '', data: {} }, 'written');
  await journal.close();
  whole = readFileSync(segment);
  ends = [...whole.entries()].flatMap(([index, byte]) => (byte === 0x0a ? [index + 1] : []));
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function open(): Promise<OpenedJournal> {
  return openJournal({ dir, clock: fixedClock(), newId: countingIds(), log: keptLog(), pid: process.pid });
}

/** What opening does to the files, without the lock and the syncs: fast enough for every byte. */
function mend(): Promise<Recovered> {
  return recover({
    dir,
    acceptBrokenChain: false,
    knownEnd: null,
    keys: new Map(),
    time: '2026-01-15T12:00:00.000Z',
    log: keptLog(),
  });
}

async function mendOrRefuse(): Promise<Recovered | 'refused'> {
  try {
    return await mend();
  } catch (error) {
    if (error instanceof BrokenChainError) return 'refused';
    throw error;
  }
}

/** Starts from a segment of these bytes alone. */
function place(bytes: Uint8Array): void {
  rmSync(dir, { recursive: true, force: true });
  dir = mkdtempSync(join(tmpdir(), 'aegis-audit-property-'));
  segment = join(dir, '00000001.jsonl');
  writeFileSync(segment, bytes);
}

async function expectWhole(): Promise<void> {
  const found = await verifyJournal({ dir, anchors: [], keys: new Map(), wait: () => Promise.resolve() });
  expect(found.breaks).toEqual([]);
}

describe('recovery', () => {
  it('loses no complete record, wherever the file is cut, and leaves a whole chain', async () => {
    for (let cut = 0; cut <= whole.length; cut += 1) {
      place(whole.subarray(0, cut));
      const recovered = await mend();
      // A record that lacks only its line feed is complete.
      const complete = ends.filter((end) => end - 1 <= cut);
      expect(recovered.head.seq).toBe(complete.length);
      expect(readFileSync(segment).toString() + recovered.missing).toBe(
        whole.subarray(0, complete.at(-1) ?? 0).toString(),
      );
    }
  }, 120_000);

  it('takes no changed byte for a record: it refuses, or cuts off what can only be torn', async () => {
    const change = record({ at: nat(whole.length - 1), to: integer({ min: 1, max: 255 }), cut: nat(200) });
    await assert(
      asyncProperty(change, async ({ at, to, cut }) => {
        const length = Math.max(at + 1, whole.length - cut);
        const bytes = Buffer.from(whole.subarray(0, length));
        bytes[at] = (bytes[at] ?? 0) ^ to;
        place(bytes);
        const before = ends.filter((end) => end <= at).length;
        const found = await verifyJournal({ dir, anchors: [], keys: new Map(), wait: () => Promise.resolve() });
        expect(found.ok).toBe(false);
        const recovered = await mendOrRefuse();
        if (recovered === 'refused') return readFileSync(segment).equals(bytes);
        // Only a record that was not complete, and so the last one, may have been cut off.
        expect(recovered.head.seq).toBe(before);
        expect(ends.filter((end) => end <= length).length).toBe(before);
        await expectWhole();
        return true;
      }),
      { numRuns: 300 },
    );
  }, 120_000);

  it('refuses every other order of the lines', async () => {
    const lines = [...ends.entries()].map(([index, end]) => whole.subarray(ends[index - 1] ?? 0, end));
    const order = array(constantFrom(...lines.keys()), { minLength: 1, maxLength: lines.length + 1 });
    await assert(
      asyncProperty(order, async (indices) => {
        const isPrefix = indices.every((line, index) => line === index);
        place(Buffer.concat(indices.map((index) => lines[index] ?? Buffer.alloc(0))));
        const found = await verifyJournal({ dir, anchors: [], keys: new Map(), wait: () => Promise.resolve() });
        const recovered = await mendOrRefuse();
        expect([found.ok, recovered !== 'refused']).toEqual([isPrefix, isPrefix]);
      }),
      { numRuns: 200 },
    );
  }, 60_000);
});
