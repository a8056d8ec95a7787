import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The files of a gateway under test; what is left out takes the gateway's own default. */
export interface GatewayFiles {
  /** Lines of gateway.yaml beside version, listeners, policy and actions. */
  readonly config?: string;
  readonly policy?: string;
  readonly actions?: string;
  /** Where the data port listens; loopback and a port that the system chooses when it is left out. */
  readonly listenOn?: string;
  /** Further files, by name: credentials, certificates. */
  readonly files?: { readonly [name: string]: string };
  readonly env?: { readonly [name: string]: string };
  /** The program, where it is another than the built product. */
  readonly entry?: string;
  /** A folder that is there already; a new one where none is named. */
  readonly folder?: string;
  /** Where it runs, given its folder, when that is another place than the test's own. */
  readonly elsewhere?: (folder: string) => Promise<Elsewhere>;
}

/** A place with other mounts: the command that leads there, and where the root of its files is seen from here. */
export interface Elsewhere {
  readonly command: readonly string[];
  readonly root: string;
}

/** A gateway that runs as a process of its own, as its users run it. */
export interface GatewayProcess extends AsyncDisposable {
  readonly folder: string;
  readonly dataDir: string;
  readonly port: number;
  readonly adminPort: number;
  readonly process: ChildProcess;
  /** Log lines so far, parsed. */
  readonly log: readonly LogLine[];
  /** Resolves with the first log line of this event, now or later. */
  logged(event: string): Promise<LogLine>;
  /** Runs a command of the product against this gateway's data folder. */
  cli(...args: readonly string[]): Promise<CliResult>;
  /** Ends the process with a signal and waits for it; the folder stays. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Starts it again on the same folder. */
  restart(): Promise<GatewayProcess>;
}
export interface LogLine {
  readonly event: string;
  readonly level: string;
  readonly [field: string]: unknown;
}
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A gateway starts within a second; this is for a machine that is busy with everything else. */
const START_TIMEOUT_MS = 20_000;
const ENTRY = resolve('dist/aegis-gateway.mjs');

/** Starts a gateway in a folder of its own. Fails with its output when it does not get ready. */
export async function startGatewayProcess(given: GatewayFiles): Promise<GatewayProcess> {
  const folder = given.folder ?? (await mkdtemp(join(tmpdir(), 'aegis-gw-')));
  const lines = [
    'version: 1',
    `listeners: {data: "${given.listenOn ?? '127.0.0.1:0'}", admin: "127.0.0.1:0"}`,
    'data_dir: data',
  ];
  if (given.policy !== undefined) {
    await writeFile(join(folder, 'policy.yaml'), given.policy);
    lines.push('policy: {files: [policy.yaml]}');
  }
  if (given.actions !== undefined) {
    await writeFile(join(folder, 'actions.yaml'), given.actions);
    lines.push('actions: {files: [actions.yaml]}');
  }
  for (const [name, text] of Object.entries(given.files ?? {})) await writeFile(join(folder, name), text);
  await writeFile(join(folder, 'gateway.yaml'), `${lines.join('\n')}\n${given.config ?? ''}\n`);
  const elsewhere = (await given.elsewhere?.(folder)) ?? HERE;
  return await startIn({ folder, env: given.env ?? {}, entry: given.entry ?? ENTRY, elsewhere });
}

const HERE: Elsewhere = { command: [], root: '' };

interface Started {
  readonly folder: string;
  readonly env: { readonly [name: string]: string };
  readonly entry: string;
  readonly elsewhere: Elsewhere;
}

async function startIn(given: Started): Promise<GatewayProcess> {
  const { folder, env, entry, elsewhere } = given;
  const command = [process.execPath, entry, 'serve', '--config', join(folder, 'gateway.yaml')];
  const [program = '', ...rest] = [...elsewhere.command, ...command];
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const log: LogLine[] = [];
  const waiting = new Map<string, ((line: LogLine) => void)[]>();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (text) => {
      output += `${text}\n`;
      if (!text.startsWith('{')) return;
      const line = JSON.parse(text) as LogLine;
      log.push(line);
      for (const resolveLine of waiting.get(line.event) ?? []) resolveLine(line);
      waiting.delete(line.event);
    });
  }
  const exited = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  const logged = async (event: string): Promise<LogLine> =>
    log.find((line) => line.event === event) ??
    (await new Promise<LogLine>((done) => waiting.set(event, [...(waiting.get(event) ?? []), done])));
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  const ready = await Promise.race([logged('gateway.ready'), exited]);
  clearTimeout(timer);
  if (ready === null || typeof ready === 'number')
    throw new Error(`the gateway did not start (${String(ready)}):\n${output}`);
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    return await exited;
  };
  const dataDir = `${elsewhere.root}${join(folder, 'data')}`;
  return {
    folder,
    dataDir,
    port: Number(ready['data_port']),
    adminPort: Number(ready['admin_port']),
    process: child,
    log,
    logged,
    cli: async (...args) => await runCli([...args, '--data-dir', dataDir]),
    stop,
    restart: async () => await startIn(given),
    [Symbol.asyncDispose]: async () => {
      await stop('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs the built product as a process. */
export async function runCli(
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string; readonly env?: { readonly [name: string]: string } } = {},
): Promise<CliResult> {
  const child = spawn(process.execPath, [ENTRY, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: options.cwd ?? process.cwd(),
    env: { ...process.env, ...options.env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(options.input ?? '');
  const code = await new Promise<number | null>((done) => child.once('close', (status) => done(status)));
  return { code, stdout, stderr };
}
