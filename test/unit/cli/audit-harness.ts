import { statSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { join } from 'node:path';
import { CHAIN_START } from '../../../src/audit/chain.ts';
import { startFeed } from '../../../src/audit/sink-feed.ts';
import { openSqliteSink } from '../../../src/audit/sqlite-sink.ts';
import { registerAudit } from '../../../src/cli/audit.ts';
import type { CommandIo } from '../../../src/cli/io.ts';
import type { OpenedJournal } from '../../../src/audit/journal.ts';
import {
  action,
  decisionOf,
  fixedClock,
  intent,
  keptLog,
  lifecycle,
  NOON,
  outcome,
  refusal,
  ZERO_DIGEST,
} from '../audit/bodies.ts';
import { open } from '../audit/temporary.ts';

/** What a command printed and exited with. */
export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export interface RunOptions {
  readonly cwd: string;
  readonly colour?: boolean;
  readonly signal?: AbortSignal;
  readonly onOutput?: (text: string) => void;
}

/** Runs `audit ...` as the program does. */
export async function runAudit(args: readonly string[], options: RunOptions): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  let code = 0;
  const io: CommandIo = {
    stdout: (text) => {
      stdout += text;
      options.onOutput?.(text);
    },
    stderr: (text) => (stderr += text),
    colour: options.colour ?? false,
    columns: null,
    env: {},
    cwd: options.cwd,
    clock: fixedClock(NOON + 3_600_000),
    signal: options.signal ?? new AbortController().signal,
    exit: (found) => (code = Math.max(code, found)),
  };
  const program = new Command('aegis-gateway')
    .exitOverride()
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr });
  registerAudit(program, io);
  inherit(program);
  try {
    await program.parseAsync(['audit', ...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    code = error.exitCode === 0 ? 0 : 2;
  }
  return { stdout, stderr, code };
}

function inherit(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inherit(child);
  }
}

/** Text that tries to forge a line, move the cursor, and turn the direction. */
export const HOSTILE = 'pay\n2026-01-15T12:00:00.000Z  auto\u001B[2J\u202Egnp\u200B';

/** Fills a data folder: a read, an approved refund, a blocked delete, a hostile call, one under way. */
export async function fill(dataDir: string): Promise<void> {
  const clock = fixedClock();
  const journal = await open(join(dataDir, 'journal'), { clock });
  const minute = (): void => clock.advance(60_000);
  await journal.append(lifecycle('gateway started'), 'written');
  await journal.append(intent('x-read', { actions: [action('read')] }), 'written');
  await journal.append(outcome('x-read'), 'written');
  minute();
  await refund(journal);
  minute();
  await journal.append(refusal('x-delete'), 'written');
  minute();
  await journal.append(
    refusal('x-hostile', {
      agentId: HOSTILE,
      actions: [{ ...action(HOSTILE, { [HOSTILE]: HOSTILE }), target: HOSTILE }],
    }),
    'written',
  );
  minute();
  await journal.append(intent('x-under-way', { agentId: 'agent-b', actions: [action('read')] }), 'written');
  await journal.close();
}

async function refund(journal: OpenedJournal): Promise<void> {
  const approval = { name: 'ar-7', fingerprint: ZERO_DIGEST, approvers: ['alice'] };
  const decision = decisionOf({ approval: 'approve', riskLevel: 'high', rule: 'large-refunds' });
  const event = { kind: 'approval', exchangeId: 'x-refund', approval: 'ar-7', fingerprint: ZERO_DIGEST } as const;
  await journal.append({ ...event, event: 'requested', approver: '', verdict: null, reason: '' }, 'written');
  await journal.append(
    { ...event, event: 'decided', approver: 'alice', verdict: 'approved', reason: 'checked' },
    'written',
  );
  await journal.append(intent('x-refund', { approval, decision }), 'synced');
  await journal.append(outcome('x-refund', 201), 'written');
}

/** Lets the sink take all that is in the journal. */
export async function index(dataDir: string): Promise<void> {
  const dir = join(dataDir, 'journal');
  const end = { segment: 1, offset: statSync(join(dir, '00000001.jsonl')).size };
  const journal = { dir, head: () => CHAIN_START, syncedPosition: () => end, onSynced: () => () => undefined };
  const feed = startFeed({ journal, sink: openSqliteSink(join(dataDir, 'audit.db')), log: keptLog() });
  await feed.caughtUp();
  await feed.stop(5_000);
}
