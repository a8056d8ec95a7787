import type { Command } from 'commander';
import { registerAnchor } from './audit-anchor.ts';
import { registerExport } from './audit-export.ts';
import { registerList } from './audit-list.ts';
import { registerShow } from './audit-show.ts';
import { registerTail } from './audit-tail.ts';
import { registerVerify } from './audit-verify.ts';
import type { CommandIo } from './io.ts';

/** The commands that read the audit trail: they work on the data folder, whether a gateway runs or not. */
export function registerAudit(program: Command, io: CommandIo): void {
  const audit = program
    .command('audit')
    .description('Read the audit trail: what was asked, decided, approved and done.')
    .addHelpText(
      'after',
      `
Examples:
  aegis-gateway audit list --since 2h --decision block
  aegis-gateway audit show 0198f1c2-...                 everything about one exchange
  aegis-gateway audit tail -f
  aegis-gateway audit verify --anchor 1200:9f86d081...  whether anything was changed or cut off
  aegis-gateway audit anchor                            the newest signed head, to be kept elsewhere
  aegis-gateway audit export --format csv --since 7d > week.csv`,
    );
  for (const register of [registerList, registerShow, registerTail, registerVerify, registerAnchor, registerExport])
    register(audit, io);
}
