import { Option, type Command } from 'commander';
import type { TextFile } from '../config/watcher.ts';
import { formatMistake, type Mistake } from '../document/mistake.ts';
import { readYaml } from '../document/yaml.ts';
import { formatFinding, lintPolicy } from '../policy/lint.ts';
import { LINTS, type Finding, type Severity } from '../policy/lint-finding.ts';
import { loadPolicy } from '../policy/load.ts';
import { counted, formatOption, type FormatOption, expandFolders, isTestFile } from './command-files.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';
import { readOrFail } from './policy-files.ts';

export function registerPolicyLint(group: Command, io: CommandIo): void {
  const width = Math.max(...Object.keys(LINTS).map((id) => id.length));
  const table = Object.entries(LINTS).map(
    ([id, { severity, summary }]) => `  ${id.padEnd(width)}  ${severity.padEnd('warning'.length)}  ${summary}`,
  );
  group
    .command('lint')
    .argument('<files...>', 'policies, or folders of them; files named *.test.yaml are passed over')
    .description('Find rules that load well and most likely do not do what was meant.')
    .addOption(
      new Option('--fail-on <severity>', 'what makes the command fail').choices(['note', 'warning']).default('warning'),
    )
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Checks:
${table.join('\n')}

Exit codes: 0 nothing to fail on, 1 there is, or a file has mistakes, 2 a file cannot be read.

Example:
  aegis-gateway policy lint --fail-on note policies/*.yaml`,
    )
    .action(async (files: readonly string[], options: LintOptions) => await lint(files, options, io));
}

interface LintOptions extends FormatOption {
  readonly failOn: Severity;
}

interface Linted {
  readonly file: string;
  readonly mistakes: readonly Mistake[];
  readonly findings: readonly Finding[];
}

async function lint(files: readonly string[], options: LintOptions, io: CommandIo): Promise<void> {
  const policies = (await expandFolders(files, io.cwd)).filter((file) => !isTestFile(file));
  const results = (await readOrFail(policies, io.cwd)).map(lintFile);
  const mistakes = results.flatMap((result) => result.mistakes);
  const findings = results.flatMap((result) => result.findings);
  const fatal = findings.filter(({ severity }) => severity === 'warning' || options.failOn === 'note');
  const ok = mistakes.length === 0 && fatal.length === 0;
  if (options.format === 'json') io.stdout(`${JSON.stringify({ ok, files: results })}\n`);
  else io.stdout(`${textOf(results)}\n`);
  if (!ok) io.exit(EXIT_FOUND);
}

function lintFile({ file, text }: TextFile): Linted {
  const policy = loadPolicy(text, file);
  if (!policy.ok) return { file, mistakes: policy.mistakes, findings: [] };
  const document = readYaml(text, file);
  if (!document.ok) return { file, mistakes: document.mistakes, findings: [] };
  return { file, mistakes: [], findings: lintPolicy(policy.value, document.value) };
}

function textOf(results: readonly Linted[]): string {
  const lines = results.flatMap(({ mistakes, findings }) => [
    ...mistakes.map(formatMistake),
    ...findings.map(formatFinding),
  ]);
  const count = (severity: Severity): number =>
    results.flatMap(({ findings }) => findings).filter((found) => found.severity === severity).length;
  const mistakes = results.reduce((sum, result) => sum + result.mistakes.length, 0);
  const parts = [counted(count('warning'), 'warning'), counted(count('note'), 'note')];
  if (mistakes > 0) parts.unshift(counted(mistakes, 'mistake'));
  return [...lines, `${counted(results.length, 'file')}: ${parts.join(', ')}`].join('\n');
}
