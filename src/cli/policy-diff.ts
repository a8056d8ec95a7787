import { Option, type Command } from 'commander';
import { formatMistake } from '../document/mistake.ts';
import { canonicalText } from '../model/canonical.ts';
import { describeChange, diffPolicies, type Asked, type DecisionChange, type PolicyDiff } from '../policy/diff.ts';
import { loadPolicy } from '../policy/load.ts';
import { readTestFile } from '../policy/test-file.ts';
import { makeVisible } from '../visible/text.ts';
import { counted, formatOption, type FormatOption } from './command-files.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';
import { readOrFail } from './policy-files.ts';

export function registerPolicyDiff(group: Command, io: CommandIo): void {
  group
    .command('diff')
    .argument('<old>', 'the policy as it is')
    .argument('<new>', 'the policy as it shall be')
    .description('Show which rules differ between two policies, and which decisions: loosened first.')
    .option('--cases <files...>', 'policy test files whose cases are decided by both as well')
    .addOption(new Option('--fail-on <change>', 'what makes the command fail').choices(['loosened', 'any']))
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
Decisions are compared on actions made up around the globs, parameters, bounds and times of both files. That no change
is found is therefore no proof; give your own cases with --cases.

Exit codes: 0 no change that --fail-on names, 1 there is one, or a file has mistakes, 2 a file cannot be read.

Example:
  aegis-gateway policy diff main/policy.yaml policy.yaml --cases policy.test.yaml --fail-on loosened`,
    )
    .action(async (older: string, newer: string, options: DiffOptions) => await diff({ older, newer, ...options }, io));
}

interface DiffOptions extends FormatOption {
  readonly cases?: readonly string[];
  readonly failOn?: 'loosened' | 'any';
}

async function diff(
  given: DiffOptions & { readonly older: string; readonly newer: string },
  io: CommandIo,
): Promise<void> {
  const [older, newer, ...tests] = await readOrFail([given.older, given.newer, ...(given.cases ?? [])], io.cwd);
  if (older === undefined || newer === undefined) throw new Error('two files were read and are not there');
  const [left, right] = [loadPolicy(older.text, older.file), loadPolicy(newer.text, newer.file)];
  const cases = tests.map(({ file, text }) => readTestFile(text, file));
  const mistakes = [left, right, ...cases].flatMap((loaded) => (loaded.ok ? [] : loaded.mistakes));
  if (left.ok && right.ok && mistakes.length === 0) {
    const all = cases.flatMap((loaded) => (loaded.ok ? loaded.value.cases : []));
    return report(diffPolicies(left.value, right.value, all), given, io);
  }
  if (given.format === 'json') io.stdout(`${JSON.stringify({ ok: false, mistakes })}\n`);
  else io.stdout(`${mistakes.map(formatMistake).join('\n')}\n`);
  io.exit(EXIT_FOUND);
}

function report(found: PolicyDiff, { format, failOn }: DiffOptions, io: CommandIo): void {
  const failing = failOn !== undefined && isFailing(found, failOn);
  if (format === 'json') io.stdout(`${JSON.stringify({ ok: !failing, ...jsonOf(found) })}\n`);
  else io.stdout(`${[...ruleLines(found), ...decisionLines(found)].join('\n')}\n`);
  if (failing) io.exit(EXIT_FOUND);
}

function isFailing({ rules, decisions }: PolicyDiff, failOn: 'loosened' | 'any'): boolean {
  if (failOn === 'loosened') return decisions.some(({ direction }) => direction === 'loosened');
  return decisions.length > 0 || Object.values(rules).some((part) => part.length > 0);
}

function ruleLines({ rules }: PolicyDiff): readonly string[] {
  const lines = [
    ...rules.added.map((rule) => `+ rule ${rule}`),
    ...rules.removed.map((rule) => `- rule ${rule}`),
    ...rules.changed.flatMap(({ rule, parts }) =>
      parts.map((change) => `~ rule ${rule}: ${change.part}: ${orNothing(change.old)} -> ${orNothing(change.new)}`),
    ),
    ...rules.moved.map((rule) => `> rule ${rule} stands in another place`),
    ...rules.file.map((change) => `~ ${change.part}: ${orNothing(change.old)} -> ${orNothing(change.new)}`),
  ];
  return lines.length === 0 ? ['the files say the same'] : lines;
}

function orNothing(text: string): string {
  return text === '' ? '(nothing)' : text;
}

const WORDS = { loosened: 'LOOSENED', tightened: 'tightened', risk: 'risk' } as const;

function decisionLines({ decisions, asked, truncated }: PolicyDiff): readonly string[] {
  const total = (direction: DecisionChange['direction']): number =>
    decisions.filter((change) => change.direction === direction).reduce((sum, { count }) => sum + count, 0);
  const bounded = truncated ? '; there would be more, and not all were asked' : '';
  return [
    ...decisions.flatMap((change) => [
      `${WORDS[change.direction]}: ${describeChange(change)}`,
      `     ${exampleOf(change.example)}${change.count > 1 ? `, and ${change.count - 1} like it` : ''}`,
    ]),
    `${counted(asked, 'action')} asked: ${total('loosened')} loosened, ${total('tightened')} tightened, ${total('risk')} of another risk${bounded}`,
  ];
}

function exampleOf({ name, actions, context }: Asked): string {
  const shown = actions.map(({ type, target, params, agentId }) => {
    const agent = agentId === '' ? '' : ` by ${agentId}`;
    const shownParams = params.size === 0 ? '' : ` ${canonicalText(params)}`;
    return makeVisible(`${type} on ${target}${shownParams}${agent}`);
  });
  const label = name === null ? '' : `case ${JSON.stringify(name)}: `;
  return `${label}${shown.join(', then ')} at ${new Date(context.now).toISOString()}`;
}

function jsonOf({ rules, decisions, asked, truncated }: PolicyDiff): object {
  const changes = decisions.map((change) => ({
    direction: change.direction,
    old: outcomeOf(change.old),
    new: outcomeOf(change.new),
    example: exampleOf(change.example),
    count: change.count,
  }));
  return { rules, decisions: changes, asked, truncated };
}

function outcomeOf({ approval, riskLevel, rule }: DecisionChange['old']): unknown {
  return { approval, risk_level: riskLevel, rule };
}
