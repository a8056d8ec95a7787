import { Command, CommanderError } from 'commander';
import { versionOf } from '../cli/version.ts';
import { makeVisible } from '../visible/text.ts';
import { complete } from './complete.ts';
import { registerCompletion } from './completion.ts';
import { addConnectionFlags, asCommander } from './connection-flags.ts';
import { registerApprove, registerDeny } from './decide.ts';
import { EXIT_DONE, EXIT_UNREACHABLE, EXIT_USAGE, exitCodeOf } from './exit-codes.ts';
import { registerExplain } from './explain.ts';
import { registerHistory } from './history.ts';
import { KubectlError } from './kubectl-error.ts';
import { registerPending } from './pending.ts';
import type { PluginIo } from './plugin-io.ts';
import { registerShow } from './show.ts';
import { visibleLines } from './visible-lines.ts';

const COMMANDS = [
  registerPending,
  registerShow,
  registerApprove,
  registerDeny,
  registerHistory,
  registerExplain,
  registerCompletion,
];

/** Runs one command line of the plug-in (without node and script) and returns the exit code: the highest of all names. */
export async function runPlugin(argv: readonly string[], io: Omit<PluginIo, 'exit'>): Promise<number> {
  let exitCode = EXIT_DONE;
  const pluginIo: PluginIo = { ...io, exit: (code) => (exitCode = Math.max(exitCode, code)) };
  const program = programFor(pluginIo);
  try {
    const [first, ...words] = argv;
    if (first === '__complete' || first === '__completeNoDesc') await complete(words, program, pluginIo);
    else await program.parseAsync(argv.length === 0 ? ['--help'] : [...asCommander(argv)], { from: 'user' });
  } catch (error) {
    return Math.max(exitCode, reportError(error, pluginIo));
  }
  return exitCode;
}

function programFor(io: PluginIo): Command {
  const program = new Command('kubectl aegis')
    .description('See what AI agents wait for, and decide. It asks the API server through kubectl, with your rights.')
    .version(versionOf(io.env), '-V, --version')
    .option('--no-color', 'plain output, as with NO_COLOR')
    .helpOption('-h, --help', 'show help; every command has its own')
    .helpCommand(false)
    .showHelpAfterError('(--help shows what can be given)')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: io.stdout,
      writeErr: (text) => io.stderr(visibleLines(text)),
      getOutHasColors: () => io.colour,
      getErrHasColors: () => io.colour,
    })
    .addHelpText('after', AFTER_HELP);
  addConnectionFlags(program);
  for (const register of COMMANDS) register(program, io);
  // Commander does not hand these settings on to commands that were made before they were set.
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

function reportError(error: unknown, io: PluginIo): number {
  // Commander has printed the message, or the help or version that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE;
  // What was under way was broken off by Ctrl-C, or by a reader that went away.
  if (error instanceof KubectlError && io.signal.aborted) return EXIT_DONE;
  if (error instanceof KubectlError) {
    io.stderr(`${visibleLines(error.message)}\n`);
    if (error.problem === 'not-installed') io.stderr('the cluster has no ApprovalRequests: see docs/kubernetes.md\n');
    return exitCodeOf(error);
  }
  io.stderr(`error: ${makeVisible(error instanceof Error ? error.message : String(error))}\n`);
  return EXIT_UNREACHABLE;
}

const AFTER_HELP = `
Begin here:
  kubectl aegis pending                    what waits, kept up to date
  kubectl aegis show apr-7zq3k9x2mb        everything that is needed to decide
  kubectl aegis approve apr-7zq3k9x2mb     shows it, asks, and decides under your name

kubectl's flags for the connection (--context, --kubeconfig, --as ...) may stand anywhere after "aegis".
AEGIS_KUBECTL names the kubectl to use (default: kubectl).
Exit codes: 0 done, 1 refused or not agreed to, 2 wrong usage, 3 not there or ended already, 4 the API server cannot be
reached, or does not let you read. Of several names the highest counts.`;
