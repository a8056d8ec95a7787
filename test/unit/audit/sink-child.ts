import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CHAIN_START } from '../../../src/audit/chain.ts';
import { startFeed } from '../../../src/audit/sink-feed.ts';
import { openSqliteSink } from '../../../src/audit/sqlite-sink.ts';
import { keptLog } from './bodies.ts';

/** Copies the journal of the first argument into the database of the second, in small batches, until it is killed. */
const [, , dir = '', database = ''] = process.argv;
const sink = openSqliteSink(database);
const end = { segment: 1, offset: statSync(join(dir, '00000001.jsonl')).size };
startFeed({
  journal: { dir, head: () => CHAIN_START, syncedPosition: () => end, onSynced: () => () => undefined },
  sink: {
    ...sink,
    name: sink.name,
    cursor: () => sink.cursor(),
    close: () => sink.close(),
    async deliver(batch) {
      await sink.deliver(batch);
      process.stdout.write('.');
    },
  },
  log: keptLog(),
  settings: { batch: { records: 50, bytes: 1024 * 1024 }, restMs: 0, firstRetryMs: 10, longestRetryMs: 10 },
});
setInterval(() => undefined, 1_000);
