import type { Clock } from '../model/ports.ts';

/** What a command may touch of the world: given by main.ts, replaced in tests. */
export interface CommandIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether output may carry colour: a terminal, and neither NO_COLOR nor --no-color. */
  readonly colour: boolean;
  /** The width of the terminal in columns; null when output is piped. */
  readonly columns: number | null;
  readonly env: { readonly [name: string]: string | undefined };
  readonly cwd: string;
  readonly clock: Clock;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Sets what the process exits with: `EXIT_*`. */
  readonly exit: (code: number) => void;
}

/** Everything is as it should be. */
export const EXIT_OK = 0;
/** The command worked and found something wrong: a failed test, a broken chain, a refused file. */
export const EXIT_FOUND = 1;
/** The command was called wrongly, or could not do its work. */
export const EXIT_USAGE = 2;
