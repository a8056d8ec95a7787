import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { peer } from './peers.ts';
import { OTHER_CORE, type Program } from './program.ts';

const run = promisify(execFile);

/** One kind of request, and how many clients send it at once, each as soon as it is answered. */
export interface Load {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string;
  readonly connections: number;
}

export interface Figures {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** CPU time of what is measured, for one request; microseconds. */
  readonly cpuMicroseconds: number;
}

interface Sent {
  readonly requests: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  /** Answers other than 200, and connections that broke. */
  readonly failures: number;
}

const DONE = `function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT {\\"requests\\":%d,\\"seconds\\":%f,\\"p50\\":%f,\\"p99\\":%f,\\"failures\\":%d}\\n",
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`;

/** Sends plain HTTP for so many whole seconds. Throws when anything was answered otherwise than with success. */
export async function measure(
  { programs, port, folder }: { readonly programs: readonly Program[]; readonly port: number; readonly folder: string },
  load: Load,
  seconds: number,
): Promise<Figures> {
  const script = join(folder, 'load.lua');
  const body =
    load.body === '' ? '' : `wrk.body = [==[${load.body}]==]\nwrk.headers["Content-Type"] = "application/json"\n`;
  await writeFile(script, `wrk.method = "${load.method}"\n${body}${DONE}`);
  const target = `http://127.0.0.1:${port}${load.path}`;
  const wrk = [peer('wrk'), '-t1', `-c${load.connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, target];
  return await figuresOf(programs, async () => {
    const { stdout } = await run(peer('taskset'), ['-c', OTHER_CORE, ...wrk]);
    return sentOf(stdout);
  });
}

/** Sends HTTPS through CONNECT for so many seconds. */
export async function measureTunnels(
  target: { readonly programs: readonly Program[]; readonly port: number },
  load: { readonly connections: number; readonly upstreamPort: number; readonly method: 'GET' | 'POST' },
  seconds: number,
): Promise<Figures> {
  const script = fileURLToPath(new URL('./tunnel-client.ts', import.meta.url));
  const parameters = [target.port, load.upstreamPort, load.method, load.connections, seconds].map(String);
  return await figuresOf(target.programs, async () => {
    const { stdout } = await run(peer('taskset'), ['-c', OTHER_CORE, process.execPath, script, ...parameters]);
    return sentOf(stdout);
  });
}

async function figuresOf(programs: readonly Program[], send: () => Promise<Sent>): Promise<Figures> {
  const cpu = (): number => programs.reduce((sum, program) => sum + program.cpuSeconds(), 0);
  const before = cpu();
  const { requests, seconds, p50, p99, failures } = await send();
  for (const program of programs) program.check();
  if (failures > 0 || requests === 0) throw new Error(`${failures} of ${requests} requests failed`);
  return { requestsPerSecond: requests / seconds, p50, p99, cpuMicroseconds: ((cpu() - before) / requests) * 1e6 };
}

function sentOf(output: string): Sent {
  const line = output.split('\n').find((text) => text.startsWith('RESULT '));
  if (line === undefined) throw new Error(`expected a result, found ${output}`);
  return JSON.parse(line.slice('RESULT '.length)) as Sent;
}
