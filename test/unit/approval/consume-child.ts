/**
 * A process of its own for the tests: `race FILE NAME` says that it is ready, waits for a byte on standard input,
 * consumes and says what came of it; `consume-and-hang FILE NAME` consumes, says so and waits to be killed;
 * `approve FILE NAME` decides.
 */
import { once } from 'node:events';
import { openLocalStore } from '../../../src/approval/local-store.ts';

const [mode = '', file = '', name = '', time = ''] = process.argv.slice(2);
const now = Number(time);
const clock = { now: (): number => now, monotonic: (): number => now };
const store = openLocalStore({ file, clock, retentionMs: 1e9 });
switch (mode) {
  case 'race':
    process.stdout.write('ready\n');
    await once(process.stdin, 'data');
    process.stdout.write(`${await store.consume(name, now, 'exchange-x')}\n`);
    process.stdin.destroy();
    break;
  case 'consume-and-hang':
    process.stdout.write(`${await store.consume(name, now, 'exchange-x')}\n`);
    process.stdin.resume();
    break;
  case 'approve': {
    const { kind } = await store.decide(name, { approver: 'anna', verdict: 'approved', reason: '', at: now });
    process.stdout.write(`${kind}\n`);
    break;
  }
  default:
    throw new Error(`unknown mode ${mode}`);
}
