import * as fc from 'fast-check';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { intent, keptLog, outcome } from './bodies.ts';
import { FIRST } from './signed-journal.ts';
import { open, recordsIn, temporaryDirectories } from './temporary.ts';

const directory = temporaryDirectories();
const SECTOR_BYTES = 512;

/** What a power cut leaves: all up to the last sync, and behind it each block or not, in a file of any length. */
const powerCut = fc.record({
  synced: fc.integer({ min: 0, max: 4 }),
  later: fc.integer({ min: 1, max: 8 }),
  /** How much of what came later the length of the file says. */
  length: fc.double({ min: 0, max: 1, noNaN: true }),
  lost: fc.infiniteStream(fc.boolean()),
});

/** The file with some of the blocks behind `from` as they were before: with what was synced, and nothing behind it. */
function withoutBlocks(
  whole: Buffer,
  from: number,
  { length, lost }: { length: number; lost: Iterator<boolean> },
): Buffer {
  const file = Buffer.from(whole.subarray(0, from + Math.round((whole.length - from) * length)));
  const first = Math.floor(from / SECTOR_BYTES) * SECTOR_BYTES;
  for (let block = first; block < file.length; block += SECTOR_BYTES) {
    if (lost.next().value === true) file.fill(0, Math.max(block, from), Math.min(block + SECTOR_BYTES, file.length));
  }
  return file;
}

describe('a journal after a power cut', () => {
  it(
    'has every record that was on the disk, and is appended to without anybody being asked',
    { timeout: 120_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(powerCut, async ({ synced, later, length, lost }) => {
          const dir = directory();
          const journal = await open(dir);
          for (let n = 0; n < synced; n += 1) await journal.append(intent(`synced-${n}`), 'synced');
          const from = synced === 0 ? 0 : readFileSync(join(dir, FIRST)).length;
          for (let n = 0; n < later; n += 1)
            await journal.append(n % 2 === 0 ? intent(`later-${n}`) : outcome(`later-${n - 1}`), 'written');
          await journal.close();
          const left = withoutBlocks(readFileSync(join(dir, FIRST)), from, { length, lost });
          writeFileSync(join(dir, FIRST), left);
          const again = await open(dir, { log: keptLog() });
          const next = await again.append(outcome('next'), 'synced');
          await again.close();
          const records = recordsIn(dir);
          expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index + 1));
          const ids = records.flatMap((record) => (record.kind === 'intent' ? [record.exchangeId] : []));
          expect(ids.slice(0, synced)).toEqual(Array.from({ length: synced }, (_, n) => `synced-${n}`));
          expect(records.at(-1)).toEqual(next);
        }),
        { numRuns: 60 },
      );
    },
  );
});
