import { type Command, InvalidArgumentError, Option } from 'commander';
import { outcomeText } from '../cli/approvals-decide.ts';
import { phaseAt } from '../cli/approvals-words.ts';
import { makeVisible } from '../visible/text.ts';
import { contextOf, type PluginContext } from './context.ts';
import type { Decision } from './cluster-requests.ts';
import { confirmationText } from './confirmation.ts';
import { decideOn, type Outcome } from './deciding.ts';
import { EXIT_GONE, EXIT_REFUSED, EXIT_USAGE } from './exit-codes.ts';
import { KubectlError } from './kubectl-error.ts';
import { eachOnce, readNamed } from './named.ts';
import { formatRequests, outputOption } from './output.ts';
import type { PluginIo } from './plugin-io.ts';
import { DETAIL_LIMIT } from './request-detail.ts';
import type { SeenRequest } from './seen-request.ts';

interface DecideOptions {
  readonly reason?: string;
  readonly yes?: boolean;
  readonly full?: boolean;
  readonly output?: 'json' | 'yaml' | 'name';
}

interface DecideCommand {
  readonly context: PluginContext;
  readonly verdict: Decision['verdict'];
  readonly options: DecideOptions;
}

/** `approve`. */
export function registerApprove(program: Command, io: PluginIo): void {
  const command = program
    .command('approve <names...>')
    .description('Approve: the request may pass as it is, for as long and as often as its rule says.')
    .option('--reason <text>', 'why, for the audit trail')
    .addHelpText(
      'after',
      '\nExamples:\n  kubectl aegis approve apr-7zq3k9x2mb\n  kubectl aegis approve apr-7zq3k9x2mb apr-0c5m1h8ttw --yes --reason "ticket 4711"',
    );
  withChoices(command).action(
    async (names: string[], options: DecideOptions) =>
      await decide(names, program, { io, options, verdict: 'approved' }),
  );
}

/** `deny`. */
export function registerDeny(program: Command, io: PluginIo): void {
  const command = program
    .command('deny <names...>')
    .description('Deny: the agent is told so, with the reason, and may not ask again at once.')
    .addOption(
      new Option('--reason <text>', 'why; the agent and its user are told')
        .makeOptionMandatory()
        .argParser(parseReason),
    )
    .addHelpText(
      'after',
      '\nExample:\n  kubectl aegis deny apr-7zq3k9x2mb --reason "refunds over 100 go through support"',
    );
  withChoices(command).action(
    async (names: string[], options: DecideOptions) => await decide(names, program, { io, options, verdict: 'denied' }),
  );
}

function withChoices(command: Command): Command {
  return command
    .option('-y, --yes', 'do not show it and ask first')
    .option('--full', `show texts of more than ${DETAIL_LIMIT} characters whole`)
    .addOption(outputOption(['json', 'yaml', 'name']));
}

async function decide(
  typed: readonly string[],
  program: Command,
  given: { readonly io: PluginIo; readonly options: DecideOptions; readonly verdict: Decision['verdict'] },
): Promise<void> {
  const { io, options, verdict } = given;
  if (io.ask === null && options.yes !== true) {
    io.stderr('there is no terminal to ask at: --yes decides without being asked\n');
    io.exit(EXIT_USAGE);
    return;
  }
  const context = contextOf(program, io);
  const namespace = await context.namespace();
  const names = eachOnce(typed);
  const decided: SeenRequest[] = [];
  for (const name of names) {
    if (io.signal.aborted) break;
    const done = await decideOnNamed(name, namespace, { context, options, verdict });
    if (done !== null) decided.push(done);
  }
  if (options.output !== undefined && decided.length > 0)
    io.stdout(formatRequests(options.output, decided, typed.length === 1));
  if (names.length > 1) io.stderr(`${decided.length} of ${names.length} ${verdict}\n`);
}

/** Null, once it is said and the exit code set, when nothing was decided. */
async function decideOnNamed(name: string, namespace: string, command: DecideCommand): Promise<SeenRequest | null> {
  const { context, options, verdict } = command;
  const { io } = context;
  const seen = await readNamed(name, namespace, context);
  if (seen === null || !mayBeDecided(seen, command)) return null;
  if (phaseAt(seen.record, io.clock.now()) === 'expired')
    io.stderr(`${seen.name}: by the clock of this machine its time is over; its gateway goes by its own\n`);
  if (options.yes !== true && !(await agrees(seen, command))) {
    io.stderr(`${seen.name}: nothing was decided\n`);
    io.exit(EXIT_REFUSED);
    return null;
  }
  const outcome = await decideOn(seen, { verdict, reason: options.reason ?? '', approver: null }, context.requests);
  return report(seen, outcome, command);
}

function mayBeDecided(seen: SeenRequest, { context, verdict }: DecideCommand): boolean {
  const { io } = context;
  const { phase } = seen.record;
  if (phase !== 'pending') {
    io.stderr(`${seen.name}: is ${phase} already and cannot be decided any more\n`);
    io.exit(EXIT_GONE);
    return false;
  }
  if (verdict === 'denied' || seen.problem === null) return true;
  io.stderr(`${seen.name}: is not approved, since its gateway would not use it: ${makeVisible(seen.problem)}\n`);
  io.exit(EXIT_REFUSED);
  return false;
}

/** Shows what is decided and what follows, and asks. */
async function agrees(seen: SeenRequest, { context, options, verdict }: DecideCommand): Promise<boolean> {
  const { io, requests } = context;
  if (io.ask === null) return false;
  const who = await requests.whoami().catch((error: unknown) => {
    // Old servers cannot tell; whether the person may decide is checked all the same.
    if (error instanceof KubectlError) return null;
    throw error;
  });
  const decision = { verdict, reason: options.reason ?? '', approver: null };
  const limit = options.full === true ? Number.MAX_SAFE_INTEGER : DETAIL_LIMIT;
  io.stdout(confirmationText(seen, { decision, who }, { now: io.clock.now(), columns: io.columns, limit }));
  const question = `\n${verdict === 'approved' ? 'Approve' : 'Deny'} ${seen.name}? [y/N] `;
  return /^y(?:es)?$/iu.test((await io.ask(question, io.signal)).trim());
}

function report(seen: SeenRequest, outcome: Outcome, { context, options }: DecideCommand): SeenRequest | null {
  const { io } = context;
  if (outcome.kind === 'decided') {
    if (options.output === undefined) io.stdout(`${outcomeText(outcome.request.record)}\n`);
    return outcome.request;
  }
  io.stderr(`${seen.name}: ${makeVisible(outcome.problem)}\n`);
  io.exit(outcome.exit);
  return null;
}

function parseReason(text: string): string {
  if (text.trim() === '')
    throw new InvalidArgumentError('expected a reason: the agent and its user are told why it was denied');
  return text;
}
