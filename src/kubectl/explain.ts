import type { Command } from 'commander';
import { formatFor } from '../cli/approvals-output.ts';
import { contextOf } from './context.ts';
import { explanationOf, explanationText } from './explanation.ts';
import { readEach } from './named.ts';
import { outputOption, readableOf } from './output.ts';
import type { PluginIo } from './plugin-io.ts';
import { lastApproved } from './same-kind.ts';

interface ExplainOptions {
  readonly output?: 'json' | 'yaml';
}

/** `explain`: why policy asked, and what is not as it was the last time. */
export function registerExplain(program: Command, io: PluginIo): void {
  program
    .command('explain <names...>')
    .description('Why policy asked, and what differs from the last approved request of the kind.')
    .addOption(outputOption(['json', 'yaml']))
    .addHelpText(
      'after',
      '\nOf the same kind are requests of one gateway and agent with the same types of action to the same server.\n\nExample:\n  kubectl aegis explain apr-7zq3k9x2mb',
    )
    .action(async (names: string[], options: ExplainOptions) => await explain(names, program, { io, options }));
}

async function explain(
  typed: readonly string[],
  program: Command,
  { io, options }: { readonly io: PluginIo; readonly options: ExplainOptions },
): Promise<void> {
  const context = contextOf(program, io);
  const namespace = await context.namespace();
  const found = await readEach(typed, namespace, context);
  if (found.length === 0) return;
  const all = readableOf((await context.requests.list({ kind: 'namespace', namespace }, false)).requests);
  const explained = found.map((seen) => ({ seen, compared: lastApproved(seen, all) }));
  const { output } = options;
  if (output !== undefined) {
    const texts = explained.map(({ compared, seen }) => explanationOf(seen, compared));
    const [only] = texts;
    io.stdout(formatFor(output, only !== undefined && typed.length === 1 ? only : texts, []));
    return;
  }
  const place = { columns: io.columns, limit: all.length };
  io.stdout(explained.map(({ compared, seen }) => explanationText(seen, compared, place)).join('\n'));
}
