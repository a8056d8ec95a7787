import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { APPROVAL_PHASES, type ApprovalPhase } from '../model/approval.ts';
import { approvalDetail } from './approvals-detail.ts';
import { decideAll, type Ask } from './approvals-decide.ts';
import { formatFor, OUTPUT_FORMS, type OutputForm } from './approvals-output.ts';
import { registerPrune } from './approvals-prune.ts';
import { approvalsTable } from './approvals-table.ts';
import { watchApprovals } from './approvals-watch.ts';
import { ControlClient, ControlProblemError } from './control-client.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';
import { terminalAsk } from './terminal-ask.ts';
import { makeVisible } from '../visible/text.ts';

/** Where the gateway keeps its data unless it is told otherwise. */
const DEFAULT_DATA_DIR = './aegis-data';
/** A page of text that a person reads; --full shows all. */
const DETAIL_LIMIT = 16_384;

interface Where {
  readonly dataDir?: string;
  readonly socket?: string;
  readonly output?: OutputForm;
}
interface ListOptions extends Where {
  readonly phase?: readonly ApprovalPhase[];
  readonly all?: boolean;
  readonly limit: number;
}
interface DecideOptions extends Where {
  readonly reason?: string;
  readonly yes?: boolean;
  readonly full?: boolean;
}

/** Adds the group `approvals`. `ask` is replaced in tests. */
export function registerApprovals(program: Command, io: CommandIo, ask: Ask = terminalAsk()): void {
  const group = program
    .command('approvals')
    .description('See what agents wait for, and decide.')
    .addHelpText('after', GROUP_HELP);
  registerList(group, io);
  registerShow(group, io);
  registerApprove(group, io, ask);
  registerDeny(group, io, ask);
  registerPrune(group, io);
  withPlace(group.command('watch'))
    .description('Follow approvals as they are asked for and decided, until Ctrl-C.')
    .addHelpText(
      'after',
      '\nExamples:\n  aegis-gateway approvals watch\n  aegis-gateway approvals watch -o json | jq .name     one JSON object a line',
    )
    .action((options: Where) => watchApprovals(clientFor(options, io), io, options.output ?? null));
}

function registerList(group: Command, io: CommandIo): void {
  withPlace(group.command('list'))
    .description('List approvals: those that wait for a decision, unless told otherwise.')
    .addOption(new Option('--phase <phases>', `some of ${APPROVAL_PHASES.join(',')}`).argParser(parsePhases))
    .option('-a, --all', 'approvals of every phase')
    .option('--limit <count>', 'how many at most, the newest first (1 to 500)', parseLimit, 100)
    .addHelpText(
      'after',
      '\nExamples:\n  aegis-gateway approvals list\n  aegis-gateway approvals list --phase approved,denied\n  aegis-gateway approvals list -o json      for programs; of the parameters it holds the amount only',
    )
    .action((options: ListOptions) => list(options, io));
}

function registerShow(group: Command, io: CommandIo): void {
  withPlace(group.command('show <name>'))
    .description('Show everything that is needed to decide on an approval.')
    .option('--full', `show texts of more than ${DETAIL_LIMIT} characters whole`)
    .addHelpText(
      'after',
      '\nExamples:\n  aegis-gateway approvals show apr-7zq3k9x2mb\n  aegis-gateway approvals show apr-7zq3k9x2mb -o yaml',
    )
    .action((name: string, options: Where & { readonly full?: boolean }) => show(name, options, io));
}

function registerApprove(group: Command, io: CommandIo, ask: Ask): void {
  withPlace(group.command('approve <names...>'))
    .description('Approve: the request may pass as it is, for as long and as often as its rule says.')
    .option('--reason <text>', 'why, for the audit trail')
    .option('-y, --yes', 'do not show it and ask first, as is done at a terminal')
    .addHelpText(
      'after',
      '\nExamples:\n  aegis-gateway approvals approve apr-7zq3k9x2mb\n  aegis-gateway approvals approve apr-7zq3k9x2mb apr-0c5m1h8ttw --yes --reason "ticket 4711"',
    )
    .action((names: string[], options: DecideOptions) => decide(names, 'approved', { options, io, ask }));
}

function registerDeny(group: Command, io: CommandIo, ask: Ask): void {
  withPlace(group.command('deny <names...>'))
    .description('Deny: the agent is told so, with the reason, and may not ask again at once.')
    .addOption(
      new Option('--reason <text>', 'why; the agent and its user are told')
        .makeOptionMandatory()
        .argParser(parseReason),
    )
    .option('-y, --yes', 'do not show it and ask first, as is done at a terminal')
    .addHelpText(
      'after',
      '\nExample:\n  aegis-gateway approvals deny apr-7zq3k9x2mb --reason "refunds over 100 go through support"',
    )
    .action((names: string[], options: DecideOptions) => decide(names, 'denied', { options, io, ask }));
}

function withPlace(command: Command): Command {
  return command
    .option('--data-dir <folder>', `the data folder of the gateway (default: AEGIS_DATA_DIR or ${DEFAULT_DATA_DIR})`)
    .option('--socket <path>', 'the control socket (default: control.sock in the data folder)')
    .addOption(new Option('-o, --output <form>', 'a form for programs').choices(OUTPUT_FORMS));
}

async function list(options: ListOptions, io: CommandIo): Promise<void> {
  const phases = options.all === true ? null : (options.phase ?? ['pending']);
  const approvals = await clientFor(options, io).list(phases, options.limit);
  if (options.output !== undefined) {
    io.stdout(
      formatFor(
        options.output,
        approvals,
        approvals.map(({ name }) => name),
      ),
    );
    return;
  }
  if (approvals.length === 0) {
    io.stderr(
      phases === null ? 'there are no approvals\n' : `there are no approvals that are ${phases.join(' or ')}\n`,
    );
    return;
  }
  const withPhase = phases === null || phases.some((phase) => phase !== 'pending');
  io.stdout(approvalsTable(approvals, { now: io.clock.now(), columns: io.columns, withPhase }));
}

async function show(name: string, options: Where & { readonly full?: boolean }, io: CommandIo): Promise<void> {
  try {
    const approval = await clientFor(options, io).get(name);
    const limit = options.full === true ? Number.MAX_SAFE_INTEGER : DETAIL_LIMIT;
    const detail = { now: io.clock.now(), columns: io.columns, limit };
    io.stdout(
      options.output === undefined
        ? approvalDetail(approval, detail)
        : formatFor(options.output, approval, [approval.name]),
    );
  } catch (error) {
    if (!(error instanceof ControlProblemError)) throw error;
    io.stderr(`${makeVisible(error.message)}\n`);
    io.exit(EXIT_FOUND);
  }
}

interface DecideWorld {
  readonly options: DecideOptions;
  readonly io: CommandIo;
  readonly ask: Ask;
}

async function decide(
  names: readonly string[],
  verdict: 'approved' | 'denied',
  { ask, io, options }: DecideWorld,
): Promise<void> {
  const { output, reason = '', yes = false } = options;
  const client = clientFor(options, io);
  await decideAll(names, { client, io, ask, verdict, reason, yes, form: output ?? null, limit: DETAIL_LIMIT });
}

function clientFor({ dataDir, socket }: Where, io: CommandIo): ControlClient {
  const folder = dataDir ?? io.env['AEGIS_DATA_DIR'] ?? DEFAULT_DATA_DIR;
  return new ControlClient(resolve(io.cwd, socket ?? join(folder, 'control.sock')));
}

function parsePhases(text: string): readonly ApprovalPhase[] {
  const words = text.split(',').map((word) => word.trim());
  const phases = APPROVAL_PHASES.filter((phase) => words.includes(phase));
  if (phases.length !== new Set(words).size)
    throw new InvalidArgumentError(`expected some of ${APPROVAL_PHASES.join(',')}`);
  return phases;
}

function parseLimit(text: string): number {
  const limit = /^\d{1,3}$/u.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > 500) throw new InvalidArgumentError('expected a number from 1 to 500');
  return limit;
}

function parseReason(text: string): string {
  if (text.trim() === '')
    throw new InvalidArgumentError('expected a reason: the agent and its user are told why it was denied');
  return text;
}

const GROUP_HELP = `
Examples:
  aegis-gateway approvals list
  aegis-gateway approvals show apr-7zq3k9x2mb
  aegis-gateway approvals approve apr-7zq3k9x2mb
  aegis-gateway approvals deny apr-7zq3k9x2mb --reason "not at night"

The commands speak to the running gateway over its control socket, which only the user who runs it, and root, can open.
Exit codes: 0 done, 1 an approval is unknown or not pending any more, 2 wrong usage or no gateway.`;
