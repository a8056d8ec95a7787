import { Command, CommanderError, Help, type Option } from 'commander';
import { MistakesError, formatMistake } from '../document/mistake.ts';
import { EXIT_OK, EXIT_USAGE, type CommandIo } from './io.ts';
import { versionOf } from './version.ts';

type Register = (program: Command, io: CommandIo) => void;

/** Each command with what it takes to run it, in the order of the help. */
const COMMANDS: ReadonlyMap<string, () => Promise<Register>> = new Map([
  ['serve', async () => (await import('./serve.ts')).registerServe],
  ['init', async () => (await import('./init.ts')).registerInit],
  ['env', async () => (await import('./env.ts')).registerEnv],
  ['demo', async () => (await import('./demo.ts')).registerDemo],
  ['policy', async () => (await import('./policy.ts')).registerPolicy],
  ['actions', async () => (await import('./actions.ts')).registerActions],
  ['approvals', async () => (await import('./approvals.ts')).registerApprovals],
  ['audit', async () => (await import('./audit.ts')).registerAudit],
]);
const NO_COLOUR = '--no-color';

/** Runs one command line (without node and script) and returns the exit code of the process. */
export async function runCommand(argv: readonly string[], io: Omit<CommandIo, 'exit'>): Promise<number> {
  let exitCode = EXIT_OK;
  const commandIo: CommandIo = { ...io, exit: (code) => (exitCode = Math.max(exitCode, code)) };
  try {
    const program = programFor(commandIo);
    for (const register of await registersFor(argv)) register(program, commandIo);
    inherit(program);
    await program.parseAsync(argv.length === 0 ? ['--help'] : [...argv], { from: 'user' });
  } catch (error) {
    return reportError(error, io);
  }
  return exitCode;
}

function programFor(io: CommandIo): Command {
  const program = new Command('aegis-gateway')
    .description('Governs what an AI agent may do to the outside world: policy, approval and audit for every call.')
    .version(versionOf(io.env), '-V, --version')
    .option(NO_COLOUR, 'plain output, as with NO_COLOR')
    .helpOption('-h, --help', 'show help; every command has its own')
    .showHelpAfterError('(--help shows what can be given)')
    .showSuggestionAfterError()
    .configureHelp({ optionDescription })
    .exitOverride()
    .configureOutput({
      writeOut: io.stdout,
      writeErr: io.stderr,
      getOutHasColors: () => io.colour,
      getErrHasColors: () => io.colour,
    });
  program.addHelpText(
    'after',
    `
Begin here:
  aegis-gateway demo --auto              the whole story in one terminal
  aegis-gateway init my-gateway          a commented configuration, policy and action map
  aegis-gateway serve --config my-gateway/gateway.yaml
  aegis-gateway approvals list           what waits for a human
  aegis-gateway audit list               what happened

Exit codes: 0 all is well, 1 the command found something wrong, 2 it was called wrongly or could not work.`,
  );
  return program;
}

/** The command that is named, so that it does not wait for the others; all of them where help or advice is due. */
async function registersFor(argv: readonly string[]): Promise<readonly Register[]> {
  const [name = ''] = argv.filter((argument) => argument !== NO_COLOUR);
  const named = COMMANDS.get(name);
  return await Promise.all((named === undefined ? [...COMMANDS.values()] : [named]).map(async (load) => await load()));
}

const PLAIN_HELP = new Help();

/** What is empty when it is not given needs no `(default: "")` to say so. */
function optionDescription(option: Option): string {
  return PLAIN_HELP.optionDescription(option).replace(/ \(default: (?:""|\[\]|\{\})\)$/u, '');
}

/** Commander does not hand these settings on to commands that were made before they were set. */
function inherit(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inherit(child);
  }
}

function reportError(error: unknown, io: Omit<CommandIo, 'exit'>): number {
  // Commander has printed the message, or the help or version that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  if (error instanceof MistakesError) {
    for (const mistake of error.mistakes) io.stderr(`${formatMistake(mistake)}\n`);
    return EXIT_USAGE;
  }
  io.stderr(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  return EXIT_USAGE;
}
