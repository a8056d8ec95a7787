import { access, mkdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT_USAGE, type CommandIo } from './io.ts';
import { jsonSchemas } from './schemas.ts';
import { STARTER_ACTIONS, STARTER_GATEWAY, STARTER_POLICY } from './starter.ts';

export function registerInit(program: Command, io: CommandIo): void {
  program
    .command('init')
    .argument('[folder]', 'where to write', '.')
    .description('Write a commented starter: configuration, policy, action map, and their JSON Schemas for editors.')
    .option('--force', 'write over files that are there')
    .addHelpText(
      'after',
      '\nExample:\n  aegis-gateway init my-gateway && aegis-gateway serve --config my-gateway/gateway.yaml',
    )
    .action(
      async (folder: string, options: { readonly force?: boolean }) =>
        await init(resolve(io.cwd, folder), options.force === true, io),
    );
}

async function init(folder: string, force: boolean, io: CommandIo): Promise<void> {
  const files: Record<string, string> = {
    'gateway.yaml': STARTER_GATEWAY,
    'policy.yaml': STARTER_POLICY,
    'actions.yaml': STARTER_ACTIONS,
  };
  for (const [name, schema] of Object.entries(jsonSchemas()))
    files[join('schemas', name)] = `${JSON.stringify(schema, null, 2)}\n`;
  const present = force ? [] : await presentOf(folder, Object.keys(files));
  if (present.length > 0) {
    io.stderr(
      `error: nothing was written, since these are there already: ${present.join(', ')} (--force writes over them)\n`,
    );
    return io.exit(EXIT_USAGE);
  }
  await mkdir(join(folder, 'schemas'), { recursive: true });
  const shown = (name: string): string => relative(io.cwd, join(folder, name)) || name;
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text);
    if (!name.startsWith('schemas')) io.stdout(`wrote ${shown(name)}\n`);
  }
  io.stdout(`wrote ${shown('schemas')} (your editor completes and checks the files with them)

Next:
  aegis-gateway serve --config ${shown('gateway.yaml')} --check-config
  aegis-gateway policy lint ${shown('policy.yaml')}
  aegis-gateway serve --config ${shown('gateway.yaml')}
  aegis-gateway approvals list --data-dir ${shown('aegis-data')}     in a second terminal
`);
}

async function presentOf(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names) {
    try {
      await access(join(folder, name));
      found.push(name);
    } catch {
      // It is not there, which is what is wanted.
    }
  }
  return found;
}
