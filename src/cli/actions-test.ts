import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { classify, type ActionMap } from '../action/classify.ts';
import { compareOutcome } from '../action/compare-action.ts';
import { loadActionTests, type ActionTest, type ActionTestFile } from '../action/test-file.ts';
import type { TextFile } from '../config/watcher.ts';
import { formatMistake, type Mistake } from '../document/mistake.ts';
import type { Actions } from '../model/action.ts';
import type { Outcome } from '../model/fault.ts';
import { readMaps, reportUnreadable } from './actions-files.ts';
import { counted, formatOption, readNamed, type FormatOption, expandFolders, isTestFile } from './command-files.ts';
import { readRequest } from './actions-request.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';

export function registerActionsTest(group: Command, io: CommandIo): void {
  group
    .command('test')
    .argument('<files...>', 'test files; each names the action maps that it tests')
    .description('Send the requests of test files through the request stage and compare their actions.')
    .option('--require-coverage', 'fail when a test file leaves an entry of its maps untested')
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
A test file:
  version: 1
  maps: [actions.yaml]
  tests:
    - name: a refund is irreversible
      request: {method: POST, url: "https://pay.example.com/refunds", json: {order: 7, amount: 25}}
      expect: {action: {type: refund, target: order/7, params: {amount: 25}, effect: irreversible}}

Exit codes: 0 all tests hold, 1 a test fails or a file has mistakes, 2 a file cannot be read.

Example:
  aegis-gateway actions test actions/*.test.yaml`,
    )
    .action(async (files: readonly string[], options: TestOptions) => await testFiles(files, options, io));
}

interface TestOptions extends FormatOption {
  readonly requireCoverage?: boolean;
}

/** What became of one test; without problems it holds. */
interface TestResult {
  readonly name: string;
  readonly at: string;
  readonly problems: readonly string[];
}

interface FileResult {
  readonly file: string;
  readonly mistakes: readonly Mistake[];
  readonly results: readonly TestResult[];
  /** Entries of the maps that no test reaches, as `file:line`. */
  readonly untested: readonly string[];
}

async function testFiles(files: readonly string[], options: TestOptions, io: CommandIo): Promise<void> {
  // A folder holds maps beside their tests; a file that is named is a test whatever it is called.
  const named = (await expandFolders(files, io.cwd)).filter((file) => files.includes(file) || isTestFile(file));
  const texts = await readNamed(named, io.cwd);
  if (!texts.ok) return reportUnreadable(texts.mistakes, io);
  const found: FileResult[] = [];
  for (const text of texts.value) {
    const result = await testFile(text, io.cwd);
    if ('unreadable' in result) return reportUnreadable(result.unreadable, io);
    found.push(result);
  }
  const failing = found.some((file) => isFailing(file, options));
  io.stdout(options.format === 'json' ? `${JSON.stringify({ ok: !failing, files: found })}\n` : textOf(found, options));
  if (failing) io.exit(EXIT_FOUND);
}

function isFailing({ mistakes, results, untested }: FileResult, { requireCoverage }: TestOptions): boolean {
  const failed = mistakes.length > 0 || results.some(({ problems }) => problems.length > 0);
  return failed || (requireCoverage === true && untested.length > 0);
}

async function testFile(
  text: TextFile,
  folder: string,
): Promise<FileResult | { readonly unreadable: readonly Mistake[] }> {
  const tests = loadActionTests(text.text, text.file);
  if (!tests.ok) return { file: text.file, mistakes: tests.mistakes, results: [], untested: [] };
  const map = await readMaps(mapsOf(tests.value), folder);
  if (map.ok) return runTests(tests.value, map.value);
  return map.unreadable
    ? { unreadable: map.mistakes }
    : { file: text.file, mistakes: map.mistakes, results: [], untested: [] };
}

/** The maps of a test file are named relative to it. */
function mapsOf({ file, maps }: ActionTestFile): readonly string[] {
  return maps.map((map) => join(dirname(file), map));
}

function runTests({ file, tests }: ActionTestFile, map: ActionMap): FileResult {
  const reached = new Set<string | null>();
  const results = tests.map((one): TestResult => {
    const outcome = runTest(one, map);
    if (outcome.ok) for (const { mappedBy } of outcome.value) reached.add(mappedBy);
    return { name: one.name, at: `${one.at.file}:${one.at.line}`, problems: compareOutcome(one.expected, outcome) };
  });
  const untested = map.entries.map(({ at }) => at).filter((at) => !reached.has(at));
  return { file, mistakes: [], results, untested };
}

function runTest({ method, url, headers, body }: ActionTest, map: ActionMap): Outcome<Actions> {
  const written = { method, url, headers, body: body === null ? null : new TextEncoder().encode(body) };
  const read = readRequest(map, written);
  return read.ok ? classify(map, read.value.request, read.value.body, '') : read;
}

function textOf(files: readonly FileResult[], options: TestOptions): string {
  const lines: string[] = [];
  for (const { file, mistakes, results, untested } of files) {
    lines.push(...mistakes.map(formatMistake));
    for (const { name, at, problems } of results) {
      if (problems.length > 0) lines.push(`FAIL ${at}: ${name}`, ...problems.map((problem) => `     ${problem}`));
    }
    const failed = results.filter(({ problems }) => problems.length > 0).length;
    lines.push(
      `${file}: ${counted(results.length, 'test')}, ${failed} failed, ${counted(untested.length, 'entry', 'entries')} untested`,
    );
    if (options.requireCoverage === true)
      lines.push(...untested.map((at) => `     no test reaches the entry at ${at}`));
  }
  return `${lines.join('\n')}\n`;
}
