import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { digestOf, type ChainHead } from '../audit/chain.ts';
import { knownEndOf } from '../audit/known-end.ts';
import { verifyJournal, type ChainBreak, type JournalEnd, type Verification } from '../audit/verify.ts';
import { makeVisible } from '../visible/text.ts';
import { addDataOptions, pathsOf, type DataOptions } from './audit-options.ts';
import { asciiJson } from './approvals-output.ts';
import { EXIT_FOUND, EXIT_USAGE, type CommandIo } from './io.ts';

interface VerifyOptions extends DataOptions {
  readonly anchor?: ChainHead;
  readonly format: 'text' | 'json';
}

export function registerVerify(audit: Command, io: CommandIo): void {
  const command = audit
    .command('verify')
    .description('Check the chain of the journal: whether any record was changed, moved, removed or put in.')
    .option(
      '--anchor <seq:hash>',
      'a record known from elsewhere: proves that nothing up to it was rewritten or cut off',
      parseAnchor,
    )
    .addOption(
      new Option('--format <format>', 'for people, or one JSON object').choices(['text', 'json']).default('text'),
    );
  addDataOptions(command)
    .addHelpText(
      'after',
      `
Records that the audit database has and the journal lacks were cut off. Without an anchor the end stays unproven all the
same: whoever can write both can cut records off, or write all of it anew. Keep the last line of this command somewhere else and give it back as --anchor the next time.
Exit codes: 0 the chain is whole, 1 it is broken, 2 there is no journal or it cannot be read.

Example:
  aegis-gateway audit verify --anchor 1200:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`,
    )
    .action(async (options: VerifyOptions) => await verify(options, io));
}

function parseAnchor(text: string): ChainHead {
  const found = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text);
  if (found === null)
    throw new InvalidArgumentError('expected the number of a record, a colon and its hash of 64 hexadecimal digits');
  return { seq: Number(found[1]), hash: digestOf((found[2] ?? '').toLowerCase()) };
}

async function verify(options: VerifyOptions, io: CommandIo): Promise<void> {
  const { journalDir, databasePath } = pathsOf(options, io);
  const found = await verifyJournal({
    dir: journalDir,
    anchor: options.anchor ?? null,
    // Read first: a running gateway only adds to the journal.
    knownEnd: knownEndOf(databasePath),
    wait: (ms) => sleep(ms),
  });
  if (found.segments === 0) {
    io.stderr(
      `error: expected a journal in ${makeVisible(journalDir)}, found none; --data-dir names the data folder of the gateway\n`,
    );
    return io.exit(EXIT_USAGE);
  }
  if (options.format === 'json') io.stdout(`${asciiJson(found, 2)}\n`);
  else io.stdout(sentencesOf(found));
  if (!found.ok) io.exit(EXIT_FOUND);
}

function sentencesOf({ ok, records, segments, breaks, breakCount, end, head }: Verification): string {
  const lines = breaks.map(breakLine);
  if (breakCount > breaks.length) lines.push(`and ${breakCount - breaks.length} more`);
  const counted = `${records} records in ${segments} ${segments === 1 ? 'segment' : 'segments'}`;
  lines.push(
    ok
      ? `ok: ${counted}, the chain is whole`
      : `broken: ${breakCount} ${breakCount === 1 ? 'break' : 'breaks'} in ${counted}`,
  );
  lines.push(ok ? endLine(end) : 'end unproven: behind a break, the chain proves nothing');
  if (head !== null) lines.push(`newest record ${head.time}`, `${head.seq}:${head.hash}`);
  return `${lines.join('\n')}\n`;
}

function breakLine({ file, line, problem }: ChainBreak): string {
  return `${makeVisible(file)}${line === null ? '' : `:${line}`}: ${makeVisible(problem)}`;
}

function endLine(end: JournalEnd): string {
  switch (end.kind) {
    case 'unproven':
      return 'end unproven: without an anchor from elsewhere nobody can tell whether records were cut off the end';
    case 'anchored':
      return end.later === 0
        ? `end proven up to the anchor, record ${end.seq}, which is the newest`
        : `proven up to the anchor, record ${end.seq}; end unproven for the ${end.later} records after it`;
    default:
      return end satisfies never;
  }
}
