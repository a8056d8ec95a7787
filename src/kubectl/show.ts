import type { Command } from 'commander';
import { contextOf } from './context.ts';
import { readEach } from './named.ts';
import { formatRequests, outputOption, type Form } from './output.ts';
import type { PluginIo } from './plugin-io.ts';
import { DETAIL_LIMIT, requestDetail } from './request-detail.ts';

interface ShowOptions {
  readonly full?: boolean;
  readonly output?: Exclude<Form, 'wide'>;
}

/** `show`: everything that is needed to decide. */
export function registerShow(program: Command, io: PluginIo): void {
  program
    .command('show <names...>')
    .description('Everything that is needed to decide on a request, complete and made visible.')
    .option('--full', `show texts of more than ${DETAIL_LIMIT} characters whole`)
    .addOption(outputOption(['json', 'yaml', 'name']))
    .addHelpText(
      'after',
      '\nExamples:\n  kubectl aegis show apr-7zq3k9x2mb\n  kubectl aegis show apr-7zq3k9x2mb -o yaml',
    )
    .action(async (names: string[], options: ShowOptions) => await show(names, program, { io, options }));
}

async function show(
  typed: readonly string[],
  program: Command,
  { io, options }: { readonly io: PluginIo; readonly options: ShowOptions },
): Promise<void> {
  const context = contextOf(program, io);
  const namespace = await context.namespace();
  const found = await readEach(typed, namespace, context);
  const { full = false, output } = options;
  if (output !== undefined) {
    if (found.length > 0) io.stdout(formatRequests(output, found, typed.length === 1));
    return;
  }
  const limit = full ? Number.MAX_SAFE_INTEGER : DETAIL_LIMIT;
  const place = { now: io.clock.now(), columns: io.columns, limit };
  io.stdout(found.map((seen) => requestDetail(seen, place)).join('\n'));
}
