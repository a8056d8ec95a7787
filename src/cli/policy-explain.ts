import type { Command } from 'commander';
import { formatMistake } from '../document/mistake.ts';
import type { Action } from '../model/action.ts';
import { canonicalText } from '../model/canonical.ts';
import { describeDecision, type Decision } from '../model/decision.ts';
import type { Value } from '../model/value.ts';
import { trace, type RuleTrace, type TestTrace } from '../policy/explain.ts';
import { decide, type PolicySet } from '../policy/policy-set.ts';
import { formatOption, type FormatOption } from './command-files.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';
import { makeVisible } from '../visible/text.ts';
import { actionOf, collectParam, readNow, type ActionOptions } from './policy-action.ts';
import { loadPolicySet } from './policy-files.ts';

export function registerPolicyExplain(group: Command, io: CommandIo): void {
  group
    .command('explain')
    .description('Decide one action and say why: what each rule that is for its type looked at.')
    .requiredOption('--policy <files...>', 'policies; of several, the rules of the first come first')
    .option('--baseline <file>', 'a policy whose blocks stand whatever the others say')
    .option('--type <type>', 'the type of the action')
    .option('--target <target>', 'its target', '')
    .option(
      '--param <name=value>',
      'a parameter; the value is JSON, or else text (repeat for more)',
      collectParam,
      NONE,
    )
    .option('--agent <id>', 'the identity of the agent', '')
    .option('--description <text>', 'its description', '')
    .option('--action <file>', 'the action as JSON: {"type", "target", "params", "agent_id", "description"}')
    .option('--now <time>', 'the time, such as 2026-03-20T03:00:00Z (default: now)', readNow)
    .option('--all', 'show the rules for other types as well')
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
The action is decided alone: plan rules over several actions, and policies that ask about the request, are shown by
policy test.

Exit codes: 0 the action was decided, 1 a policy has mistakes, 2 wrong usage.

Example:
  aegis-gateway policy explain --policy policies/ecommerce-agent.yaml --type refund --target order/7 --param amount=-5`,
    )
    .action(async (options: ExplainOptions) => await explain(options, io));
}

const NONE: ReadonlyMap<string, Value> = new Map();

interface ExplainOptions extends FormatOption, ActionOptions {
  readonly policy: readonly string[];
  readonly baseline?: string;
  readonly now?: number;
  readonly all?: boolean;
}

/** What is to be shown. */
interface Explained {
  readonly action: Action;
  readonly now: number;
  readonly decision: Decision;
  readonly traces: readonly RuleTrace[];
}

async function explain(options: ExplainOptions, io: CommandIo): Promise<void> {
  const action = await actionOf(options, io.cwd);
  const set = await loadPolicySet({ baseline: options.baseline ?? null, policy: options.policy }, io.cwd);
  if (!set.ok) {
    if (options.format === 'json') io.stdout(`${JSON.stringify({ ok: false, mistakes: set.mistakes })}\n`);
    else io.stdout(`${set.mistakes.map(formatMistake).join('\n')}\n`);
    return io.exit(EXIT_FOUND);
  }
  const explained = explainAction(set.value, action, options.now ?? io.clock.now());
  if (options.format === 'json') io.stdout(`${JSON.stringify(jsonOf(explained))}\n`);
  else io.stdout(`${linesOf(explained, options.all === true).join('\n')}\n`);
}

function explainAction(set: PolicySet, action: Action, now: number): Explained {
  const agent = { id: action.agentId, namespace: '', serviceAccount: '', pod: '' };
  const context = { now, request: null, agent, enforcement: 'captured' } as const;
  const { decision } = decide(set, [action], context, []);
  const baseline = set.baseline === null ? [] : trace(set.baseline, action, context);
  const rules = set.rules === null ? [] : trace(set.rules, action, context);
  const firm = baseline.find(({ outcome }) => outcome === 'decides');
  const stands = firm !== undefined && firm.rule.name === decision.rule && decision.approval === 'block';
  return { action, now, decision, traces: stands ? baseline : rules };
}

function linesOf({ action, now, decision, traces }: Explained, all: boolean): readonly string[] {
  const params = action.params.size === 0 ? '' : ` ${makeVisible(canonicalText(action.params))}`;
  const shown = traces.filter((one) => all || isCandidate(one));
  const other = traces.filter((one) => one.glob?.key === 'type').length;
  const later = traces.filter((one) => one.outcome === 'not-reached').length;
  return [
    `${decision.approval}, risk ${decision.riskLevel}: ${describeDecision(decision)}`,
    `     ${quoted(action.type)} on ${quoted(action.target)}${params} at ${new Date(now).toISOString()}`,
    '',
    ...shown.flatMap(traceLines),
    `${all ? '' : `${other} rules are for other types; `}${later} stand after the decision and were not asked`,
  ];
}

/** A rule for this type that was asked. */
function isCandidate({ outcome, glob }: RuleTrace): boolean {
  return outcome !== 'not-reached' && glob?.key !== 'type';
}

const OUTCOMES = {
  decides: 'DECIDES',
  observes: 'observes',
  'no-match': 'no match',
  'not-reached': 'not reached',
} as const;

function traceLines({ rule, outcome, glob, tests }: RuleTrace): readonly string[] {
  const { file, line } = rule.position;
  const head = `${OUTCOMES[outcome].padEnd('no match'.length)}  ${rule.name} (${file}:${line})`;
  if (glob !== null) return [head, `          ${glob.key} ${quoted(glob.found)} is not matched by ${glob.expected}`];
  return [head, ...tests.map((test) => `          ${testLine(test)}`)];
}

function testLine({ operator, param, expected, found, outcome, problem }: TestTrace): string {
  const what = param === '' ? operator : `${operator} ${param}`;
  const seen = found === '' ? '' : `, found ${makeVisible(found)}`;
  const why = problem === '' ? '' : ` (${problem})`;
  return `${outcome}: ${what}: expected ${expected}${seen}${why}`;
}

/** What agents write may move or hide what stands beside it. */
function quoted(text: string): string {
  return `"${makeVisible(text)}"`;
}

function jsonOf({ action, now, decision, traces }: Explained): object {
  return {
    ok: true,
    action: {
      type: action.type,
      target: action.target,
      agent_id: action.agentId,
      params: canonicalText(action.params),
    },
    now: new Date(now).toISOString(),
    approval: decision.approval,
    risk_level: decision.riskLevel,
    rule: decision.rule,
    why: describeDecision(decision),
    observed: decision.observed,
    rules: traces.map(({ rule, outcome, glob, tests }) => ({
      rule: rule.name,
      file: rule.position.file,
      line: rule.position.line,
      outcome,
      glob,
      tests,
    })),
  };
}
