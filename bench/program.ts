import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { peer } from './peers.ts';

/** What is measured has this core for itself; load and upstream share the other. */
export const MEASURED_CORE = '0';
export const OTHER_CORE = '1';

/** Ticks of the clock in which the kernel counts CPU time, on every Linux that Node runs on. */
export const TICKS_PER_SECOND = 100;
/** Longer than anything here takes to start, or to end when it is told to. */
const PATIENCE_MS = 20_000;

/** A program that runs, pinned to one core. Disposing it ends it. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #name: string;
  #output = '';

  constructor(core: string, command: readonly string[], env: { readonly [name: string]: string } = {}) {
    this.#name = command[0] ?? '';
    this.#child = spawn(peer('taskset'), ['-c', core, ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.#output = `${this.#output}${chunk.toString()}`.slice(-4_000)));
    }
  }

  /** Throws with what the program said when it has ended by itself. */
  check(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return;
    throw new Error(`${this.#name} ended: ${this.#output.trim()}`);
  }

  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Resident memory in bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/u.exec(status)?.[1]) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    await ended;
    clearTimeout(late);
  }
}

/** A port of loopback that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks until the answer is there, every few milliseconds; throws what the last try threw. */
export async function eventually(programs: readonly Program[], ask: () => Promise<void>): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      for (const program of programs) program.check();
      if (performance.now() > until) throw error;
      await sleep(2);
    }
  }
}
