import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { answerCase, type CaseAnswer, type CaseDefaults } from '../policy/cases.ts';
import type { CommandIo } from './io.ts';
import { readLines, type Line } from './policy-case-lines.ts';
import { readOrFail } from './policy-files.ts';

export function registerPolicyDecide(group: Command, io: CommandIo): void {
  group
    .command('decide')
    .description('Decide cases: one JSON object a line in, one JSON object a line out, in the same order.')
    .requiredOption('--cases <file>', 'the cases, ended by line feeds; - is standard input')
    .option('--policy <file>', 'the policy of lines that carry none')
    .addHelpText(
      'after',
      `
A line carries its policy and an action; "files" (merged), "layers" (org, team, agent) and "actions" (a plan) may
stand in their place. "now" is an ISO 8601 instant in UTC; a line without it is decided at the time of the call.

  in:  {"id":"a","policy":"defaults: {approval: approve}","action":{"type":"read","target":"db"},"now":"2026-03-20T12:00:00Z"}
  out: {"id":"a","approval":"approve","risk_level":"medium","rule":"<default>"}

A refused policy is answered with {"id","error":"load","at","message"}, a line that is no case with
{"id","error":"case","message"}; an error of evaluation is a block with its rule and "reason".

Exit codes: 0 every line was answered, 2 a file cannot be read.

Example:
  aegis-gateway policy decide --cases cases.jsonl --policy policies/devops-agent.yaml`,
    )
    .action(async (options: DecideOptions) => await decideCases(options, io));
}

interface DecideOptions {
  readonly cases: string;
  readonly policy?: string;
}

async function decideCases(options: DecideOptions, io: CommandIo): Promise<void> {
  const [policy] = options.policy === undefined ? [] : await readOrFail([options.policy], io.cwd);
  const defaults = { policy: policy ?? null, now: io.clock.now() };
  if (options.cases === '-') return await answerAll(process.stdin, defaults, io);
  await answerAll(createReadStream(resolve(io.cwd, options.cases)), defaults, io);
}

async function answerAll(bytes: AsyncIterable<Uint8Array>, defaults: CaseDefaults, io: CommandIo): Promise<void> {
  for await (const line of readLines(bytes)) {
    if (io.signal.aborted) return;
    io.stdout(`${JSON.stringify(answerLine(line, defaults))}\n`);
  }
}

function answerLine(line: Line, defaults: CaseDefaults): CaseAnswer {
  if (line.ok) return answerCase(line.text, defaults);
  return { id: null, error: 'case', message: line.problem };
}
