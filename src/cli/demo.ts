import { createWriteStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import { MistakesError } from '../document/mistake.ts';
import { startGateway } from '../gateway.ts';
import { createLog } from '../telemetry/log.ts';
import { certifyShop } from './demo-certificates.ts';
import { demoGateway } from './demo-files.ts';
import { tellStory } from './demo-story.ts';
import { startToolApi } from './demo-tool-api.ts';
import { EXIT_FOUND, type CommandIo } from './io.ts';
import { STARTER_ACTIONS, STARTER_POLICY } from './starter.ts';
import { StoryClock } from './story-clock.ts';
import { versionOf } from './version.ts';

interface DemoOptions {
  readonly auto?: boolean;
  readonly dataDir: string;
}

export function registerDemo(program: Command, io: CommandIo): void {
  program
    .command('demo')
    .description('Tell the story of a governed agent: a small shop API, a gateway before it, and what it may do.')
    .option('--auto', 'approve the refund by itself, instead of waiting for you in a second terminal')
    .option('--data-dir <folder>', 'the folder of the demo; made anew each time', 'aegis-data/demo')
    .addHelpText(
      'after',
      '\nExamples:\n  aegis-gateway demo           you approve, in a second terminal\n  aegis-gateway demo --auto    it approves by itself',
    )
    .action(async (options: DemoOptions) => await demo(options, io));
}

async function demo(options: DemoOptions, io: CommandIo): Promise<void> {
  const folder = resolve(io.cwd, options.dataDir);
  // Without a terminal there is nobody who could read the command and approve.
  const auto = options.auto === true || io.columns === null;
  const parts = new AsyncDisposableStack();
  try {
    if ((await play(folder, auto, { io, parts })) === 'untrue') io.exit(EXIT_FOUND);
  } finally {
    await parts.disposeAsync();
  }
}

async function play(
  folder: string,
  auto: boolean,
  { io, parts }: { readonly io: CommandIo; readonly parts: AsyncDisposableStack },
): Promise<'told' | 'untrue' | 'stopped'> {
  const certificate = await certifyShop(io.clock);
  const toolApi = parts.use(await startToolApi(certificate));
  const config = await prepare(folder, toolApi, certificate.authority);
  const clock = new StoryClock(io.clock);
  const lines = createWriteStream(join(folder, 'gateway.log'), { mode: 0o600 });
  parts.defer(async () => await new Promise<void>((done) => lines.end(done)));
  const gateway = parts.use(
    await startGateway({
      config,
      configFile: null,
      builtIn: null,
      environment: io.env,
      clock,
      log: createLog({ write: (line) => void lines.write(line), format: 'text', clock, colour: false }),
      version: versionOf(io.env),
    }),
  );
  const shown = relative(io.cwd, folder) || '.';
  return await tellStory({ io, auto, folder: shown, dataDir: folder, clock, gateway, toolApi });
}

async function prepare(
  folder: string,
  ports: { readonly port: number; readonly tlsPort: number },
  shopAuthority: string,
): Promise<Parameters<typeof startGateway>[0]['config']> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const text = demoGateway(ports);
  const file = join(folder, 'gateway.yaml');
  await writeFile(file, text);
  await writeFile(join(folder, 'shop-ca.pem'), shopAuthority);
  // The story should not stand still for half a minute; people who wait for a human may.
  await writeFile(join(folder, 'policy.yaml'), withoutSchema(STARTER_POLICY).replace('wait: 30s', 'wait: 1s'));
  await writeFile(join(folder, 'actions.yaml'), withoutSchema(STARTER_ACTIONS));
  const loaded = loadConfig(text, file, {});
  if (!loaded.ok) throw new MistakesError(loaded.mistakes);
  return loaded.value;
}

/** The demo's folder has no schemas beside its files. */
function withoutSchema(text: string): string {
  return text.replace(/^# yaml-language-server.*\n/u, '');
}
