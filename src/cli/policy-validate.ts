import type { Command } from 'commander';
import type { TextFile } from '../config/watcher.ts';
import { formatMistake, type Mistake } from '../document/mistake.ts';
import { loadPolicy } from '../policy/load.ts';
import { readTestFile } from '../policy/test-file.ts';
import { counted, formatOption, type FormatOption, expandFolders, isTestFile } from './command-files.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';
import { readOrFail } from './policy-files.ts';

export function registerPolicyValidate(group: Command, io: CommandIo): void {
  group
    .command('validate')
    .argument('<files...>', 'policies, or folders of them; files named *.test.yaml are checked as policy tests')
    .description('Load each file as the gateway would and print every mistake as file:line:column.')
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Exit codes: 0 no mistakes, 1 mistakes were found, 2 a file cannot be read.

Example:
  aegis-gateway policy validate policies/*.yaml`,
    )
    .action(async (files: readonly string[], options: FormatOption) => await validate(files, options, io));
}

interface Validated {
  readonly file: string;
  readonly ok: boolean;
  /** Rules of a policy, or cases of a test file; null when the file has mistakes. */
  readonly rules: number | null;
  readonly cases: number | null;
  readonly mistakes: readonly Mistake[];
}

async function validate(files: readonly string[], { format }: FormatOption, io: CommandIo): Promise<void> {
  const results = (await readOrFail(await expandFolders(files, io.cwd), io.cwd)).map(validateFile);
  const mistakes = results.flatMap((result) => result.mistakes);
  if (format === 'json') io.stdout(`${JSON.stringify({ ok: mistakes.length === 0, files: results })}\n`);
  else if (mistakes.length > 0) {
    io.stdout(`${mistakes.map(formatMistake).join('\n')}\n${counted(mistakes.length, 'mistake')}\n`);
  } else {
    const rules = results.reduce((sum, result) => sum + (result.rules ?? 0), 0);
    io.stdout(`${counted(results.length, 'file')}, ${counted(rules, 'rule')}, no mistakes\n`);
  }
  if (mistakes.length > 0) io.exit(EXIT_FOUND);
}

function validateFile({ file, text }: TextFile): Validated {
  if (isTestFile(file)) {
    const tests = readTestFile(text, file);
    const cases = tests.ok ? tests.value.cases.length : null;
    return { file, ok: tests.ok, rules: null, cases, mistakes: tests.ok ? [] : tests.mistakes };
  }
  const policy = loadPolicy(text, file);
  const rules = policy.ok ? policy.value.rules.length : null;
  return { file, ok: policy.ok, rules, cases: null, mistakes: policy.ok ? [] : policy.mistakes };
}
