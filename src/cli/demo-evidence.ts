import { Command } from 'commander';
import { registerAudit } from './audit.ts';
import { ControlClient } from './control-client.ts';
import { EXIT_OK, type CommandIo } from './io.ts';

/** What a command of the product printed, and whether it found everything in order. */
export interface CommandResult {
  readonly text: string;
  readonly ok: boolean;
}

/** Runs an audit command on the data folder of the demo, just as it runs from the command line. */
export async function auditCommand(dataDir: string, io: CommandIo, args: readonly string[]): Promise<CommandResult> {
  let text = '';
  let exitCode = EXIT_OK;
  const program = new Command();
  registerAudit(program, { ...io, stdout: (chunk) => (text += chunk), exit: (code) => (exitCode = code) });
  await program.parseAsync(['audit', ...args, '--data-dir', dataDir], { from: 'user' });
  return { text: indented(text), ok: exitCode === EXIT_OK };
}

/** Approves over the control socket, as `approvals approve` does. Rejects when that is refused. */
export async function approveOnSocket(socket: string, name: string): Promise<void> {
  await new ControlClient(socket).decide(name, {
    verdict: 'approved',
    reason: 'the demo approves by itself',
    fingerprint: null,
  });
}

/** The phase of an approval: pending, approved, denied, expired. */
export async function phaseOnSocket(socket: string, name: string): Promise<string> {
  return (await new ControlClient(socket).get(name)).phase;
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^(?=.)/gmu, '   ');
}
