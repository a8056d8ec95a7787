import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { FromLoad, LoadReport, Target, ToLoad } from './messages.ts';

const ENTRY = new URL('load-process.ts', import.meta.url).pathname;

/** The process that makes the load. */
export class Load implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #heard: FromLoad[] = [];
  #wake: () => void = () => undefined;

  constructor() {
    this.#child = spawn(process.execPath, [ENTRY], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (message: FromLoad) => {
      this.#heard.push(message);
      this.#wake();
    });
    this.#child.on('exit', () => this.#wake());
  }

  async listening(): Promise<Extract<FromLoad, { kind: 'listening' }>> {
    return await this.#hear('listening');
  }

  /** Lets agents call for so long; resolves when the last call has ended. */
  async run(
    target: Target,
    run: { readonly connections: number; readonly seconds: number; readonly seed: number },
  ): Promise<LoadReport> {
    this.#say({ kind: 'run', target, ...run });
    return (await this.#hear('done')).report;
  }

  /** Ends the process; what its upstreams saw. */
  async end(): Promise<Extract<FromLoad, { kind: 'seen' }>> {
    this.#say({ kind: 'end' });
    return await this.#hear('seen');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #say(message: ToLoad): void {
    this.#child.send(message);
  }

  async #hear<K extends FromLoad['kind']>(kind: K): Promise<Extract<FromLoad, { kind: K }>> {
    for (;;) {
      const index = this.#heard.findIndex((message) => message.kind === kind);
      const [message] = index === -1 ? [] : this.#heard.splice(index, 1);
      if (message !== undefined) return message as Extract<FromLoad, { kind: K }>;
      if (this.#child.exitCode !== null) throw new Error(`the load process ended (${this.#child.exitCode})`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
