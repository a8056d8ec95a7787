import { Option, type Command } from 'commander';
import { isWithin, type TrailFilter } from '../audit/trail-filter.ts';
import type { Trail } from '../audit/trail.ts';
import type { AuditRecord } from '../model/record.ts';
import { exchangeLine, recordLine } from './audit-lines.ts';
import {
  addDataOptions,
  addFilterOptions,
  filterOf,
  openTrail,
  parseCount,
  type DataOptions,
  type FilterOptions,
} from './audit-options.ts';
import { asciiJson } from './approvals-output.ts';
import type { CommandIo } from './io.ts';

/** As many as are read on a screen or two. */
const DEFAULT_LIMIT = 50;

interface ListOptions extends DataOptions, FilterOptions {
  readonly limit: number;
  readonly format: 'text' | 'json';
}

export function registerList(audit: Command, io: CommandIo): void {
  const command = audit
    .command('list')
    .description('One line for each exchange, the newest last.')
    .option('--limit <count>', 'the newest that fit', parseCount, DEFAULT_LIMIT)
    .addOption(
      new Option('--format <format>', 'for people, or one JSON array').choices(['text', 'json']).default('text'),
    );
  addDataOptions(addFilterOptions(command))
    .addHelpText(
      'after',
      `
A line: time, decision, risk, action -> target, rule, what became of it, who approved, exchange.
--kind lifecycle lists what the gateway recorded of itself, --kind checkpoint the signed heads of the journal.

Examples:
  aegis-gateway audit list --since 2026-01-31 --action "delete*" --risk critical
  aegis-gateway audit list --approver alice --format json`,
    )
    .action(async (options: ListOptions) => await list(options, io));
}

async function list(options: ListOptions, io: CommandIo): Promise<void> {
  const filter = filterOf(options, io.clock.now());
  const trail = await openTrail(options, io);
  try {
    if (options.kind === 'lifecycle' || options.kind === 'checkpoint')
      printAll(await ownRecords(trail, filter, options.limit), recordLine, { options, io });
    else printAll(await trail.exchanges(filter, options.limit), exchangeLine, { options, io });
  } finally {
    trail.close();
  }
}

async function ownRecords(trail: Trail, filter: TrailFilter, limit: number): Promise<readonly AuditRecord[]> {
  const found: AuditRecord[] = [];
  for await (const { record } of trail.records()) {
    if (record.kind === filter.kind && isWithin(filter, record.time)) found.push(record);
  }
  return found.slice(-limit);
}

interface Printing {
  readonly options: ListOptions;
  readonly io: CommandIo;
}

function printAll<T>(
  found: readonly T[],
  lineOf: (item: T, colour: boolean) => string,
  { options, io }: Printing,
): void {
  if (options.format === 'json') return io.stdout(`${asciiJson(found, 2)}\n`);
  if (found.length === 0) return io.stderr('nothing in the trail fits\n');
  for (const item of found) io.stdout(lineOf(item, io.colour));
}
