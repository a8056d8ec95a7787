/** The gateway as a process in front of a fast upstream, beside the programs that would be used instead. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { measure, measureTunnels, type Figures, type Load } from './load.ts';
import { eventually, freePort, type Program } from './program.ts';
import { ANSWER, KIB, LARGE_PATH, MAX_TOTAL, MIB, order, PATH } from './requests.ts';
import { GATEWAY, MITMPROXY, startUpstream, TARGETS, type Target, type Upstream } from './targets.ts';

/** How long things are measured. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  readonly starts: number;
}

export interface CaseResult {
  readonly name: string;
  /** The median round of each target. */
  readonly figures: { readonly [target: string]: Figures };
}

export interface ProcessResult {
  /** From its start to its first right answer; milliseconds, the median. */
  readonly readyMs: number;
  readonly idleBytes: number;
  readonly loadedBytes: number;
}

export interface GatewayResult {
  readonly cases: readonly CaseResult[];
  readonly processes: { readonly [target: string]: ProcessResult };
  readonly skipped: { readonly [what: string]: string };
}

interface Running {
  readonly target: Target;
  readonly programs: readonly Program[];
  readonly port: number;
  readonly folder: string;
}

const json = order(KIB);
const CASES: readonly (Load & { readonly name: string })[] = [
  { name: '1 KiB GET, 1 connection', method: 'GET', path: PATH, body: '', connections: 1 },
  { name: '1 KiB GET, 32 connections', method: 'GET', path: PATH, body: '', connections: 32 },
  { name: '1 KiB POST, 1 connection', method: 'POST', path: PATH, body: json, connections: 1 },
  { name: '1 KiB POST, 32 connections', method: 'POST', path: PATH, body: json, connections: 32 },
  { name: '1 MiB GET, 4 connections', method: 'GET', path: LARGE_PATH, body: '', connections: 4 },
  { name: '1 MiB POST, 4 connections', method: 'POST', path: PATH, body: order(MIB), connections: 4 },
];

/** A program is at rest when it has had this long to come to rest. */
const SETTLE_MS = 2_000;
/** Between two loads: what the one before left to do is not counted to the next. */
const PAUSE_MS = 300;

/** Measures everything, one target at a time, in rounds that take turns. */
export async function measureGateway(effort: Effort, say: (line: string) => void): Promise<GatewayResult> {
  const folder = await mkdtemp(join(tmpdir(), 'aegis-bench-'));
  await using parts = new AsyncDisposableStack();
  parts.defer(async () => await rm(folder, { recursive: true, force: true }));
  const upstream = parts.use(await startUpstream(folder));
  const skipped: Record<string, string> = {};
  const processes: Record<string, ProcessResult> = {};
  const running: Running[] = [];
  for (const target of [...TARGETS, MITMPROXY]) {
    const why = target.skipped();
    if (why !== null) {
      skipped[target.name] = why;
      say(`gateway: ${target.name} is skipped: ${why}`);
      continue;
    }
    const readyMs = await readyTime(target, { folder, upstream }, effort.starts);
    const one = await start(target, { folder, upstream });
    parts.defer(async () => await stop(one));
    await sleep(SETTLE_MS);
    processes[target.name] = { readyMs, idleBytes: residentBytes(one), loadedBytes: 0 };
    say(`gateway: ${target.name} ready after ${readyMs.toFixed(0)} ms`);
    running.push(one);
  }
  const cases: CaseResult[] = [];
  const plain = running.filter(({ target }) => target !== MITMPROXY);
  for (const load of CASES) {
    const figures = await rounds(plain, effort, (one) => measure(one, load, effort.seconds));
    cases.push({ name: load.name, figures });
    say(`gateway: ${line(load.name, figures)}`);
  }
  const opening = running.filter(({ target }) => target === MITMPROXY || target === GATEWAY);
  await measureHttps({ opening, upstream, effort, say }, cases, skipped);
  for (const one of running) {
    const known = processes[one.target.name];
    if (known !== undefined) processes[one.target.name] = { ...known, loadedBytes: residentBytes(one) };
  }
  return { cases, processes, skipped };
}

async function measureHttps(
  given: {
    readonly opening: readonly Running[];
    readonly upstream: Upstream;
    readonly effort: Effort;
    readonly say: (line: string) => void;
  },
  cases: CaseResult[],
  skipped: Record<string, string>,
): Promise<void> {
  const { opening, upstream, effort, say } = given;
  for (const method of ['GET', 'POST'] as const) {
    for (const connections of [1, 32]) {
      const name = `1 KiB ${method} over HTTPS, ${connections === 1 ? '1 connection' : `${connections} connections`}`;
      try {
        const load = { connections, upstreamPort: upstream.tlsPort, method };
        const figures = await rounds(opening, effort, (one) => measureTunnels(one, load, effort.seconds));
        cases.push({ name, figures });
        say(`gateway: ${line(name, figures)}`);
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        skipped[name] = (/Error: [^\n]*/u.exec(problem)?.[0] ?? problem).replaceAll(/\s+/gu, ' ').slice(0, 200);
        say(`gateway: ${name} is skipped: ${skipped[name]}`);
      }
    }
  }
}

/** The median round of each; the first warms up and does not count. */
async function rounds(
  running: readonly Running[],
  effort: Effort,
  measureOne: (one: Running) => Promise<Figures>,
): Promise<{ readonly [target: string]: Figures }> {
  const found = running.map((): Figures[] => []);
  for (let round = 0; round <= effort.rounds; round += 1) {
    for (const [index, one] of running.entries()) {
      const figures = await measureOne(one);
      if (round > 0) found[index]?.push(figures);
      await sleep(PAUSE_MS);
    }
  }
  return Object.fromEntries(running.map(({ target }, index) => [target.name, middle(found[index] ?? [])]));
}

function middle(figures: readonly Figures[]): Figures {
  const median = (pick: (one: Figures) => number): number => {
    const sorted = figures.map(pick).toSorted((left, right) => left - right);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  return {
    requestsPerSecond: median((one) => one.requestsPerSecond),
    p50: median((one) => one.p50),
    p99: median((one) => one.p99),
    cpuMicroseconds: median((one) => one.cpuMicroseconds),
  };
}

interface Ground {
  readonly folder: string;
  readonly upstream: Upstream;
}

async function readyTime(target: Target, ground: Ground, starts: number): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < starts; count += 1) {
    const from = performance.now();
    const one = await start(target, ground);
    times.push(performance.now() - from);
    await stop(one);
  }
  return times.toSorted((left, right) => left - right)[Math.floor(times.length / 2)] ?? Number.NaN;
}

/** Starts a target and checks its answers. */
async function start(target: Target, { folder, upstream }: Ground): Promise<Running> {
  const port = await freePort();
  const own = await mkdtemp(join(folder, `${target.name.replaceAll(/\W+/gu, '-')}-`));
  await mkdir(own, { recursive: true });
  const programs = await target.start({ folder: own, port, upstream });
  const one = { target, programs, port, folder: own };
  try {
    await eventually(programs, async () => await checkAnswers(one, upstream));
  } catch (error) {
    await stop(one);
    throw new Error(`${target.name} does not answer as it must`, { cause: error });
  }
  return one;
}

async function stop({ programs }: Running): Promise<void> {
  for (const program of programs) await program[Symbol.asyncDispose]();
}

/** Nothing is timed before it has been seen to do its work: the whole body there, the whole answer back, the rule kept. */
async function checkAnswers({ target, port }: Running, upstream: Upstream): Promise<void> {
  const reverse = target !== MITMPROXY;
  const base = reverse ? `http://127.0.0.1:${port}` : `http://127.0.0.1:${upstream.port}`;
  if (!reverse) return await listens(port);
  await expectAnswer(await fetch(`${base}${PATH}`), '');
  await expectAnswer(await post(base, json), json);
  if (!target.judges) return;
  const refused = await post(base, order(KIB, MAX_TOTAL + 1));
  await refused.arrayBuffer();
  if (refused.status !== 403) throw new Error(`expected 403 for a large order, found ${refused.status}`);
}

async function listens(port: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'OPTIONS' });
  await answer.arrayBuffer();
}

async function post(base: string, body: string): Promise<Response> {
  return await fetch(`${base}${PATH}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
}

async function expectAnswer(answer: Response, sent: string): Promise<void> {
  const text = await answer.text();
  if (answer.status !== 200 || text !== ANSWER)
    throw new Error(`expected 200 and the answer, found ${answer.status} ${text}`);
  const received = Number(answer.headers.get('x-received') ?? 0);
  if (received !== sent.length) throw new Error(`the upstream received ${received} bytes of ${sent.length}`);
}

function residentBytes({ programs }: Running): number {
  return programs.reduce((sum, program) => sum + program.residentBytes(), 0);
}

function line(name: string, figures: { readonly [target: string]: Figures }): string {
  const rates = Object.entries(figures).map(([target, one]) => `${target} ${one.requestsPerSecond.toFixed(0)}/s`);
  return `${name}: ${rates.join(', ')}`;
}
