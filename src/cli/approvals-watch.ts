import type { ApprovalRecord } from '../model/approval.ts';
import { columnsOf, visibleCell } from '../visible/cell.ts';
import { asciiJson, type OutputForm } from './approvals-output.ts';
import { amountOf, phaseAt, timeText } from './approvals-words.ts';
import type { ControlClient } from './control-client.ts';
import { EXIT_USAGE, type CommandIo } from './io.ts';

/** The widest that a line is where output is piped. */
const PIPED_WIDTH = 200;
const MIN_COLUMNS = 40;

/** Prints a line for each approval that is live and for each change, until Ctrl-C. */
export async function watchApprovals(client: ControlClient, io: CommandIo, form: OutputForm | null): Promise<void> {
  for await (const approval of client.watch(io.signal)) {
    io.stdout(`${form === null ? watchLine(approval, io) : formatted(approval, form)}\n`);
  }
  if (io.signal.aborted) return;
  io.stderr('the gateway has ended the watch: it stopped, or its approvals cannot be read\n');
  io.exit(EXIT_USAGE);
}

function formatted(approval: ApprovalRecord, form: OutputForm): string {
  return form === 'name' ? approval.name : asciiJson(approval);
}

/** A request as one line: when, which, in which phase, and what it is about. */
export function watchLine(approval: ApprovalRecord, io: CommandIo): string {
  const now = io.clock.now();
  const [action] = approval.ask.actions;
  const head = `${timeText(now)}  ${approval.name}  ${phaseAt(approval, now).padEnd(8)}  ${approval.ask.riskLevel.padEnd(8)}  `;
  const amount = action === undefined ? null : amountOf(action);
  const what = [
    action?.type ?? '-',
    action?.target ?? '-',
    ...(amount === null ? [] : [amount]),
    ...(approval.ask.actions.length > 1 ? [`+${approval.ask.actions.length - 1} more`] : []),
  ];
  const room = Math.max(MIN_COLUMNS, io.columns ?? PIPED_WIDTH) - columnsOf(head);
  const share = Math.max(8, Math.floor(room / what.length) - 1);
  return head + what.map((part) => visibleCell(part, share)).join(' ');
}
