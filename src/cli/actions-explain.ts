import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ActionMap } from '../action/classify.ts';
import { explain, type Explanation } from '../action/explain.ts';
import { formatMistake } from '../document/mistake.ts';
import type { Action } from '../model/action.ts';
import { canonicalText } from '../model/canonical.ts';
import { FAULTS, type Fault } from '../model/fault.ts';
import type { Value } from '../model/value.ts';
import { readMaps, reportUnreadable } from './actions-files.ts';
import { counted, formatOption, type FormatOption } from './command-files.ts';
import { readRequest, type WrittenRequest } from './actions-request.ts';
import { EXIT_FOUND, EXIT_USAGE, type CommandIo } from './io.ts';

export function registerActionsExplain(group: Command, io: CommandIo): void {
  group
    .command('explain')
    .description('Say which action a request is, and why: every entry for its path, and what kept it from deciding.')
    .option('--map <file>', 'an action map; several in the order in which the gateway would load them', collect, [])
    .option('-X, --method <method>', 'the method', 'GET')
    .requiredOption('--url <url>', 'the absolute URL')
    .option('-H, --header <field>', 'a header field as "name: value"; several may be given', collect, [])
    .option('-d, --body <text>', 'the body; @FILE takes it from a file')
    .option('--all', 'show entries for other paths of the host too')
    .option('--agent <id>', 'the identity of the agent', '')
    .addOption(formatOption())
    .addHelpText(
      'after',
      `
The request goes through the same stage as one from the network. Without --map everything gets the default mapping.

Exit codes: 0 the request is an action, 1 it would be refused, 2 a file or an option cannot be read.

Examples:
  aegis-gateway actions explain --map actions/github.yaml --method DELETE --url https://api.github.com/repos/o/r
  aegis-gateway actions explain --map actions.yaml -X POST --url https://pay.example.com/refunds \\
    -H 'content-type: application/json' -d '{"order": 7, "amount": 25}'`,
    )
    .action(async (options: ExplainOptions) => await explainRequest(options, io));
}

interface ExplainOptions extends FormatOption {
  readonly map: readonly string[];
  readonly method: string;
  readonly url: string;
  readonly header: readonly string[];
  readonly body?: string;
  readonly agent: string;
  readonly all?: boolean;
}

function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

async function explainRequest(options: ExplainOptions, io: CommandIo): Promise<void> {
  const map = await readMaps(options.map, io.cwd);
  if (!map.ok) {
    if (map.unreadable) return reportUnreadable(map.mistakes, io);
    io.stderr(`${map.mistakes.map(formatMistake).join('\n')}\n`);
    return io.exit(EXIT_USAGE);
  }
  const written = await writtenOf(options, io);
  if (written === null) return io.exit(EXIT_USAGE);
  const explanation = explanationOf(map.value, written, options.agent);
  io.stdout(
    options.format === 'json' ? `${canonicalText(jsonOf(explanation))}\n` : textOf(explanation, options.all === true),
  );
  if (!explanation.outcome.ok) io.exit(EXIT_FOUND);
}

/** The request as the options give it; null, with a message printed, where they cannot be read. */
async function writtenOf({ method, url, header, body }: ExplainOptions, io: CommandIo): Promise<WrittenRequest | null> {
  const headers: [string, string][] = [];
  for (const field of header) {
    const colon = field.indexOf(':');
    if (colon < 1) {
      io.stderr(`error: --header ${JSON.stringify(field)}: expected "name: value"\n`);
      return null;
    }
    headers.push([field.slice(0, colon), field.slice(colon + 1).trim()]);
  }
  if (body === undefined) return { method, url, headers, body: null };
  if (!body.startsWith('@')) return { method, url, headers, body: new TextEncoder().encode(body) };
  try {
    return { method, url, headers, body: await readFile(resolve(io.cwd, body.slice(1))) };
  } catch (error) {
    io.stderr(
      `error: --body ${body}: the file cannot be read: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return null;
  }
}

function explanationOf(map: ActionMap, written: WrittenRequest, agentId: string): Explanation {
  const read = readRequest(map, written);
  if (!read.ok) return { outcome: read, considered: [], otherHosts: 0 };
  return explain(map, read.value.request, read.value.body, agentId);
}

/** As a value, since its canonical text writes numbers exactly that JSON.stringify would round. */
function jsonOf({ outcome, considered, otherHosts }: Explanation): Value {
  const entries = considered.map(
    (one): Value =>
      new Map([
        ['at', one.at],
        ['type', one.type],
        ['verdict', one.verdict],
        ['why', one.why],
      ]),
  );
  const result: [string, Value] = outcome.ok
    ? ['actions', outcome.value.map(actionValue)]
    : ['fault', new Map(Object.entries(outcome.fault))];
  return new Map<string, Value>([result, ['considered', entries], ['other_hosts', BigInt(otherHosts)]]);
}

function actionValue({ type, target, params, description, agentId, effect, amountParam, mappedBy }: Action): Value {
  return new Map<string, Value>([
    ['type', type],
    ['target', target],
    ['params', params],
    ['description', description],
    ['agent', agentId],
    ['effect', effect],
    ['amount', amountParam],
    ['mapped_by', mappedBy],
  ]);
}

function textOf({ outcome, considered, otherHosts }: Explanation, all: boolean): string {
  const lines = outcome.ok ? outcome.value.flatMap(actionLines) : faultLines(outcome.fault);
  const near = considered.filter(({ nearness }) => all || nearness !== 'other path');
  if (near.length > 0) lines.push('', 'entries for this path:');
  for (const { at, type, verdict, why } of near) lines.push(`  ${at} ${type}: ${verdict}: ${why}`);
  const further = considered.length - near.length;
  if (further > 0)
    lines.push('', `${counted(further, 'entry', 'entries')} for other paths of this host (--all shows them)`);
  if (otherHosts > 0) lines.push(`${counted(otherHosts, 'entry', 'entries')} for other hosts`);
  return `${lines.join('\n')}\n`;
}

function actionLines(action: Action): string[] {
  const lines = [
    `action   ${action.type}`,
    `target   ${action.target}`,
    `decided  ${action.mappedBy === null ? 'by the default mapping' : `by the entry at ${action.mappedBy}`}`,
  ];
  if (action.effect !== null) lines.push(`effect   ${action.effect}`);
  if (action.amountParam !== null) lines.push(`amount   ${action.amountParam}`);
  if (action.description !== '') lines.push(`says     ${JSON.stringify(action.description)}`);
  for (const [name, value] of action.params) lines.push(`param    ${JSON.stringify(name)} = ${canonicalText(value)}`);
  return lines;
}

function faultLines({ code, detail }: Fault): string[] {
  const { title, status } = FAULTS[code];
  return [`refused  ${code} (${status}): ${title}`, `why      ${detail}`];
}
