import { openJournal } from '../../../src/audit/journal.ts';
import { countingIds, fixedClock, intent, keptLog } from './bodies.ts';

/** Holds the journal named on the command line, with one request under way, until it is killed. */
const [, , dir = ''] = process.argv;
const journal = await openJournal({
  dir,
  clock: fixedClock(),
  newId: countingIds('c'),
  log: keptLog(),
  pid: process.pid,
});
await journal.append(intent('killed'), 'written');
process.stdout.write('ready\n');
setInterval(() => undefined, 1_000);
