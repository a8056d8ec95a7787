import { ApiAwayError, isStatus } from '../kubernetes/api-error.ts';
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
    let row: Row = { failures: 0, unexplained: 0 };
    while (!signal.aborted) {
      const followed = await this.#follow(version, signal);
      row = rowAfter(row, followed, followed.version !== version);
      version = followed.version;
      if (followed.error !== null && !signal.aborted) version = await this.#recover(followed.error, version, row);
      this.#connected = false;
      // A server that ends every watch at once must not be asked without end.
      if (row.failures > 0 && !signal.aborted)
        await pause(backoffMs(row.failures, { ...RETRY, random: this.#ports.random }), signal);
    }
  }

  /** Reads one watch to its end, or to where it breaks: the version up to which everything was seen, and what broke it. */
  async #follow(from: string, signal: AbortSignal): Promise<{ readonly version: string; readonly error: unknown }> {
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
      return { version, error: null };
    } catch (error) {
      return { version, error };
    } finally {
      clearTimeout(timer);
    }
  }

  async #take({ object, type }: WatchEvent): Promise<void> {
    if (type === 'BOOKMARK') return;
    if (type === 'DELETED') this.#ports.gone(object);
    else await this.#ports.changed(object);
  }

  async #recover(error: unknown, version: string, row: Row): Promise<string> {
    if (!isStatus(error, 410) && !isPuzzling(error, row)) {
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
/**
 * A server that is away is none: all gateways at once would list when it is back, where going on with the watch costs it
 * next to nothing. But something in between may let no watch through and everything else.
 */
const RELIST_AWAY_EVERY = 10;

function isPuzzling(error: unknown, { failures, unexplained }: Row): boolean {
  return error instanceof ApiAwayError ? failures % RELIST_AWAY_EVERY === 0 : unexplained >= RELIST_AFTER;
}

/** How far a watch came, and what broke it; null for one that the server ended. */
interface Followed {
  readonly version: string;
  readonly error: unknown;
}

/** Watches in a row that came to nothing. */
interface Row {
  readonly failures: number;
  /** Those that are not explained by a server that is away. */
  readonly unexplained: number;
}

function rowAfter(before: Row, { error }: Followed, hasNews: boolean): Row {
  const { failures, unexplained } = hasNews ? { failures: 0, unexplained: 0 } : before;
  if (hasNews && error === null) return { failures, unexplained };
  return { failures: failures + 1, unexplained: unexplained + (error instanceof ApiAwayError ? 0 : 1) };
}

function versionOf(object: unknown): string | null {
  const metadata: unknown = Reflect.get(Object(object), 'metadata');
  const version: unknown = Reflect.get(Object(metadata), 'resourceVersion');
  return typeof version === 'string' && version !== '' ? version : null;
}
