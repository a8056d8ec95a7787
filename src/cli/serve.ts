import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig, type Environment } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { MistakesError } from '../document/mistake.ts';
import { startGateway, type Gateway } from '../gateway.ts';
import { createLog } from '../telemetry/log.ts';
import { readTexts } from '../config/watcher.ts';
import { loadParts, type Parts } from '../world.ts';
import { EXIT_USAGE, type CommandIo } from './io.ts';
import { STARTER_ACTIONS, STARTER_POLICY } from './starter.ts';
import { versionOf } from './version.ts';

/** Where `serve` looks when it is told nothing. */
const DEFAULT_CONFIG = 'gateway.yaml';
/** Where the other commands look for the gateway when they are told nothing. */
const DEFAULT_DATA_DIR = 'aegis-data';

interface ServeOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly checkConfig?: boolean;
  readonly acceptBrokenChain?: boolean;
}

/** What `serve` runs on: a file, or what is built in. */
interface Source {
  readonly configFile: string | null;
  readonly config: Config;
  /** What overrides the file, also when it is loaded again. */
  readonly environment: Environment;
}

export function registerServe(program: Command, io: CommandIo): void {
  program
    .command('serve')
    .description('Run the gateway until Ctrl-C or SIGTERM; then finish what runs, and exit 0.')
    .option('-c, --config <file>', `the configuration (default: ./${DEFAULT_CONFIG}, else what is built in)`)
    .option('--data-dir <folder>', 'where journal and databases are kept, over the configuration')
    .option('--accept-broken-chain', 'go on in a new journal segment, whose first record names the breaks')
    .option('--check-config', 'load configuration, policies and action maps, say what is wrong, and do not start')
    .addHelpText(
      'after',
      `
Examples:
  aegis-gateway serve --config gateway.yaml
  aegis-gateway serve --config gateway.yaml --check-config     exit 2 and file:line:column for every mistake
  HTTP_PROXY=http://127.0.0.1:15001 my-agent                   in another terminal`,
    )
    .action(async (options: ServeOptions) => await serve(options, io));
}

async function serve(options: ServeOptions, io: CommandIo): Promise<void> {
  const source = await sourceOf(options, io);
  if (options.checkConfig === true) return await check(source, io);
  const { config, configFile, environment } = source;
  const log = createLog({ write: io.stdout, format: config.log.format, clock: io.clock, colour: io.colour });
  let gateway: Gateway;
  try {
    gateway = await startGateway({
      config,
      configFile,
      builtIn: configFile === null ? BUILT_IN : null,
      environment,
      clock: io.clock,
      log,
      version: versionOf(io.env),
      acceptBrokenChain: options.acceptBrokenChain === true,
      stdout: io.stdout,
    });
  } catch (error) {
    if (!(error instanceof MistakesError)) log.error('gateway.not-started', { problem: messageOf(error) });
    if (error instanceof MistakesError) throw error;
    return io.exit(EXIT_USAGE);
  }
  if (io.columns !== null && config.log.format === 'text') io.stdout(nextSteps(gateway, config, io.cwd));
  await aborted(io.signal);
  log.info('gateway.stopping', { drain_ms: config.limits.drain_timeout });
  await gateway[Symbol.asyncDispose]();
  log.info('gateway.stopped');
}

/** For people who started it at a terminal. */
function nextSteps({ data }: Gateway, { data_dir: dataDir }: Config, cwd: string): string {
  const shown = relative(cwd, dataDir);
  const option = shown === DEFAULT_DATA_DIR ? '' : ` --data-dir ${shown.startsWith('..') ? dataDir : shown || '.'}`;
  return `
  The agent       HTTP_PROXY=http://${hostText(data.host)}:${data.port}
  What waits      aegis-gateway approvals list${option}
  What happened   aegis-gateway audit list${option}
  Ctrl-C          finishes what runs, and stops

`;
}

function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** What the gateway decides by when no configuration names files of its own. */
export const BUILT_IN = {
  policy: { file: '<built-in policy>', text: STARTER_POLICY },
  actions: { file: '<built-in actions>', text: STARTER_ACTIONS },
} as const;

async function sourceOf(options: ServeOptions, io: CommandIo): Promise<Source> {
  const environment =
    options.dataDir === undefined ? io.env : { ...io.env, AEGIS_DATA_DIR: resolve(io.cwd, options.dataDir) };
  const named = options.config ?? (existsSync(resolve(io.cwd, DEFAULT_CONFIG)) ? DEFAULT_CONFIG : null);
  const file = named === null ? null : resolve(io.cwd, named);
  const text = file === null ? 'version: 1\n' : await textOf(file);
  const loaded = loadConfig(text, file ?? resolve(io.cwd, '<built-in configuration>'), environment);
  if (!loaded.ok) throw new MistakesError(loaded.mistakes);
  return { configFile: file, config: loaded.value, environment };
}

async function textOf(file: string): Promise<string> {
  const texts = await readTexts([file]);
  if (!texts.ok) throw new MistakesError(texts.mistakes);
  return texts.value[0]?.text ?? '';
}

async function check({ config, configFile }: Source, io: CommandIo): Promise<void> {
  const parts = await loadParts(config, configFile === null ? BUILT_IN : null);
  if (!parts.ok) throw new MistakesError(parts.mistakes);
  io.stdout(`${summary(configFile, parts.value)}\n`);
}

function summary(configFile: string | null, { policy, actions }: Parts): string {
  return [
    `configuration  ${configFile ?? 'built in'}: in order`,
    `policy         ${policy.files.reduce((sum, { rules }) => sum + rules.length, 0)} rules, digest ${policy.digest.slice(0, 12)}`,
    `actions        ${actions.entries.length} entries, digest ${actions.digest.slice(0, 12)}`,
  ].join('\n');
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
