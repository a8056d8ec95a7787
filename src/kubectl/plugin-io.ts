import type { Ask } from '../cli/approvals-decide.ts';
import type { CommandIo } from '../cli/io.ts';
import { processIo } from '../cli/process-io.ts';
import { terminalAsk } from '../cli/terminal-ask.ts';

/** A terminal that a page can be drawn on again and again. */
export interface Terminal {
  /** Its size at this moment. */
  readonly size: () => { readonly columns: number; readonly rows: number };
  /** Calls a function whenever the size changes, until the signal aborts. */
  readonly onResize: (listener: () => void, signal: AbortSignal) => void;
}

/** What the plug-in may touch of the world. */
export interface PluginIo extends CommandIo {
  /** Null when output is piped, or goes to a terminal that knows no cursor. */
  readonly terminal: Terminal | null;
  readonly ask: Ask;
}

/** A terminal that says no size has the one that terminals always had. */
const USUAL = { columns: 80, rows: 24 };

/** The world of the plug-in when it runs as a process of its own. */
export function pluginIo(argv: readonly string[]): Omit<PluginIo, 'exit'> {
  const io = processIo(argv);
  const { stdout } = process;
  const gone = new AbortController();
  // Whoever read the output has gone: nothing that is still to come matters to anybody.
  stdout.on('error', () => gone.abort());
  const draws = stdout.isTTY && io.env['TERM'] !== 'dumb';
  return {
    ...io,
    signal: AbortSignal.any([io.signal, gone.signal]),
    terminal: draws ? terminalOf(stdout) : null,
    ask: terminalAsk(),
  };
}

function terminalOf(stdout: typeof process.stdout): Terminal {
  return {
    size: () => ({ columns: stdout.columns || USUAL.columns, rows: stdout.rows || USUAL.rows }),
    onResize: (listener, signal) => {
      stdout.on('resize', listener);
      signal.addEventListener('abort', () => stdout.off('resize', listener), { once: true });
    },
  };
}
