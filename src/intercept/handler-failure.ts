import type { Fault } from '../model/fault.ts';
import type { Log } from '../model/ports.ts';

/** What a client is told when a handler failed: nothing of how. */
export const INTERNAL: Fault = {
  code: 'internal',
  detail: 'the gateway failed before it could decide; nothing is known',
};

/**
 * Logs that a handler failed. The message is left out, since runtime errors quote what they choke on (`JSON.parse` does),
 * and that is the agent's.
 */
export function logHandlerFailure(log: Log, error: unknown): void {
  const { name, stack } = error instanceof Error ? error : new TypeError('expected an Error');
  const where = (stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /u.test(line))
    .slice(0, 3)
    .map((line) => line.trim());
  log.error('intercept.handler-failed', { error: name, where });
}
