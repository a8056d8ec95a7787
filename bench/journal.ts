/**
 * How many records a second the journal takes, with and without waiting for the disk. Prints one line of JSON.
 *
 *   node bench/journal.ts [MILLISECONDS]
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openJournal } from '../src/audit/journal.ts';
import type { RecordBody } from '../src/model/record.ts';

export interface JournalResult {
  readonly writers: number;
  readonly durability: 'written' | 'synced';
  readonly recordsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
}

const milliseconds = Number(process.argv[2] ?? 2_000);

const clock = { now: () => Date.now(), monotonic: () => performance.now() };
const log = { debug: () => undefined, info: () => undefined, warn: console.error, error: console.error };

/** About as long as the intent of a request with 1 KiB of parameters. */
function record(exchangeId: string): RecordBody {
  return {
    kind: 'outcome',
    exchangeId,
    result: 'success',
    status: 200,
    fault: null,
    detail: 'x'.repeat(1_200),
    bytesSent: 1024,
    bytesReceived: 1024,
    durationMs: 3,
  };
}

async function measure(writers: number, durability: 'written' | 'synced'): Promise<JournalResult> {
  const folder = await mkdtemp(join(tmpdir(), 'aegis-bench-'));
  const journal = await openJournal({ dir: join(folder, 'journal'), clock, newId: randomUUID, log, pid: process.pid });
  const latencies: number[] = [];
  const until = performance.now() + milliseconds;
  const write = async (): Promise<void> => {
    while (performance.now() < until) {
      const from = performance.now();
      await journal.append(record(randomUUID()), durability);
      latencies.push(performance.now() - from);
    }
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: writers }, write));
  const seconds = (performance.now() - from) / 1_000;
  await journal.close();
  await rm(folder, { recursive: true, force: true });
  latencies.sort((left, right) => left - right);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { writers, durability, recordsPerSecond: latencies.length / seconds, p50: at(0.5), p99: at(0.99) };
}

const results: JournalResult[] = [];
for (const durability of ['written', 'synced'] as const) {
  for (const writers of [1, 32, 256]) results.push(await measure(writers, durability));
}
console.log(`RESULT ${JSON.stringify(results)}`);
