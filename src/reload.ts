import { FileWatcher, readTexts } from './config/watcher.ts';
import { loadConfig, type Environment } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { formatMistake, type Loaded } from './document/mistake.ts';
import type { Journal, Log } from './model/ports.ts';
import type { RecordBody } from './model/record.ts';
import { loadActions, loadPolicy, type BuiltIn, type Parts } from './world.ts';

/** What can be loaded anew, each by itself: a mistake in one keeps only its own old version in force. */
export type ReloadPart = 'config' | 'policy' | 'actions';

/** How the newest version of a part fared. */
export interface PartStatus {
  readonly ok: boolean;
  readonly detail: string;
}

/** How often files are looked at. The kubelet takes a minute to bring a new ConfigMap; people wait for a second. */
const LOOK_INTERVAL_MS = 1_000;
/** As many mistakes as a person mends at once; the rest is shown by `serve --check-config`. */
const SHOWN_MISTAKES = 5;
const INITIAL: PartStatus = { ok: true, detail: 'as at start' };

export interface ReloadOptions {
  readonly config: Config;
  readonly configFile: string | null;
  readonly builtIn: BuiltIn | null;
  readonly environment: Environment;
  readonly parts: Parts;
  readonly journal: Journal;
  readonly log: Log;
  /** Brings a new version into force. Throws when it cannot be; the old one stays then. */
  readonly apply: (config: Config, parts: Parts) => void;
  readonly counted: (part: ReloadPart, result: 'loaded' | 'rejected') => void;
}

/** Keeps configuration, policies and action maps as their files are, and the last good version where they are wrong. */
export class Reloader implements AsyncDisposable {
  readonly #options: ReloadOptions;
  readonly #status = new Map<ReloadPart, PartStatus>();
  #config: Config;
  #parts: Parts;
  #watcher: FileWatcher | null = null;
  #stopped = false;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#parts = options.parts;
  }

  /** Begins to look. */
  async start(): Promise<void> {
    await this.#watch();
  }

  status(part: ReloadPart): PartStatus {
    return this.#status.get(part) ?? INITIAL;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#watcher?.[Symbol.asyncDispose]();
  }

  async #watch(): Promise<void> {
    if (this.#stopped) return;
    const { configFile } = this.#options;
    const { policy, actions } = this.#config;
    const files = [
      ...(configFile === null ? [] : [configFile]),
      ...(policy.baseline === undefined ? [] : [policy.baseline]),
      ...policy.files,
      ...actions.files,
    ];
    this.#watcher = new FileWatcher({ files, intervalMs: LOOK_INTERVAL_MS, changed: async () => await this.#reload() });
    await this.#watcher.start();
  }

  async #reload(): Promise<void> {
    const { log } = this.#options;
    try {
      const config = await this.#take('config', await this.#readConfig(), this.#config, () => true);
      const policy = await this.#take(
        'policy',
        await loadPolicy(config, this.#options.builtIn),
        this.#parts.policy,
        sameDigest,
      );
      const actions = await this.#take(
        'actions',
        await loadActions(config, this.#options.builtIn),
        this.#parts.actions,
        sameDigest,
      );
      this.#options.apply(config, { policy, actions });
      const filesChanged = JSON.stringify(filesOf(config)) !== JSON.stringify(filesOf(this.#config));
      this.#config = config;
      this.#parts = { policy, actions };
      if (filesChanged) await this.#rewatch();
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#status.set('config', { ok: false, detail: `not applied: ${detail}; the version before stays in force` });
      log.error('config.rejected', { problem: detail });
    }
  }

  /** The watcher that calls this waits for it, so it must not be waited for here. */
  async #rewatch(): Promise<void> {
    const before = this.#watcher;
    await this.#watch();
    void before?.[Symbol.asyncDispose]();
  }

  async #readConfig(): Promise<Loaded<Config>> {
    const { configFile, environment } = this.#options;
    if (configFile === null) return { ok: true, value: this.#config };
    const texts = await readTexts([configFile]);
    return texts.ok ? loadConfig(texts.value[0]?.text ?? '', configFile, environment) : texts;
  }

  /** The new version of a part, or the old one where the new one is wrong; says so wherever people look. */
  async #take<T>(part: ReloadPart, loaded: Loaded<T>, before: T, same: (before: T, after: T) => boolean): Promise<T> {
    if (!loaded.ok) {
      const shown = loaded.mistakes.slice(0, SHOWN_MISTAKES).map(formatMistake);
      const more = loaded.mistakes.length - shown.length;
      const detail = `rejected, the version before stays in force: ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
      await this.#note(part, { ok: false, detail }, 'rejected');
      return before;
    }
    const wasRejected = !this.status(part).ok;
    const unchanged =
      part === 'config' ? JSON.stringify(before) === JSON.stringify(loaded.value) : same(before, loaded.value);
    if (unchanged && !wasRejected) return before;
    await this.#note(part, { ok: true, detail: digestDetail(loaded.value) }, 'loaded');
    return loaded.value;
  }

  async #note(part: ReloadPart, status: PartStatus, result: 'loaded' | 'rejected'): Promise<void> {
    const { log, journal, counted } = this.#options;
    this.#status.set(part, status);
    counted(part, result);
    log[result === 'loaded' ? 'info' : 'error'](`${part}.${result}`, { detail: status.detail });
    const record: RecordBody = { kind: 'lifecycle', event: `${part}-${result}`, detail: status.detail, data: {} };
    await journal.append(record, 'written');
  }
}

function filesOf({ policy, actions }: Config): readonly unknown[] {
  return [policy, actions];
}

function sameDigest(before: { readonly digest: string }, after: { readonly digest: string }): boolean {
  return before.digest === after.digest;
}

function digestDetail(value: unknown): string {
  return typeof value === 'object' && value !== null && 'digest' in value
    ? `digest ${String(value.digest)}`
    : 'in force';
}
