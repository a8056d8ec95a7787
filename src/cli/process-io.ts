import type { Clock } from '../model/ports.ts';
import type { CommandIo } from './io.ts';

/** The clock of the machine. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** The world of a command when it runs as a process of its own. */
export function processIo(argv: readonly string[]): Omit<CommandIo, 'exit'> {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
  // A reader that went away (`| head`) ends the output; it is no error of the command.
  process.stdout.on('error', ignoreBrokenPipe);
  const { isTTY, columns } = process.stdout;
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    colour: isTTY && !process.env['NO_COLOR'] && !argv.includes('--no-color'),
    columns: isTTY ? columns : null,
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock,
    signal: stopped.signal,
  };
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
