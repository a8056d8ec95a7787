import { InvalidArgumentError, type Command } from 'commander';
import { tableLines } from '../cli/table.ts';
import { parseDuration } from '../document/quantity.ts';
import { contextOf, whereOf } from './context.ts';
import { formatRequests, FORMS, outputOption, readableOf, type Form } from './output.ts';
import { warningLines } from './pending-page.ts';
import type { PluginIo } from './plugin-io.ts';
import { endedAt, historyColumns } from './request-columns.ts';
import type { SeenRequest } from './seen-request.ts';

interface HistoryOptions {
  readonly allNamespaces?: boolean;
  readonly since?: number;
  readonly limit: number;
  readonly output?: Form;
}

const DEFAULT_LIMIT = 50;

/** `history`: what was decided, by whom, and what became of it. */
export function registerHistory(program: Command, io: PluginIo): void {
  program
    .command('history')
    .description('What ended or was granted: who decided what, when, and what became of it. The newest first.')
    .option('-A, --all-namespaces', 'those of all namespaces')
    .option('--since <time>', 'what ended within this time, for instance 12h or 7d', parseSince)
    .option('--limit <count>', 'how many at most', parseLimit, DEFAULT_LIMIT)
    .addOption(outputOption(FORMS))
    .addHelpText(
      'after',
      '\nExamples:\n  kubectl aegis history --since 24h\n  kubectl aegis history -A --limit 500 -o json',
    )
    .action(async (options: HistoryOptions) => await history(program, io, options));
}

async function history(program: Command, io: PluginIo, options: HistoryOptions): Promise<void> {
  const { allNamespaces = false, limit, output, since } = options;
  const context = contextOf(program, io);
  const { requests } = await context.requests.list(await whereOf(context, allNamespaces), false);
  const now = io.clock.now();
  const ended = endedOnes(readableOf(requests))
    .filter((seen) => since === undefined || (endedAt(seen) ?? now) >= now - since)
    .slice(0, limit);
  if (output !== undefined && output !== 'wide') io.stdout(formatRequests(output, ended, false));
  else if (ended.length === 0) io.stderr('nothing was decided or ended\n');
  else {
    const columns = historyColumns(ended, { everywhere: allNamespaces, wide: output === 'wide' });
    const lines = tableLines(ended, columns, { now, columns: io.columns, colour: io.colour });
    io.stdout(lines.map((line) => `${line}\n`).join(''));
  }
  for (const line of warningLines(requests, io.columns)) io.stderr(`${line}\n`);
}

/** Those that wait no longer, the newest end first; what is granted and not used up comes before. */
function endedOnes(requests: readonly SeenRequest[]): readonly SeenRequest[] {
  return requests
    .filter(({ record }) => record.phase !== 'pending')
    .toSorted((left, right) => rankOf(right) - rankOf(left) || right.record.createdAt - left.record.createdAt);
}

function rankOf(seen: SeenRequest): number {
  return endedAt(seen) ?? Number.MAX_SAFE_INTEGER;
}

function parseSince(text: string): number {
  const since = parseDuration(text);
  if (since === null) throw new InvalidArgumentError('expected a time such as 12h or 7d');
  return since;
}

function parseLimit(text: string): number {
  const limit = /^\d{1,6}$/u.test(text) ? Number(text) : 0;
  if (limit < 1) throw new InvalidArgumentError('expected a number of at least 1');
  return limit;
}
