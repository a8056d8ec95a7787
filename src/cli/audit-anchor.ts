import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { readCheckpoint } from '../audit/checkpoint.ts';
import { readTailRecords } from '../audit/tail.ts';
import { isMissing } from '../audit/segment.ts';
import { readPublicKeys } from '../audit/signing-key.ts';
import { addDataOptions, pathsOf, type DataOptions } from './audit-options.ts';
import { EXIT_FOUND, EXIT_USAGE, type CommandIo } from './io.ts';

interface AnchorOptions extends DataOptions {
  readonly format: 'text' | 'json';
}

export function registerAnchor(audit: Command, io: CommandIo): void {
  const command = audit
    .command('anchor')
    .description('Print the newest signed head of the journal, to be kept elsewhere.')
    .addOption(
      new Option('--format <format>', 'seq:hash, or the checkpoint as the journal has it')
        .choices(['text', 'json'])
        .default('text'),
    );
  addDataOptions(command)
    .addHelpText(
      'after',
      `
Kept where the machine of the gateway cannot change it, the line proves later that nothing up to it was changed, cut off
or written anew: give it to "audit verify --anchor". The gateway writes the same to its log (audit.checkpoint) and to the
file of audit.anchor_file whenever it signs.
Exit codes: 0 printed, 1 the newest checkpoint has no good signature, 2 there is none.

Example:
  aegis-gateway audit anchor >> /mnt/elsewhere/anchors.txt`,
    )
    .action(async (options: AnchorOptions) => await printAnchor(options, io));
}

async function printAnchor(options: AnchorOptions, io: CommandIo): Promise<void> {
  const { journalDir, publicKeyPath } = pathsOf(options, io);
  const { records } = await readTailRecords(journalDir, 1, ({ record }) => record.kind === 'checkpoint');
  const [newest] = records;
  if (newest === undefined) {
    io.stderr(
      'error: expected a signed checkpoint in the journal, found none; a running gateway signs within a minute\n',
    );
    return io.exit(EXIT_USAGE);
  }
  const keys = await readFile(publicKeyPath, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  const read = keys === null ? null : readCheckpoint(Buffer.from(newest.line), readPublicKeys(keys, publicKeyPath));
  if (read?.kind !== 'signed') {
    io.stderr(
      `error: the newest checkpoint, record ${newest.record.seq}, is not signed with a key of ${publicKeyPath}\n`,
    );
    return io.exit(EXIT_FOUND);
  }
  io.stdout(options.format === 'json' ? `${newest.line}\n` : `${newest.record.seq}:${newest.record.hash}\n`);
}
