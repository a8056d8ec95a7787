import { isStatus } from '../kubernetes/api-error.ts';
import { backoffMs, pause } from '../kubernetes/backoff.ts';
import type { WatchEvent } from '../kubernetes/watch.ts';
import type { Clock } from '../model/ports.ts';

/** What a watch needs. */
export interface WatchPorts {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly open: (
    since: { readonly resourceVersion: string; readonly timeoutSeconds: number },
    signal: AbortSignal,
  ) => AsyncGenerator<WatchEvent>;
  /** An object was added or changed. */
  readonly changed: (object: unknown) => Promise<void>;
  /** An object was deleted. */
  readonly gone: (object: unknown) => void;
  /** Looks at everything again, since events were missed; the version of the store that it saw. */
  readonly relist: () => Promise<string>;
  /** The server is out of reach. */
  readonly lost: (problem: string) => void;
}

/** The server ends a watch within this time, and one that it forgot is given up a little later. */
const SHORTEST_SECONDS = 240;
const SPREAD_SECONDS = 240;
/** Bookmarks come about every minute, whatever else does not. */
const SILENCE_MS = 150_000;
const RETRY = { firstMs: 200, mostMs: 30_000 };

/** One watch, open only while it is wanted: resumed where it broke off, begun anew where the server has forgotten. */
export class PendingWatch {
  readonly #ports: WatchPorts;
  #stop: AbortController | null = null;
  #running: Promise<void> = Promise.resolve();
  #heardAt = 0;
  #connected = false;

  constructor(ports: WatchPorts) {
    this.#ports = ports;
  }

  /** Opens the watch behind this version of the store, unless it is open. */
  want(resourceVersion: string): void {
    if (this.#stop !== null) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.#running = this.#run(resourceVersion, stop.signal);
  }

  /** Closes it. */
  async unwant(): Promise<void> {
    this.#stop?.abort();
    this.#stop = null;
    await this.#running;
  }

  /** Closes it without waiting, for whoever is called by the watch itself. */
  release(): void {
    this.#stop?.abort();
    this.#stop = null;
  }

  /** Milliseconds since anything was heard; null while it is not open. */
  ageMs(): number | null {
    return this.#stop === null || !this.#connected ? null : this.#ports.clock.monotonic() - this.#heardAt;
  }

  wanted(): boolean {
    return this.#stop !== null;
  }

  async #run(first: string, signal: AbortSignal): Promise<void> {
    let version = first;
    for (let failures = 0; !signal.aborted;) {
      const before = version;
      try {
        version = await this.#follow(version, signal);
        failures = version === before ? failures + 1 : 0;
      } catch (error) {
        failures += 1;
        version = signal.aborted ? version : await this.#recover(error, version, failures);
      }
      this.#connected = false;
      // A server that ends every watch at once must not be asked without end.
      if (failures > 0 && !signal.aborted)
        await pause(backoffMs(failures, { ...RETRY, random: this.#ports.random }), signal);
    }
  }

  /** Reads one watch to its end; the version up to which everything was seen. */
  async #follow(from: string, signal: AbortSignal): Promise<string> {
    const { clock, open, random } = this.#ports;
    const silence = new AbortController();
    const both = AbortSignal.any([signal, silence.signal]);
    const timeoutSeconds = SHORTEST_SECONDS + Math.floor(random() * SPREAD_SECONDS);
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    let version = from;
    try {
      this.#heardAt = clock.monotonic();
      this.#connected = true;
      for await (const event of open({ resourceVersion: from, timeoutSeconds }, both)) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        this.#heardAt = clock.monotonic();
        await this.#take(event);
        version = versionOf(event.object) ?? version;
        if (signal.aborted) break;
      }
      return version;
    } finally {
      clearTimeout(timer);
    }
  }

  async #take({ object, type }: WatchEvent): Promise<void> {
    if (type === 'BOOKMARK') return;
    if (type === 'DELETED') this.#ports.gone(object);
    else await this.#ports.changed(object);
  }

  async #recover(error: unknown, version: string, failures: number): Promise<string> {
    if (!isStatus(error, 410) && failures < RELIST_AFTER) {
      this.#ports.lost(String(error));
      return version;
    }
    try {
      return await this.#ports.relist();
    } catch (failed) {
      this.#ports.lost(String(failed));
      return version;
    }
  }
}

/** A watch that fails this often in a row may fail for a reason that only a fresh look can tell. */
const RELIST_AFTER = 3;

function versionOf(object: unknown): string | null {
  const metadata: unknown = Reflect.get(Object(object), 'metadata');
  const version: unknown = Reflect.get(Object(metadata), 'resourceVersion');
  return typeof version === 'string' && version !== '' ? version : null;
}
