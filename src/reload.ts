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
/** What happened to files while the journal could not be written; beyond that, the newest say enough. */
const MAX_UNRECORDED = 100;
const INITIAL: PartStatus = { ok: true, detail: 'as at start' };

export interface ReloadOptions {
  readonly config: Config;
  readonly configFile: string | null;
  readonly builtIn: BuiltIn | null;
  readonly environment: Environment;
  readonly parts: Parts;
  readonly journal: Journal;
  readonly log: Log;
  /** Makes ready what a new version needs, before it comes into force. Where it rejects, the old one stays. */
  readonly prepare: (parts: Parts) => Promise<void>;
  /** Brings a new version into force. Throws when it cannot be; the old one stays then. */
  readonly apply: (config: Config, parts: Parts) => void;
  readonly counted: (part: ReloadPart, result: 'loaded' | 'rejected') => void;
}

/** What became of a new version of a part. */
interface Note {
  readonly part: ReloadPart;
  readonly result: 'loaded' | 'rejected';
  readonly detail: string;
}

/** Keeps configuration, policies and action maps as their files are, and the last good version where they are wrong. */
export class Reloader implements AsyncDisposable {
  readonly #options: ReloadOptions;
  readonly #status = new Map<ReloadPart, PartStatus>();
  #config: Config;
  #parts: Parts;
  #watcher: FileWatcher | null = null;
  #stopped = false;
  /** What the journal could not take yet. */
  #unrecorded: RecordBody[] = [];
  #recording: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | null = null;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#parts = options.parts;
  }

  /** Begins to look, and takes up what changed since the files were loaded. */
  async start(): Promise<void> {
    await this.#watch();
    await this.#reload();
  }

  status(part: ReloadPart): PartStatus {
    return this.#status.get(part) ?? INITIAL;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    await this.#watcher?.[Symbol.asyncDispose]();
    await this.#recording;
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
    const notes: Note[] = [];
    let filesChanged = false;
    try {
      const next = await this.#load(notes);
      await this.#options.prepare(next.parts);
      this.#options.apply(next.config, next.parts);
      filesChanged = JSON.stringify(filesOf(next.config)) !== JSON.stringify(filesOf(this.#config));
      this.#config = next.config;
      this.#parts = next.parts;
      for (const note of notes) this.#note(note);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const detail = `not applied: ${problem}; the version before stays in force`;
      for (const note of notes.filter(({ part, result }) => part !== 'config' && result === 'rejected'))
        this.#note(note);
      this.#note({ part: 'config', result: 'rejected', detail });
    }
    await this.#record();
    if (!filesChanged) return;
    await this.#rewatch();
    // What changed between the loading and the first look at the new files would never be seen.
    await this.#reload();
  }

  /** The watcher that calls this waits for it, so it must not be waited for here. */
  async #rewatch(): Promise<void> {
    const before = this.#watcher;
    await this.#watch();
    void before?.[Symbol.asyncDispose]();
  }

  async #load(notes: Note[]): Promise<{ readonly config: Config; readonly parts: Parts }> {
    const { builtIn } = this.#options;
    const { policy, actions } = this.#parts;
    const config = this.#take('config', await this.#readConfig(), { before: this.#config, same: sameText, notes });
    const loadedPolicy = await loadPolicy(config, builtIn);
    const loadedActions = await loadActions(config, builtIn);
    return {
      config,
      parts: {
        policy: this.#take('policy', loadedPolicy, { before: policy, same: sameDigest, notes }),
        actions: this.#take('actions', loadedActions, { before: actions, same: sameDigest, notes }),
      },
    };
  }

  async #readConfig(): Promise<Loaded<Config>> {
    const { configFile, environment } = this.#options;
    if (configFile === null) return { ok: true, value: this.#config };
    const texts = await readTexts([configFile]);
    return texts.ok ? loadConfig(texts.value[0]?.text ?? '', configFile, environment) : texts;
  }

  /** The new version of a part, or the old one where the new one is wrong; notes what is to be said of it. */
  #take<T>(part: ReloadPart, loaded: Loaded<T>, { before, same, notes }: Taking<T>): T {
    if (!loaded.ok) {
      const shown = loaded.mistakes.slice(0, SHOWN_MISTAKES).map(formatMistake);
      const more = loaded.mistakes.length - shown.length;
      const detail = `rejected, the version before stays in force: ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
      notes.push({ part, result: 'rejected', detail });
      return before;
    }
    if (same(before, loaded.value) && this.status(part).ok) return before;
    notes.push({ part, result: 'loaded', detail: digestDetail(loaded.value) });
    return loaded.value;
  }

  /** Says it wherever people look; the journal is told by `#record`. */
  #note({ part, result, detail }: Note): void {
    const { log, counted } = this.#options;
    const ok = result === 'loaded';
    this.#status.set(part, { ok, detail });
    counted(part, result);
    log[ok ? 'info' : 'error'](`${part}.${result}`, { detail });
    this.#unrecorded.push({ kind: 'lifecycle', event: `${part}-${result}`, detail, data: {} });
    if (this.#unrecorded.length > MAX_UNRECORDED) this.#unrecorded.shift();
  }

  async #record(): Promise<void> {
    this.#recording = this.#recording.then(async () => await this.#recordAll());
    await this.#recording;
  }

  /** A journal that fails refuses all requests, and must not keep a new policy from coming into force: it is told later. */
  async #recordAll(): Promise<void> {
    try {
      for (let [first] = this.#unrecorded; first !== undefined; [first] = this.#unrecorded) {
        await this.#options.journal.append(first, 'written');
        this.#unrecorded = this.#unrecorded.filter((record) => record !== first);
      }
    } catch {
      if (this.#stopped) return;
      this.#retry = setTimeout(() => void this.#record(), LOOK_INTERVAL_MS);
      this.#retry.unref();
    }
  }
}

interface Taking<T> {
  readonly before: T;
  readonly same: (before: T, after: T) => boolean;
  readonly notes: Note[];
}

function filesOf({ policy, actions }: Config): readonly unknown[] {
  return [policy, actions];
}

function sameText(before: Config, after: Config): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}

function sameDigest(before: { readonly digest: string }, after: { readonly digest: string }): boolean {
  return before.digest === after.digest;
}

function digestDetail(value: unknown): string {
  return typeof value === 'object' && value !== null && 'digest' in value
    ? `digest ${String(value.digest)}`
    : 'in force';
}
