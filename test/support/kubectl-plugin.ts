import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { findCounterpart } from '../../scripts/counterparts.ts';
import type { Printed } from '../../scripts/cluster-bed.ts';
import { until } from './cluster-gateway.ts';

/** The built plug-in. */
const BUILT = 'dist/kubectl-aegis';
const TIMEOUT_MS = 60_000;

/** What a call wants otherwise. */
export interface PluginCall {
  readonly env?: { readonly [name: string]: string };
}

/** A terminal in which somebody has typed a command. */
export interface TerminalSession extends AsyncDisposable {
  /** Everything that it was told to show so far. */
  shown(): string;
  /** Waits until something is shown. */
  shows(expected: string | RegExp): Promise<string>;
  type(keys: string): void;
  /** The exit code, once it has ended. */
  ended(): Promise<number>;
}

/** A folder in PATH with kubectl and, alone, a copy of the plug-in: as somebody installs it. */
export class InstalledPlugin implements AsyncDisposable {
  readonly folder: string;
  readonly bin: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.bin = join(folder, 'bin');
  }

  static async install(): Promise<InstalledPlugin> {
    const plugin = new InstalledPlugin(await mkdtemp(join(tmpdir(), 'aegis-plugin-')));
    await mkdir(plugin.bin);
    await symlink(findCounterpart('kubectl') ?? '', join(plugin.bin, 'kubectl'));
    for (const name of ['kubectl-aegis', 'kubectl_complete-aegis']) {
      await copyFile(join(dirname(BUILT), name), join(plugin.bin, name));
      await chmod(join(plugin.bin, name), 0o755);
    }
    return plugin;
  }

  /** Runs `kubectl ARGS...`; what is found first in PATH is what was installed. Never rejects for an exit code. */
  async kubectl(kubeconfig: string, args: readonly string[], call: PluginCall = {}): Promise<Printed> {
    const { promise, resolve } = Promise.withResolvers<Printed>();
    const options = { env: this.#env(kubeconfig, call), timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(join(this.bin, 'kubectl'), args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
    child.stdin?.end();
    return await promise;
  }

  /** Runs `kubectl aegis ARGS...`. */
  async run(kubeconfig: string, args: readonly string[], call: PluginCall = {}): Promise<Printed> {
    return await this.kubectl(kubeconfig, ['aegis', ...args], call);
  }

  /** Starts `kubectl aegis ARGS...` with output and input piped. */
  start(kubeconfig: string, args: readonly string[], call: PluginCall = {}): ChildProcess {
    return spawn(join(this.bin, 'kubectl'), ['aegis', ...args], { env: this.#env(kubeconfig, call) });
  }

  /** Types a command line at a terminal of 24 lines. */
  type(kubeconfig: string, line: string, columns = 120): TerminalSession {
    const child = spawn('script', ['-qec', `stty rows 24 cols ${columns}; ${line}`, '/dev/null'], {
      env: { ...this.#env(kubeconfig, {}), TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const closed = once(child, 'close');
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
    return {
      shown: () => shown,
      shows: async (expected) =>
        await until(async () => {
          const found = typeof expected === 'string' ? shown.includes(expected) : expected.test(shown);
          return found ? shown : null;
        }),
      type: (keys) => void child.stdin.write(keys),
      ended: async () => {
        await closed;
        return child.exitCode ?? -1;
      },
      [Symbol.asyncDispose]: async () => {
        child.kill('SIGKILL');
        await closed;
      },
    };
  }

  /** Puts a program into a folder of its own, such as one that stands between the plug-in and kubectl. */
  async script(name: string, lines: readonly string[]): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, `#!/bin/sh\n${lines.join('\n')}\n`, { mode: 0o755 });
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  #env(kubeconfig: string, { env }: PluginCall): { readonly [name: string]: string } {
    const path = [this.bin, dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);
    return { PATH: path, HOME: this.folder, KUBECONFIG: kubeconfig, TZ: 'UTC', LANG: 'C.UTF-8', ...env };
  }
}
