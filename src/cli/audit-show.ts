import { Option, type Command } from 'commander';
import { makeVisible } from '../visible/text.ts';
import { recordText } from './audit-lines.ts';
import { addDataOptions, openTrail, type DataOptions } from './audit-options.ts';
import { asciiJson } from './approvals-output.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';

/** How wide a record is shown where the terminal does not say. */
const DEFAULT_COLUMNS = 120;

interface ShowOptions extends DataOptions {
  readonly format: 'text' | 'json';
}

export function registerShow(audit: Command, io: CommandIo): void {
  const command = audit
    .command('show')
    .argument('<id>', 'the id of an exchange or of a record, as list and tail print it')
    .description('Everything that was recorded of one exchange.')
    .addOption(
      new Option('--format <format>', 'for people, or one JSON array').choices(['text', 'json']).default('text'),
    );
  addDataOptions(command)
    .addHelpText(
      'after',
      `
Exit code 1 when there is no such exchange or record.

Example:
  aegis-gateway audit show 0198f1c2-7a41-7000-8000-3c2f1e0d9b8a`,
    )
    .action(async (id: string, options: ShowOptions) => await show(id, options, io));
}

async function show(id: string, options: ShowOptions, io: CommandIo): Promise<void> {
  const trail = await openTrail(options, io);
  try {
    const records = await trail.show(id);
    if (records.length === 0) {
      io.stderr(`the trail holds no exchange and no record ${makeVisible(id)}; "audit list" prints the ids\n`);
      return io.exit(EXIT_FOUND);
    }
    if (options.format === 'json') return io.stdout(`${asciiJson(records, 2)}\n`);
    io.stdout(records.map((record) => recordText(record, io.columns ?? DEFAULT_COLUMNS)).join('\n'));
  } finally {
    trail.close();
  }
}
