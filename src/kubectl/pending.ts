import type { Command } from 'commander';
import { asciiJson } from '../cli/approvals-output.ts';
import { watchLine } from '../cli/approvals-watch.ts';
import { timeText } from '../cli/approvals-words.ts';
import { makeVisible } from '../visible/text.ts';
import { contextOf, whereOf, type PluginContext } from './context.ts';
import type { Where } from './cluster-requests.ts';
import { formatRequests, FORMS, outputOption, type Form } from './output.ts';
import { PendingFeed, type PendingSource } from './pending-feed.ts';
import { drawPending, feedWorld } from './pending-live.ts';
import { pendingOnly, pendingTable, warningLines } from './pending-page.ts';
import type { PluginIo } from './plugin-io.ts';
import type { ColumnChoice } from './request-columns.ts';
import { isReadable, type Seen } from './seen-request.ts';

interface PendingOptions {
  readonly allNamespaces?: boolean;
  readonly once?: boolean;
  readonly watch?: boolean;
  readonly output?: Form;
}

/** `pending`: what waits for a decision. */
export function registerPending(program: Command, io: PluginIo): void {
  program
    .command('pending')
    .description('What waits for a decision: at a terminal a table that is kept up to date, until Ctrl-C.')
    .option('-A, --all-namespaces', 'those of all namespaces')
    .option('--once', 'print it once, also at a terminal')
    .option('-w, --watch', 'where output is piped: a line for each request that comes, changes or ends')
    .addOption(outputOption(FORMS))
    .addHelpText(
      'after',
      '\nExamples:\n  kubectl aegis pending\n  kubectl aegis pending -A -o wide\n  kubectl aegis pending -o json | jq .items[].spec.summary',
    )
    .action(async (options: PendingOptions) => await pending(program, io, options));
}

async function pending(program: Command, io: PluginIo, options: PendingOptions): Promise<void> {
  const { allNamespaces = false, output, watch = false } = options;
  const terminal = options.once === true || isForPrograms(output) ? null : io.terminal;
  // Nothing may write into a table that is drawn.
  const context = contextOf(program, io, terminal === null ? io.stderr : () => undefined);
  const where = await whereOf(context, allNamespaces);
  const source = sourceOf(context, where);
  const choice = { everywhere: allNamespaces, wide: output === 'wide' };
  if (terminal !== null) await drawPending({ io, terminal, source, choice, place: placeText(where) });
  else if (watch && options.once !== true) await follow(source, io, output ?? null);
  else printOnce((await source.list()).requests, { io, output, choice, place: placeText(where) });
}

interface Printed {
  readonly io: PluginIo;
  readonly output: Form | undefined;
  readonly choice: ColumnChoice;
  readonly place: string;
}

function printOnce(requests: readonly Seen[], { choice, io, output, place }: Printed): void {
  const found = pendingOnly(requests);
  if (output !== undefined && output !== 'wide') io.stdout(formatRequests(output, found, false));
  else {
    const lines = pendingTable(requests, choice, { now: io.clock.now(), columns: io.columns, colour: io.colour });
    io.stdout(lines.map((line) => `${line}\n`).join(''));
    if (found.length === 0) io.stderr(`nothing waits ${place}\n`);
  }
  warn(requests, io);
}

function isForPrograms(output: Form | undefined): boolean {
  return output !== undefined && output !== 'wide';
}

function sourceOf({ requests }: PluginContext, where: Where): PendingSource {
  return {
    list: async () => await requests.list(where, true),
    watch: (resourceVersion, signal) => requests.watch(where, resourceVersion, signal),
  };
}

/** Prints a line for each request that waits and for each change, until Ctrl-C. */
async function follow(source: PendingSource, io: PluginIo, form: Form | null): Promise<void> {
  let first = true;
  for await (const { changed, requests, trouble } of new PendingFeed(source, feedWorld(io, io.signal)).follow()) {
    if (trouble !== null) io.stderr(`not up to date: ${makeVisible(trouble.problem)}\n`);
    else if (changed !== null) tell(changed.request, changed.gone, { io, form });
    else if (first) for (const seen of requests) tell(seen, false, { io, form });
    first = false;
  }
}

function tell(seen: Seen, gone: boolean, { form, io }: { readonly io: PluginIo; readonly form: Form | null }): void {
  if (!isReadable(seen)) warn([seen], io);
  else if (form === 'json' || form === 'yaml')
    io.stdout(`${asciiJson({ type: gone ? 'DELETED' : 'ADDED', object: seen.raw })}\n`);
  else if (form === 'name') io.stdout(gone ? '' : `approvalrequest.aegis.dev/${seen.name}\n`);
  else if (gone) io.stdout(`${timeText(io.clock.now())}  ${seen.name}  waits no longer\n`);
  else io.stdout(`${watchLine(seen.record, io)}\n`);
}

function warn(requests: readonly Seen[], io: PluginIo): void {
  for (const line of warningLines(requests, io.columns)) io.stderr(`${line}\n`);
}

function placeText(where: Where): string {
  return where.kind === 'everywhere' ? 'in any namespace' : `in namespace ${makeVisible(where.namespace)}`;
}
