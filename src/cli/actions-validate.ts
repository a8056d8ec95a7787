import type { Command } from 'commander';
import { formatMistake } from '../document/mistake.ts';
import { readMaps, reportUnreadable } from './actions-files.ts';
import { counted, formatOption, type FormatOption } from './command-files.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';

export function registerActionsValidate(group: Command, io: CommandIo): void {
  group
    .command('validate')
    .argument('<files...>', 'action maps, in the order in which the gateway would load them')
    .description('Load action maps together and print every mistake as file:line:column.')
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Exit codes: 0 no mistakes, 1 mistakes were found, 2 a file cannot be read.

Example:
  aegis-gateway actions validate actions/github.yaml my-actions.yaml`,
    )
    .action(async (files: readonly string[], options: FormatOption) => await validate(files, options, io));
}

async function validate(files: readonly string[], { format }: FormatOption, io: CommandIo): Promise<void> {
  const map = await readMaps(files, io.cwd);
  if (!map.ok && map.unreadable) return reportUnreadable(map.mistakes, io);
  const mistakes = map.ok ? [] : map.mistakes;
  const entries = map.ok ? map.value.entries.length : null;
  if (format === 'json') io.stdout(`${JSON.stringify({ ok: map.ok, entries, mistakes })}\n`);
  else if (map.ok)
    io.stdout(`${counted(files.length, 'file')}, ${counted(entries ?? 0, 'entry', 'entries')}, no mistakes\n`);
  else io.stdout(`${mistakes.map(formatMistake).join('\n')}\n${counted(mistakes.length, 'mistake')}\n`);
  if (!map.ok) io.exit(EXIT_FOUND);
}
