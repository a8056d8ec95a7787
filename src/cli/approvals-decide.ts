import type { ApprovalRecord } from '../model/approval.ts';
import { makeVisible } from '../visible/text.ts';
import { approvalDetail } from './approvals-detail.ts';
import { formatFor, type OutputForm } from './approvals-output.ts';
import { countText, scopeText } from './approvals-words.ts';
import { ControlProblemError, type ControlClient } from './control-client.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';

/** Somebody who can be asked a question; null where nobody sits at a terminal. */
export type Ask = ((question: string, signal: AbortSignal) => Promise<string>) | null;

export interface DecideCommand {
  readonly client: ControlClient;
  readonly io: CommandIo;
  readonly ask: Ask;
  readonly verdict: 'approved' | 'denied';
  readonly reason: string;
  readonly yes: boolean;
  readonly form: OutputForm | null;
  readonly limit: number;
}

/** Decides on each of the approvals in turn. What cannot be decided is reported, and the others are decided still. */
export async function decideAll(names: readonly string[], command: DecideCommand): Promise<void> {
  const decided: ApprovalRecord[] = [];
  for (const name of names) {
    try {
      const approval = await decideOne(name, command);
      if (approval !== null) decided.push(approval);
      else command.io.exit(EXIT_FOUND);
    } catch (error) {
      if (!(error instanceof ControlProblemError)) throw error;
      command.io.stderr(`${makeVisible(name)}: ${makeVisible(error.message)}\n`);
      command.io.exit(EXIT_FOUND);
    }
  }
  const { form, io } = command;
  if (form !== null)
    io.stdout(
      formatFor(
        form,
        decided,
        decided.map(({ name }) => name),
      ),
    );
}

/** Null when the person thought better of it. */
async function decideOne(name: string, command: DecideCommand): Promise<ApprovalRecord | null> {
  const { ask, client, form, io, reason, verdict, yes } = command;
  const seen = await client.get(name);
  if (ask !== null && !yes) {
    io.stdout(approvalDetail(seen, { now: io.clock.now(), columns: io.columns, limit: command.limit }));
    const answer = await ask(`\n${verdict === 'approved' ? 'Approve' : 'Deny'} ${seen.name}? [y/N] `, io.signal);
    if (!/^y(?:es)?$/iu.test(answer.trim())) {
      io.stderr(`${seen.name}: nothing was decided\n`);
      return null;
    }
  }
  // The fingerprint ties the decision to what was seen, whatever the name stands for by now.
  const approval = await client.decide(seen.name, { verdict, reason, fingerprint: seen.ask.fingerprint });
  if (form === null) io.stdout(`${outcomeText(approval)}\n`);
  return approval;
}

/** The sentence on what an approval is once somebody has decided. */
export function outcomeText(approval: ApprovalRecord): string {
  const { name, phase } = approval;
  switch (phase) {
    case 'approved':
      return `${name} is approved. It covers ${scopeText(approval)}.`;
    case 'denied':
      return `${name} is denied.`;
    case 'pending':
      return `${name} has ${countText(approval)} and waits for more.`;
    default:
      return `${name} is ${phase}.`;
  }
}
