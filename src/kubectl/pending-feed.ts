import type { Listed, WatchEvent } from './cluster-requests.ts';
import { KubectlError } from './kubectl-error.ts';
import { isReadable, keyOf, type Seen } from './seen-request.ts';

/** Where requests that wait come from. */
export interface PendingSource {
  readonly list: () => Promise<Listed>;
  readonly watch: (resourceVersion: string, signal: AbortSignal) => AsyncIterable<WatchEvent>;
}

/** What the feed works with of the world. */
export interface FeedWorld {
  readonly signal: AbortSignal;
  /** Ends early, and without an error, when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Milliseconds that only ever grow. */
  readonly monotonic: () => number;
}

/** All requests that wait, as they are now, and what keeps the feed from knowing better. */
export interface Waiting {
  readonly requests: readonly Seen[];
  /** The one that changed, where it was one; `gone` when it waits no longer. */
  readonly changed: { readonly request: Seen; readonly gone: boolean } | null;
  readonly trouble: { readonly problem: string; readonly retryMs: number } | null;
}

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
/** A watch that ends sooner, again and again, must not become a storm. */
const SHORT_WATCH_MS = 1_000;

/**
 * Lists what waits, then follows it: goes on where a watch ended, lists anew when the API server has forgotten that
 * version or could not be reached, and waits longer each time while it cannot. The first list rejects with
 * `KubectlError`; later ones are tried again.
 */
export class PendingFeed {
  readonly #source: PendingSource;
  readonly #world: FeedWorld;
  readonly #requests = new Map<string, Seen>();
  /** Where the next watch begins; null when the requests have to be listed first. */
  #resourceVersion: string | null = null;
  #pause = FIRST_PAUSE_MS;

  constructor(source: PendingSource, world: FeedWorld) {
    this.#source = source;
    this.#world = world;
  }

  async *follow(): AsyncGenerator<Waiting, void, undefined> {
    const { signal, sleep } = this.#world;
    let resourceVersion = await this.#list();
    yield this.#waiting(null);
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === null) {
          resourceVersion = await this.#list();
          yield this.#waiting(null);
        }
        yield* this.#watch(resourceVersion);
        resourceVersion = this.#resourceVersion ?? resourceVersion;
      } catch (error) {
        if (!(error instanceof KubectlError)) throw error;
        if (signal.aborted) return;
        yield { ...this.#waiting(null), trouble: { problem: error.message, retryMs: this.#pause } };
        await sleep(this.#pause, signal);
        this.#pause = Math.min(MAX_PAUSE_MS, this.#pause * 2);
        this.#resourceVersion = null;
      }
    }
  }

  async #list(): Promise<string> {
    const { requests, resourceVersion } = await this.#source.list();
    this.#requests.clear();
    for (const seen of requests) this.#requests.set(keyOf(seen), seen);
    this.#resourceVersion = resourceVersion;
    this.#pause = FIRST_PAUSE_MS;
    return resourceVersion;
  }

  async *#watch(from: string): AsyncGenerator<Waiting, void, undefined> {
    const { monotonic, signal, sleep } = this.#world;
    const started = monotonic();
    for await (const event of this.#source.watch(from, signal)) {
      if (event.kind === 'forgotten') {
        this.#resourceVersion = null;
        break;
      }
      if (event.resourceVersion !== '') this.#resourceVersion = event.resourceVersion;
      const changed = this.#apply(event);
      if (changed !== null) yield this.#waiting(changed);
    }
    if (monotonic() - started < SHORT_WATCH_MS) await sleep(FIRST_PAUSE_MS, signal);
  }

  /** What an event changes; null for a bookmark. */
  #apply(event: Exclude<WatchEvent, { readonly kind: 'forgotten' }>): Waiting['changed'] {
    switch (event.kind) {
      case 'changed':
        this.#requests.set(keyOf(event.request), event.request);
        return { request: event.request, gone: !isWaiting(event.request) };
      case 'gone':
        this.#requests.delete(keyOf(event.request));
        return { request: event.request, gone: true };
      case 'bookmark':
        return null;
      default:
        return event satisfies never;
    }
  }

  #waiting(changed: Waiting['changed']): Waiting {
    return { requests: [...this.#requests.values()], changed, trouble: null };
  }
}

/** A server that draws no conclusions leaves the phase to the gateway, which may take a moment. */
function isWaiting(seen: Seen): boolean {
  return !isReadable(seen) || seen.record.phase === 'pending';
}
