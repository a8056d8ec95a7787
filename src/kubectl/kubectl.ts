import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { KubectlError, kubectlError } from './kubectl-error.ts';
import { visibleLines } from './visible-lines.ts';

/** How kubectl is run. */
export interface KubectlSettings {
  /** The program: a name that is looked up in PATH, or a path. */
  readonly program: string;
  /** The flags that say which API server, and as whom: they are added to every call. */
  readonly flags: readonly string[];
  /** Takes what kubectl and its credential plug-ins say while they work. */
  readonly stderr: (text: string) => void;
}

/**
 * What is printed to the error output is kept back for this long, since most of it is the message of an error that ends
 * the call; what somebody has to read meanwhile (how to log in, say) is shown after it.
 */
const KEPT_BACK_MS = 1_500;
/** More than any message; of what is longer the end is kept. */
const MAX_STDERR_CHARACTERS = 64 * 1024;

/**
 * Runs kubectl, so that every kubeconfig, credential plug-in, certificate and proxy works as it does there, with the
 * rights of the person and no others.
 */
export class Kubectl {
  readonly #settings: KubectlSettings;

  constructor(settings: KubectlSettings) {
    this.#settings = settings;
  }

  /** Runs it to its end and gives what it printed. Rejects with `KubectlError`. */
  async run(args: readonly string[], signal: AbortSignal): Promise<string> {
    const parts: string[] = [];
    const { child, ended } = this.#start(args, signal);
    child.stdout?.setEncoding('utf8').on('data', (part: string) => parts.push(part));
    await ended;
    return parts.join('');
  }

  /** Gives its output line by line as it comes. Throws `KubectlError`; ends without one when the signal aborts. */
  async *lines(args: readonly string[], signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const { child, ended } = this.#start(args, signal);
    // A rejection while the reader is busy with a line is met by the `await` below.
    ended.catch(() => undefined);
    try {
      if (child.stdout !== null) yield* createInterface({ input: child.stdout, crlfDelay: Infinity });
      await ended;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      child.kill('SIGTERM');
    }
  }

  #start(args: readonly string[], signal: AbortSignal): { child: ChildProcess; ended: Promise<void> } {
    const { flags, program, stderr } = this.#settings;
    // Credential plug-ins may ask at the terminal, as they do for kubectl.
    const child = spawn(program, [...args, ...flags], { stdio: ['inherit', 'pipe', 'pipe'] });
    const said = new KeptBack(stderr);
    child.stderr?.setEncoding('utf8').on('data', (part: string) => said.add(part));
    const stop = (): void => void child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const ended = outcomeOf(child, program, said).finally(() => {
      signal.removeEventListener('abort', stop);
      said.stop();
    });
    return { child, ended };
  }
}

async function outcomeOf(child: ChildProcess, program: string, said: KeptBack): Promise<void> {
  let code: unknown;
  try {
    [code] = await once(child, 'close');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new KubectlError(
      'unreachable',
      `${program} could not be run (${reason}): AEGIS_KUBECTL names the kubectl to use`,
    );
  }
  if (code === 0) said.show();
  else throw kubectlError(said.text());
}

/** What a child prints to its error output, shown when it keeps working after it. */
class KeptBack {
  readonly #show: (text: string) => void;
  #text = '';
  #shown = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(show: (text: string) => void) {
    this.#show = show;
  }

  add(part: string): void {
    this.#text += part;
    const over = this.#text.length - MAX_STDERR_CHARACTERS;
    if (over > 0) {
      this.#text = this.#text.slice(over);
      this.#shown = Math.max(0, this.#shown - over);
    }
    this.#timer ??= setTimeout(() => this.show(), KEPT_BACK_MS);
  }

  /** All of it, or what was not shown yet. */
  text(): string {
    return this.#text.slice(this.#shown) || this.#text;
  }

  show(): void {
    this.stop();
    const lines = this.#text.slice(this.#shown);
    this.#shown = this.#text.length;
    if (lines !== '') this.#show(visibleLines(lines));
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
