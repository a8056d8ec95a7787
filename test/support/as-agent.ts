import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { join } from 'node:path';
import type { GatewayProcess } from './gateway-process.ts';

const run = promisify(execFile);
/** A virtual machine of Java takes its time on a busy machine. */
const TIMEOUT_MS = 60_000;

/** An agent: where its home is, and what it does between reading the variables and running a program. */
export interface Agent {
  readonly gateway: GatewayProcess;
  readonly home: string;
  /** A line of shell; nothing for most agents. */
  readonly before?: string;
}

/**
 * Runs a program with the variables that the gateway wrote and nothing else that could lead it anywhere; gives what it
 * printed. Rejects when it fails.
 */
export async function asAgent({ gateway, home, before = ':' }: Agent, command: readonly string[]): Promise<string> {
  const variables = join(gateway.dataDir, 'agent', 'env.sh');
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, GIT_TERMINAL_PROMPT: '0' };
  const script = `. "$0"; ${before}; exec "$@"`;
  const { stdout } = await run('sh', ['-c', script, variables, ...command], { env, timeout: TIMEOUT_MS });
  return stdout;
}
