import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { Trail } from '../audit/trail.ts';
import { NO_FILTER, type TrailFilter } from '../audit/trail-filter.ts';
import { APPROVALS, RISK_LEVELS, type Approval, type RiskLevel } from '../model/decision.ts';
import type { AuditRecord } from '../model/record.ts';
import { compileGlob } from '../policy/glob.ts';
import { makeVisible } from '../visible/text.ts';
import type { CommandIo } from './io.ts';

/** Where the gateway keeps its data, unless it is told otherwise. */
const DEFAULT_DATA_DIR = './aegis-data';

const KINDS = [
  'intent',
  'outcome',
  'refusal',
  'approval',
  'lifecycle',
  'checkpoint',
] as const satisfies readonly AuditRecord['kind'][];

export interface DataOptions {
  readonly dataDir?: string;
}

/** The filters as commander gives them. */
export interface FilterOptions {
  readonly since?: string;
  readonly until?: string;
  readonly action?: string;
  readonly decision?: Approval;
  readonly rule?: string;
  readonly approver?: string;
  readonly agent?: string;
  readonly risk?: RiskLevel;
  readonly kind?: AuditRecord['kind'];
  readonly exchange?: string;
}

export function addDataOptions(command: Command): Command {
  return command.option(
    '--data-dir <folder>',
    `the data folder of the gateway (default: AEGIS_DATA_DIR or ${DEFAULT_DATA_DIR})`,
  );
}

export function addFilterOptions(command: Command): Command {
  return command
    .option('--since <time>', 'not before: 2026-01-31, 2026-01-31T12:00:00Z, or how long ago: 15m, 2h, 7d')
    .option('--until <time>', 'not after; a day counts to its end')
    .option('--action <glob>', 'the type of an action, with * and ?, for instance "delete*"')
    .addOption(new Option('--decision <decision>', 'what policy said').choices(APPROVALS))
    .option('--rule <name>', 'the rule that decided')
    .option('--approver <name>', 'who approved or denied')
    .option('--agent <id>', 'the agent')
    .addOption(new Option('--risk <level>', 'the risk level').choices(RISK_LEVELS))
    .addOption(new Option('--kind <kind>', 'the kind of record').choices(KINDS))
    .option('--exchange <id>', 'one exchange');
}

/** A whole number of at least one. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('expected a whole number from 1 on');
  return Number(text);
}

/** The filter that the options ask for. Throws where a time cannot be read. */
export function filterOf(options: FilterOptions, now: number): TrailFilter {
  const { since, until, action, ...members } = options;
  return {
    ...NO_FILTER,
    ...pick(members),
    since: since === undefined ? null : parseTime('--since', since, now),
    until: until === undefined ? null : endOfDay(until, parseTime('--until', until, now)),
    action: action === undefined ? null : compileGlob(action),
  };
}

/** Commander hands over every option of a command, not only those of the filter. */
function pick(options: FilterOptions): Partial<TrailFilter> {
  const { decision = null, rule = null, approver = null, agent = null } = options;
  const { risk = null, kind = null, exchange = null } = options;
  return { decision, rule, approver, agent, risk, kind, exchange };
}

const AGO = /^(\d{1,6})(s|m|h|d|w)$/;
const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 7 * 86_400_000],
]);
const DAY = /^\d{4}-\d\d-\d\d$/;
const MOMENT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?$/;

/** Milliseconds since the epoch; a time without an offset is UTC, as the trail shows it. */
function parseTime(option: string, text: string, now: number): number {
  const ago = AGO.exec(text);
  if (ago !== null) return now - Number(ago[1]) * (UNIT_MS.get(ago[2] ?? '') ?? 0);
  const moment = MOMENT.exec(text);
  const time = DAY.test(text)
    ? Date.parse(`${text}T00:00:00Z`)
    : moment === null
      ? Number.NaN
      : momentOf(text, moment[1]);
  if (Number.isNaN(time)) {
    throw new Error(
      `${option}: expected a time such as 2026-01-31T12:00:00Z, a day, or 15m, 2h, 7d ago; found ${JSON.stringify(text)}`,
    );
  }
  return time;
}

function momentOf(text: string, offset: string | undefined): number {
  return Date.parse(`${text.replace(' ', 'T')}${offset === undefined ? 'Z' : ''}`);
}

function endOfDay(text: string, time: number): number {
  return DAY.test(text) ? time + 86_400_000 - 1 : time;
}

/** The journal, the database and the public keys below a data folder. */
export function pathsOf(
  { dataDir }: DataOptions,
  io: CommandIo,
): { readonly journalDir: string; readonly databasePath: string; readonly publicKeyPath: string } {
  const dir = resolve(io.cwd, dataDir ?? io.env['AEGIS_DATA_DIR'] ?? DEFAULT_DATA_DIR);
  return {
    journalDir: resolve(dir, 'journal'),
    databasePath: resolve(dir, 'audit.db'),
    publicKeyPath: resolve(dir, 'journal-key.pub.pem'),
  };
}

/** Throws where there is no trail: a wrong folder must not look as if nothing had happened. */
export function requireTrail({ journalDir, databasePath }: ReturnType<typeof pathsOf>): void {
  if (existsSync(journalDir) || existsSync(databasePath)) return;
  throw new Error(
    `expected a journal in ${makeVisible(journalDir)}, found none; --data-dir names the data folder of the gateway`,
  );
}

/** Opens the trail and says so where it is slower than it could be. Throws where there is none. */
export async function openTrail(options: DataOptions, io: CommandIo): Promise<Trail> {
  const paths = pathsOf(options, io);
  requireTrail(paths);
  const trail = await Trail.open(paths);
  if (trail.databaseProblem !== null) {
    io.stderr(`note: reading the journal alone, the audit database cannot be used: ${trail.databaseProblem}\n`);
  }
  return trail;
}
