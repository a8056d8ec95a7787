import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { parseAnchor, readAnchors } from '../audit/anchors.ts';
import type { ChainHead } from '../audit/chain.ts';
import { knownEndOf } from '../audit/known-end.ts';
import { isMissing } from '../audit/segment.ts';
import { readPublicKeys, type PublicKeys } from '../audit/signing-key.ts';
import { verifyJournal } from '../audit/verify.ts';
import { makeVisible } from '../visible/text.ts';
import { addDataOptions, pathsOf, type DataOptions } from './audit-options.ts';
import { sentencesOf, type KeySource } from './audit-verify-text.ts';
import { asciiJson } from './approvals-output.ts';
import { EXIT_FOUND, EXIT_USAGE, type CommandIo } from './io.ts';

interface VerifyOptions extends DataOptions {
  readonly anchor?: string;
  readonly publicKey?: string;
  readonly format: 'text' | 'json';
}

export function registerVerify(audit: Command, io: CommandIo): void {
  const command = audit
    .command('verify')
    .description('Check the journal: whether any record was changed, moved, removed or put in, and who signed it.')
    .option(
      '--anchor <seq:hash|file>',
      'a record known from elsewhere, or a file of such: proves that nothing up to it was rewritten or cut off',
    )
    .option('--public-key <file>', 'the key that checkpoints are signed with (PEM), kept elsewhere')
    .addOption(
      new Option('--format <format>', 'for people, or one JSON object').choices(['text', 'json']).default('text'),
    );
  addDataOptions(command)
    .addHelpText(
      'after',
      `
Without an anchor the end stays unproven: whoever can write the data folder can cut records off. A signed end mark shows
that the gateway stopped there in an orderly way, but a journal that was cut back to an earlier end mark looks the same.
Keep what "audit anchor" prints, or the file of audit.anchor_file, where the machine of the gateway cannot change it.
Without --public-key the key comes from the data folder, where whoever can change the journal can change it too.
Exit codes: 0 the journal is whole, 1 it is broken, 2 there is no journal or it cannot be read.

Examples:
  aegis-gateway audit verify --anchor 1200:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  aegis-gateway audit verify --public-key journal-key.pub.pem --anchor /mnt/elsewhere/anchors.txt`,
    )
    .action(async (options: VerifyOptions) => await verify(options, io));
}

async function verify(options: VerifyOptions, io: CommandIo): Promise<void> {
  const { journalDir, databasePath, publicKeyPath } = pathsOf(options, io);
  const anchors = await anchorsOf(options, io);
  const { keys, source } = await keysOf(options, publicKeyPath, io);
  const found = await verifyJournal({
    dir: journalDir,
    anchors,
    keys,
    knownEnd: () => knownEndOf(databasePath),
    wait: (ms) => sleep(ms),
  });
  if (found.segments === 0 && anchors.length === 0) {
    io.stderr(
      `error: expected a journal in ${makeVisible(journalDir)}, found none; --data-dir names the data folder of the gateway\n`,
    );
    return io.exit(EXIT_USAGE);
  }
  if (options.format === 'json') io.stdout(`${asciiJson({ ...found, keysFrom: source.kind }, 2)}\n`);
  else io.stdout(sentencesOf(found, source));
  if (!found.ok) io.exit(EXIT_FOUND);
}

async function anchorsOf({ anchor }: VerifyOptions, io: CommandIo): Promise<readonly ChainHead[]> {
  if (anchor === undefined) return [];
  const given = parseAnchor(anchor);
  if (given !== null) return [given];
  try {
    return await readAnchors(resolve(io.cwd, anchor));
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new Error(
      `--anchor: expected the number of a record, a colon and its hash of 64 hexadecimal digits, or a file of such; found ${JSON.stringify(anchor)}`,
      { cause: error },
    );
  }
}

async function keysOf(
  { publicKey }: VerifyOptions,
  ownFile: string,
  io: CommandIo,
): Promise<{ readonly keys: PublicKeys; readonly source: KeySource }> {
  if (publicKey !== undefined) {
    const file = resolve(io.cwd, publicKey);
    return { keys: readPublicKeys(await readFile(file, 'utf8'), file), source: { kind: 'given', file } };
  }
  try {
    const keys = readPublicKeys(await readFile(ownFile, 'utf8'), ownFile);
    return { keys, source: { kind: 'data-folder', file: ownFile } };
  } catch (error) {
    if (isMissing(error)) return { keys: new Map(), source: { kind: 'none', file: ownFile } };
    throw error;
  }
}
