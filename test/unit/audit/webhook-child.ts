import { join } from 'node:path';
import { CursorFile } from '../../../src/audit/cursor-file.ts';
import { startFeed } from '../../../src/audit/sink-feed.ts';
import { openWebhookSink } from '../../../src/audit/webhook-sink.ts';
import { keptLog, outcome } from './bodies.ts';
import { webhookTo } from './webhook.ts';
import { open } from './temporary.ts';
import { signingWith } from './signing.ts';

/** Appends to the journal of the first argument and posts it to the second, until it is killed. */
const [, , dir = '', url = '', run = ''] = process.argv;
const clock = { now: () => Date.now(), monotonic: () => performance.now() };
let count = 0;
const newId = (): string => {
  count += 1;
  return `${run}-${count}`;
};
const signing = await signingWith(dir, { checkpointRecords: 20, segmentBytes: 20_000 });
const journal = await open(join(dir, 'journal'), { signing, newId, clock });
const sink = openWebhookSink(webhookTo(new URL(url)), new CursorFile(join(dir, 'cursor.json')), clock);
startFeed({
  journal,
  sink,
  log: keptLog(),
  settings: { batch: { records: 7, bytes: 1_000_000 }, restMs: 0, firstRetryMs: 5, longestRetryMs: 20 },
});
process.stdout.write('ready\n');
for (let index = 0; ; index += 1) {
  await journal.append(outcome(`x-${run}-${index}`), 'synced');
}
