import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyJournal } from '../../../src/audit/verify.ts';
import { open, recordsIn, temporaryDirectories } from './temporary.ts';

const directory = temporaryDirectories();

/** Lets a gateway's worth of appends run until some were acknowledged, kills it, and gives the numbers it printed. */
async function appendUntilKilled(dir: string, acknowledged: number): Promise<number[]> {
  const child = spawn(process.execPath, [new URL('./append-child.ts', import.meta.url).pathname, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    if (printed.split('\n').length > acknowledged) child.kill('SIGKILL');
  });
  await once(child, 'close');
  // The last line may have been cut off with the process.
  return printed.split('\n').slice(0, -1).map(Number);
}

describe('a gateway that is killed while it appends', () => {
  it('has every record that was acknowledged, in a whole chain, and each open intent closed once', async () => {
    const dir = join(directory(), 'journal');
    const acknowledged: number[] = [];
    for (const count of [1, 40, 300, 1_000]) acknowledged.push(...(await appendUntilKilled(dir, count)));
    const journal = await open(dir);
    await journal.close();
    const records = recordsIn(dir);
    const numbers = new Set(records.map(({ seq }) => seq));
    expect(acknowledged.filter((seq) => !numbers.has(seq))).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(1_300);
    expect((await verifyJournal({ dir, anchors: [], keys: new Map(), wait: () => Promise.resolve() })).breaks).toEqual(
      [],
    );
    const outcomes = new Map<string, number>();
    for (const record of records) {
      if (record.kind === 'intent') outcomes.set(record.exchangeId, 0);
      if (record.kind === 'outcome') outcomes.set(record.exchangeId, (outcomes.get(record.exchangeId) ?? 0) + 1);
    }
    expect([...new Set(outcomes.values())]).toEqual([1]);
  }, 60_000);
});
