import { dirname, join } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { formatMistake, type Mistake } from '../document/mistake.ts';
import type { Coverage } from '../policy/coverage.ts';
import { readTestFile } from '../policy/test-file.ts';
import { runTestFile, type CaseResult, type TestReport } from '../policy/test-file-run.ts';
import { counted, formatOption, type FormatOption, expandFolders, isTestFile } from './command-files.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';
import { loadPolicySet, policyOf, readOrFail, testFileOf } from './policy-files.ts';

export function registerPolicyTest(group: Command, io: CommandIo): void {
  group
    .command('test')
    .argument(
      '<files...>',
      'policies, whose tests lie beside them (x.yaml has x.test.yaml), test files, or folders of them',
    )
    .description('Run policy tests: each case has its own clock and history, and says what has to be decided.')
    .option('--min-coverage <percent>', 'fail when fewer rules than this decide in some case', readPercent, 0)
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
A test file:
  now: '2026-03-20T12:00:00Z'
  cases:
    - name: production is not deployed at 3 am
      action: { type: deploy, target: production }
      now: '2026-03-20T03:00:00Z'
      expect: { approval: block, rule: deploy_after_hours_block }

Exit codes: 0 all cases hold, 1 a case fails, coverage is too low or a file has mistakes, 2 a file cannot be read.

Example:
  aegis-gateway policy test policies/*.yaml --min-coverage 100`,
    )
    .action(async (files: readonly string[], options: TestOptions) => await testFiles(files, options, io));
}

interface TestOptions extends FormatOption {
  readonly minCoverage: number;
}

function readPercent(text: string): number {
  const percent = Number(text);
  if (/^\d{1,3}$/u.test(text) && percent <= 100) return percent;
  throw new InvalidArgumentError('expected a whole number from 0 to 100');
}

/** What became of one test file: its report, or the mistakes that kept it from running. */
type FileResult =
  | { readonly file: string; readonly mistakes: readonly Mistake[] }
  | { readonly file: string; readonly report: TestReport };

async function testFiles(files: readonly string[], options: TestOptions, io: CommandIo): Promise<void> {
  const given = await expandFolders(files, io.cwd);
  const tests = new Set(given.map((file) => (isTestFile(file) ? file : testFileOf(file))));
  const results: FileResult[] = [];
  for (const { file, text } of await readOrFail([...tests], io.cwd)) results.push(await testFile(file, text, io.cwd));
  const ok = results.every((result) => isFine(result, options.minCoverage));
  if (options.format === 'json') io.stdout(`${JSON.stringify({ ok, files: results.map(jsonOf) })}\n`);
  else io.stdout(`${results.flatMap((result) => linesOf(result, options.minCoverage)).join('\n')}\n`);
  if (!ok) io.exit(EXIT_FOUND);
}

async function testFile(file: string, text: string, folder: string): Promise<FileResult> {
  const tests = readTestFile(text, file);
  if (!tests.ok) return { file, mistakes: tests.mistakes };
  const beside = (path: string): string => join(dirname(file), path);
  const { policy, baseline } = tests.value;
  const paths = {
    baseline: baseline === null ? null : beside(baseline),
    policy: policy === null ? [policyOf(file)] : policy.map(beside),
  };
  const set = await loadPolicySet(paths, folder);
  return set.ok ? { file, report: runTestFile(set.value, tests.value) } : { file, mistakes: set.mistakes };
}

function isFine(result: FileResult, minCoverage: number): boolean {
  return 'report' in result && result.report.failed === 0 && result.report.coverage.percent >= minCoverage;
}

function linesOf(result: FileResult, minCoverage: number): readonly string[] {
  if (!('report' in result)) {
    return [...result.mistakes.map(formatMistake), `${result.file}: ${counted(result.mistakes.length, 'mistake')}`];
  }
  const { results, failed, coverage } = result.report;
  const covered = coverage.rules.filter((rule) => rule.covered).length;
  const low = coverage.percent < minCoverage ? `, expected ${minCoverage} %` : '';
  return [
    ...results.filter(({ differences }) => differences.length > 0).flatMap(failureLines),
    ...uncoveredLines(coverage),
    `${result.file}: ${counted(results.length, 'case')}, ${failed} failed; ${covered} of ${counted(coverage.rules.length, 'rule')} covered (${coverage.percent} %${low})`,
  ];
}

function failureLines({ test, differences, why }: CaseResult): readonly string[] {
  const { file, line } = test.position;
  return [
    `FAIL ${file}:${line}: ${test.name}`,
    ...differences.map(({ what, expected, found }) => `     ${what}: expected ${expected}, found ${found}`),
    `     ${why}`,
  ];
}

function uncoveredLines(coverage: Coverage): readonly string[] {
  return coverage.rules
    .filter((rule) => !rule.covered)
    .map(({ name, kind, position }) => {
      const what = kind === 'plan' ? 'plan rule' : 'rule';
      return `     no case is decided by ${what} ${name} (${position.file}:${position.line})`;
    });
}

function jsonOf(result: FileResult): unknown {
  if (!('report' in result)) return { ok: false, ...result };
  const { results, failed, coverage } = result.report;
  const cases = results.map(({ test, verdict, differences, why }) => ({
    name: test.name,
    line: test.position.line,
    ok: differences.length === 0,
    approval: verdict.decision.approval,
    risk_level: verdict.decision.riskLevel,
    rule: verdict.decision.rule,
    why,
    differences,
  }));
  return { file: result.file, ok: failed === 0, failed, cases, coverage };
}
