import { openJournal } from '../../../src/audit/journal.ts';
import { fixedClock, intent, keptLog, outcome } from './bodies.ts';

/** Appends to the journal of the first argument, printing the number of each record once it is acknowledged, until it is killed. */
const [, , dir = ''] = process.argv;
let count = 0;
const newId = (): string => {
  count += 1;
  return `${process.pid}-${count}`;
};
const journal = await openJournal({ dir, clock: fixedClock(), newId, log: keptLog(), pid: process.pid });

async function call(id: string, durability: 'written' | 'synced'): Promise<void> {
  for (const body of [intent(id), outcome(id)]) {
    const { seq } = await journal.append(body, durability);
    process.stdout.write(`${seq}\n`);
  }
}

await Promise.all(
  Array.from({ length: 20 }, async (_, worker) => {
    for (let index = 0; ; index += 1)
      await call(`${process.pid}-${worker}-${index}`, worker % 4 === 0 ? 'synced' : 'written');
  }),
);
