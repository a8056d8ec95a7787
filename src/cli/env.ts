import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { AGENT_FILE } from '../certificates/agent-variables.ts';
import { EXIT_USAGE, type CommandIo } from './io.ts';

interface EnvOptions {
  readonly dataDir: string;
  readonly agentFiles?: string;
}

export function registerEnv(program: Command, io: CommandIo): void {
  program
    .command('env')
    .description('Print the environment variables with which an agent goes through the gateway and trusts it.')
    .option('--data-dir <folder>', 'the data folder of the gateway', './aegis-data')
    .option(
      '--agent-files <folder>',
      'where the gateway writes the files of the agent (default: agent in the data folder)',
    )
    .addHelpText('after', '\nExample:\n  eval "$(aegis-gateway env)" && curl https://api.example.com/')
    .action(async (options: EnvOptions) => await printVariables(options, io));
}

async function printVariables({ dataDir, agentFiles }: EnvOptions, io: CommandIo): Promise<void> {
  const file = join(resolve(io.cwd, agentFiles ?? join(dataDir, 'agent')), AGENT_FILE.variables);
  try {
    io.stdout(await readFile(file, 'utf8'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    io.stderr(
      `error: expected ${file}, which a running gateway writes (${code}); start it with aegis-gateway serve, or name its folder with --data-dir or --agent-files\n`,
    );
    io.exit(EXIT_USAGE);
  }
}
