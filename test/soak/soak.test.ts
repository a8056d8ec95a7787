import { expect, it } from 'vitest';
import { shortcomings } from './judge.ts';
import { reportText } from './report.ts';
import { soak } from './soak.ts';

/** Beside the minute: warm-up, twice the rest, and reading the trail, on a busy machine. */
const PATIENCE_MS = 400_000;

it(
  'a minute of mixed load with a reload each second leaves memory, descriptors and trail as they should be',
  { timeout: PATIENCE_MS },
  async () => {
    const report = await soak({ warmUpSeconds: 20, seconds: 60, connections: 200, seed: 1 });
    process.stdout.write(`${reportText(report)}\n`);
    expect(shortcomings(report)).toEqual([]);
  },
);
