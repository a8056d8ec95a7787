/** Writes down what was measured: JSON for programs, a page for people, a picture. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpus, release, totalmem } from 'node:os';
import type { DecisionResult } from './decisions.ts';
import type { CaseResult, Effort, GatewayResult } from './gateway.ts';
import type { JournalResult } from './journal.ts';
import { drawDecisions } from './picture.ts';

export interface Report {
  readonly date: string;
  readonly machine: ReturnType<typeof machine>;
  readonly versions: { readonly [name: string]: string };
  /** Which sections were measured at less than full length. */
  readonly quick: boolean;
  readonly effort: Effort;
  readonly decisions: readonly DecisionResult[];
  readonly gateway: GatewayResult;
  readonly journal: readonly JournalResult[];
}

/** What Aegis, the Python library, takes for the first and the last of 10,000 rules; microseconds. */
const AEGIS = { first: 1.4, last10000: 1_570 } as const;
/** Shares of the gateway's cost that a profile showed and that stay; written by hand, beside the figures. */
const EXPLANATION = 'benchmarks-explained.md';

/** The machine, without anything that names it. */
export function machine(): {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
} {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: `Linux ${/^\d+\.\d+/u.exec(release())?.[0] ?? ''}`,
  };
}

export async function writeReport(folder: string, report: Report): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'benchmarks.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(folder, 'benchmarks-decisions.svg'), drawDecisions(linesOf(report.decisions)));
  await writeFile(join(folder, 'benchmarks.md'), page(report));
}

function linesOf(decisions: readonly DecisionResult[]): Parameters<typeof drawDecisions>[0] {
  const names = [...new Set(decisions.map((one) => one.case))];
  const ours = names.map((name) => ({
    name,
    points: decisions.filter((one) => one.case === name).map(({ rules, median }) => [rules, median / 1_000] as const),
  }));
  return [
    ...ours,
    { name: 'Aegis (Python), last rule', points: [[10, AEGIS.first] as const, [10_000, AEGIS.last10000] as const] },
  ];
}

function page(report: Report): string {
  const { machine: found, versions } = report;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const sections = [
    '# Benchmarks',
    'Written by `npm run bench`; the same figures are in [benchmarks.json](benchmarks.json). Absolute figures mean little on another machine: read the ratios.',
    `Measured on ${report.date}: ${found.cpu}, ${found.cores} cores, ${found.memoryGiB} GiB, ${found.kernel}. ${programs.join(', ')}. Each target was measured ${report.effort.rounds} times for ${report.effort.seconds} s after a warm-up, in turn; the median counts.${report.quick ? ' **A quick run: good for nothing but to see that everything runs.**' : ''}`,
    aims(report),
    decisionsSection(report.decisions),
    gatewaySection(report.gateway),
    journalSection(report.journal),
    `What the gateway does with its time, and what was tried, is in [${EXPLANATION}](${EXPLANATION}). What approvals cost an API server is in [benchmarks-cluster.md](benchmarks-cluster.md).`,
  ];
  return `${sections.join('\n\n')}\n`;
}

/** A table of Markdown; all columns but the first are figures. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

const micro = (nanoseconds: number): string => (nanoseconds / 1_000).toFixed(2);
const mebi = (bytes: number): string => (bytes / 1024 ** 2).toFixed(0);
const ratio = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(2));

function decisionsSection(decisions: readonly DecisionResult[]): string {
  const sizes = [...new Set(decisions.map(({ rules }) => rules))];
  const names = [...new Set(decisions.map((one) => one.case))];
  const rows = names.map((name) => {
    const times = sizes.map(
      (rules) => decisions.find((one) => one.case === name && one.rules === rules)?.median ?? Number.NaN,
    );
    return [name, ...times.map(micro)];
  });
  return [
    '## Decisions',
    'One whole decision (`decide`) in microseconds, the median batch, by the number of rules and by which of them decides.',
    table(['', ...sizes.map((rules) => rules.toLocaleString('en-GB'))], rows),
    '![Time of a decision against the number of rules](benchmarks-decisions.svg)',
  ].join('\n\n');
}

function rate(found: CaseResult, target: string): number | undefined {
  return found.figures[target]?.requestsPerSecond;
}

function against(found: CaseResult, target: string, base: string): number | undefined {
  const [own, other] = [rate(found, target), rate(found, base)];
  return own === undefined || other === undefined ? undefined : own / other;
}

function gatewaySection({ cases, processes, skipped }: GatewayResult): string {
  const rows = cases.flatMap((found) =>
    Object.entries(found.figures).map(([target, figures]) => [
      found.name,
      target,
      figures.requestsPerSecond.toFixed(0),
      ratio(against(found, target, 'bare relay')),
      ratio(against(found, target, 'Envoy')),
      figures.p50.toFixed(2),
      figures.p99.toFixed(2),
      figures.cpuMicroseconds.toFixed(0),
    ]),
  );
  const processRows = Object.entries(processes).map(([name, one]) => [
    name,
    one.readyMs.toFixed(0),
    mebi(one.idleBytes),
    mebi(one.loadedBytes),
  ]);
  const left = Object.entries(skipped).map(([what, why]) => `- ${what}: ${why}`);
  return [
    '## The gateway as a process',
    'Each program has one core; load (wrk, or a client of our own for HTTPS) and upstream (nginx) share the other. The gateway runs with policy, redaction, metrics, journal and audit database; the bare relay is node:http and undici that parse the JSON. The median of the rounds, which take turns. Requests per second of the fastest programs are bounded by the core that load and upstream share; CPU time per request is not.',
    table(['load', 'program', 'requests/s', 'of bare relay', 'of Envoy', 'p50 ms', 'p99 ms', 'CPU us/request'], rows),
    '### Start and memory',
    'From the start of the process to its first right answer; resident memory at rest, and after all loads.',
    table(['program', 'ready ms', 'idle MiB', 'loaded MiB'], processRows),
    ...(left.length === 0 ? [] : ['### Not measured', left.join('\n')]),
  ].join('\n\n');
}

function journalSection(journal: readonly JournalResult[]): string {
  const rows = journal.map((one) => [
    one.durability === 'synced' ? 'on the disk' : 'written',
    String(one.writers),
    one.recordsPerSecond.toFixed(0),
    one.p50.toFixed(2),
    one.p99.toFixed(2),
  ]);
  return [
    '## Journal',
    'Records of 1.5 KiB a second, by how many writers wait at once, and by whether they wait for the disk (fsync). Writers that wait at the same time share one fsync.',
    table(['a record is', 'writers', 'records/s', 'p50 ms', 'p99 ms'], rows),
  ].join('\n\n');
}

interface Aim {
  readonly what: string;
  readonly aim: string;
  readonly found: number | undefined;
  readonly show: (value: number) => string;
  readonly met: (value: number) => boolean;
}

function aims(report: Report): string {
  const rows = [...decisionAims(report), ...gatewayAims(report.gateway)].map(({ what, aim, found, show, met }) => {
    if (found === undefined) return [what, aim, 'not measured', ''];
    return [what, aim, show(found), met(found) ? 'met' : '**missed**'];
  });
  return ['## Aims', table(['', 'aim', 'found', ''], rows)].join('\n\n');
}

function decisionAims({ decisions }: Report): readonly Aim[] {
  const time = (rules: number): number | undefined =>
    decisions.find((one) => one.case === 'last rule' && one.rules === rules)?.median;
  const [few, many] = [time(10), time(10_000)];
  return [
    {
      what: 'decision at 10,000 rules',
      aim: 'under 2 us',
      found: many,
      show: (value) => `${micro(value)} us`,
      met: (value) => value < 2_000,
    },
    {
      what: 'its growth from 10 rules',
      aim: 'under 2 times',
      found: few === undefined || many === undefined ? undefined : many / few,
      show: (value) => `${value.toFixed(2)} times`,
      met: (value) => value < 2,
    },
  ];
}

function gatewayAims({ cases, processes }: GatewayResult): readonly Aim[] {
  const post = cases.find(({ name }) => name === '1 KiB POST, 32 connections');
  const https = cases.find(({ name }) => name === '1 KiB POST over HTTPS, 32 connections');
  const own = processes['gateway'];
  const times = (value: number): string => `${value.toFixed(2)} times`;
  const atLeast = (what: string, least: number, found: number | undefined): Aim => {
    return { what, aim: `at least ${least} times`, found, show: times, met: (value) => value >= least };
  };
  const within = (what: string, most: number, found: number | undefined, unit: string): Aim => {
    return {
      what,
      aim: `under ${most} ${unit}`,
      found,
      show: (value) => `${value.toFixed(0)} ${unit}`,
      met: (value) => value < most,
    };
  };
  return [
    atLeast('POST, 32 connections, of the bare relay', 0.75, post && against(post, 'gateway', 'bare relay')),
    atLeast('POST, 32 connections, of Envoy', 0.7, post && against(post, 'gateway', 'Envoy')),
    atLeast('POST, 32 connections, of Envoy + OPA', 4, post && against(post, 'gateway', 'Envoy + OPA')),
    atLeast('HTTPS POST, 32 connections, of mitmproxy', 5, https && against(https, 'gateway', 'mitmproxy')),
    within('ready', 250, own?.readyMs, 'ms'),
    within('memory at rest', 80, own && own.idleBytes / 1024 ** 2, 'MiB'),
  ];
}
