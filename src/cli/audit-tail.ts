import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { ExchangeMatcher } from '../audit/exchange-matcher.ts';
import type { JournalPosition } from '../audit/segment.ts';
import { readOn, readTailRecords } from '../audit/tail.ts';
import type { TrailRecord } from '../audit/trail.ts';
import { recordLine } from './audit-lines.ts';
import {
  addDataOptions,
  addFilterOptions,
  filterOf,
  parseCount,
  pathsOf,
  requireTrail,
  type DataOptions,
  type FilterOptions,
} from './audit-options.ts';
import type { CommandIo } from './io.ts';

const DEFAULT_LINES = 10;

/** How often the journal is looked at: soon enough for people, and next to nothing for the machine. */
const FOLLOW_INTERVAL_MS = 250;

interface TailOptions extends DataOptions, FilterOptions {
  readonly lines: number;
  readonly follow?: boolean;
  readonly format: 'text' | 'jsonl';
}

export function registerTail(audit: Command, io: CommandIo): void {
  const command = audit
    .command('tail')
    .description('The newest records, one line each; with -f, those that come, until Ctrl-C.')
    .option('-n, --lines <count>', 'how many', parseCount, DEFAULT_LINES)
    .option('-f, --follow', 'go on with what is appended')
    .addOption(
      new Option('--format <format>', 'for people, or the lines of the journal')
        .choices(['text', 'jsonl'])
        .default('text'),
    );
  addDataOptions(addFilterOptions(command))
    .addHelpText(
      'after',
      `
The journal is read from its end: with a filter, a record whose exchange began long before may be left out ("list" has it).

Example:
  aegis-gateway audit tail -f --decision block`,
    )
    .action(async (options: TailOptions) => await tail(options, io));
}

async function tail(options: TailOptions, io: CommandIo): Promise<void> {
  const paths = pathsOf(options, io);
  // With -f, the gateway may be about to start.
  if (options.follow !== true) requireTrail(paths);
  const { journalDir } = paths;
  const matcher = new ExchangeMatcher(filterOf(options, io.clock.now()));
  const print = ({ record, line }: TrailRecord): void => {
    io.stdout(options.format === 'jsonl' ? `${line}\n` : recordLine(record, io.colour));
  };
  const { records, next } = await readTailRecords(journalDir, options.lines, ({ record }) => matcher.take(record));
  for (const record of records) print(record);
  if (options.follow === true)
    await follow(journalDir, next, { io, onRecord: (found) => void (matcher.take(found.record) && print(found)) });
}

interface Following {
  readonly io: CommandIo;
  readonly onRecord: (record: TrailRecord) => void;
}

async function follow(journalDir: string, from: JournalPosition, { io, onRecord }: Following): Promise<void> {
  let position = from;
  while (!io.signal.aborted) {
    const { records, next } = await readOn(journalDir, position);
    for (const record of records) onRecord(record);
    position = next;
    if (records.length > 0) continue;
    await sleep(FOLLOW_INTERVAL_MS, undefined, { signal: io.signal }).catch(() => undefined);
  }
}
