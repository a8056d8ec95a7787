import { Option, type Command } from 'commander';
import { csvHeader, csvRow } from '../audit/csv.ts';
import { exchangeOf } from '../audit/exchange-view.ts';
import { asksForExchanges, isWithin, type TrailFilter } from '../audit/trail-filter.ts';
import type { Trail } from '../audit/trail.ts';
import type { AuditRecord } from '../model/record.ts';
import { makeVisible } from '../visible/text.ts';
import {
  addDataOptions,
  addFilterOptions,
  filterOf,
  openTrail,
  parseCount,
  type DataOptions,
  type FilterOptions,
} from './audit-options.ts';
import type { CommandIo } from './io.ts';

/** What a cell of a spreadsheet holds at most. */
const CELL_CHARACTERS = 32_000;

interface ExportOptions extends DataOptions, FilterOptions {
  readonly limit?: number;
  readonly format: 'jsonl' | 'csv';
}

export function registerExport(audit: Command, io: CommandIo): void {
  const command = audit
    .command('export')
    .description('Write the records, oldest first, to standard output.')
    .option('--limit <count>', 'the first that fit', parseCount)
    .addOption(
      new Option('--format <format>', 'the lines of the journal, or a table')
        .choices(['jsonl', 'csv'])
        .default('jsonl'),
    );
  addDataOptions(addFilterOptions(command))
    .addHelpText(
      'after',
      `
jsonl is byte for byte what the journal holds. csv is for spreadsheets: a text that one would take for a formula gets an
apostrophe in front, and control and invisible characters are written out.
A filter on action, decision, rule, approver, agent or risk picks exchanges, and all their records are written.

Example:
  aegis-gateway audit export --format csv --since 7d --decision block > blocked.csv`,
    )
    .action(async (options: ExportOptions) => await exportRecords(options, io));
}

async function exportRecords(options: ExportOptions, io: CommandIo): Promise<void> {
  const filter = filterOf(options, io.clock.now());
  const trail = await openTrail(options, io);
  try {
    const wanted = await wantedRecords(trail, filter);
    if (options.format === 'csv') io.stdout(csvHeader());
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    for await (const { record, line } of trail.records()) {
      if (left === 0 || io.signal.aborted) break;
      if (!wanted(record)) continue;
      io.stdout(options.format === 'csv' ? csvRow(record, shownInCell) : `${line}\n`);
      left -= 1;
    }
  } finally {
    trail.close();
  }
}

async function wantedRecords(trail: Trail, filter: TrailFilter): Promise<(record: AuditRecord) => boolean> {
  const fits = (record: AuditRecord): boolean =>
    isWithin(filter, record.time) && (filter.kind === null || filter.kind === record.kind);
  if (!asksForExchanges(filter)) return fits;
  const exchanges = await trail.exchanges(
    { ...filter, since: null, until: null, kind: null },
    Number.POSITIVE_INFINITY,
  );
  const ids = new Set(exchanges.map(({ exchangeId }) => exchangeId));
  return (record) => fits(record) && ids.has(exchangeOf(record) ?? '');
}

function shownInCell(text: string): string {
  return makeVisible(text, { limit: CELL_CHARACTERS });
}
