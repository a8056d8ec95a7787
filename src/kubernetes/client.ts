import type { Clock } from '../model/ports.ts';
import { ApiAwayError, ApiStatusError, ApiUnavailableError, statusErrorOf } from './api-error.ts';
import { backoffMs, pause } from './backoff.ts';
import type { AccessSource, ClusterAccess } from './cluster-access.ts';
import { readWhole, send, type ApiHead, type ApiRequest } from './send.ts';
import { watchEvents, type WatchEvent } from './watch.ts';

/** What the client needs. Times in milliseconds. */
export interface ClientSettings {
  readonly source: AccessSource;
  readonly clock: Clock;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** How long one try may take. */
  readonly tryMs: number;
  /** How long a call may take, with its repetitions. */
  readonly callMs: number;
}

/** How a call may be repeated. */
export interface CallOptions {
  /**
   * True where a second execution changes nothing or is refused: reads, creation by a derived name, changes with a
   * precondition. Otherwise it is repeated only where the server did not execute it (401, 429, no connection).
   */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal;
}

/** Speaks to one API server. */
export interface KubernetesClient {
  /** The JSON of the answer. Rejects with `ApiUnavailableError` or `ApiStatusError`. */
  call(request: ApiRequest, options: CallOptions): Promise<unknown>;
  /** The events of a watch, until the server ends it or the signal is aborted. Rejects as `call` does; 410 to list anew. */
  watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent>;
  /** The namespace that the credentials name; null when they name none. */
  namespace(): Promise<string | null>;
  /** Why the server could not be reached last; null when it could. */
  problem(): string | null;
  /** By how much the server's clock is ahead of this one, as of the last answer; its Date has whole seconds. */
  skewMs(): number;
}

/** Reading anew may run an exec plug-in; a token file is read every minute by the package, and all of it after a rejection. */
const ACCESS_MS = 600_000;
/** After a failure that a rotated certificate may have caused, the files are read again, but not for each call. */
const ACCESS_RETRY_MS = 5_000;
/** The largest object is 1.5 MiB in etcd; a page of a list is bounded by the caller. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const RETRY = { firstMs: 100, mostMs: 3_000 };

/** Makes a client. Nothing is read or loaded before its first call. */
export function createKubernetesClient(settings: ClientSettings): KubernetesClient {
  return new Client(settings);
}

/** A try that failed, and whether the server may have executed it. */
interface Failure {
  readonly error: unknown;
  readonly executed: boolean;
  readonly waitMs: number | null;
}

class Client implements KubernetesClient {
  readonly #settings: ClientSettings;
  #access: ClusterAccess | null = null;
  #accessAt = 0;
  #problem: string | null = null;
  #failures = 0;
  #restUntil = 0;
  #skewMs = 0;

  constructor(settings: ClientSettings) {
    this.#settings = settings;
  }

  async call(request: ApiRequest, { repeatable, signal }: CallOptions): Promise<unknown> {
    const { callMs, clock, random } = this.#settings;
    this.#refuseWhileResting();
    const deadline = clock.monotonic() + callMs;
    for (let failures = 1; ; failures += 1) {
      const tried = await this.#try(request, deadline, signal);
      if ('json' in tried) return tried.json;
      // A server that starts tells everybody the same Retry-After: nobody comes earlier, and not all at once.
      const waitMs =
        tried.waitMs === null ? backoffMs(failures, { ...RETRY, random }) : tried.waitMs * (1 + random() / 2);
      const left = deadline - clock.monotonic();
      const again = (repeatable || !tried.executed) && left > waitMs && signal?.aborted !== true;
      if (!again) throw this.#failed(tried.error);
      await pause(waitMs, signal);
    }
  }

  async *watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const head = await this.#watchHead(path, signal);
    if (head.status !== 200) {
      const text = await readWhole(head.message, MAX_ANSWER_BYTES);
      throw isOverload(head.status)
        ? this.#failed(new ApiAwayError(`the API server answered ${head.status}`))
        : statusErrorOf(head.status, text);
    }
    this.#reached();
    yield* watchEvents(head.message);
  }

  async #watchHead(path: string, signal: AbortSignal): Promise<ApiHead> {
    try {
      return await this.#head({ method: 'GET', path }, signal, this.#settings.tryMs);
    } catch (error) {
      if (error instanceof ApiStatusError) throw error;
      const away = new ApiAwayError(`the API server cannot be reached: ${messageOf(error)}`, { cause: error });
      // Only what no connection comes about for tells of other calls too.
      throw isBeforeSending(error) ? this.#failed(away) : away;
    }
  }

  async namespace(): Promise<string | null> {
    return (await this.#way()).namespace;
  }

  problem(): string | null {
    return this.#problem;
  }

  skewMs(): number {
    return this.#skewMs;
  }

  async #try(
    request: ApiRequest,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<Failure | { readonly json: unknown }> {
    const { clock, tryMs } = this.#settings;
    const left = Math.max(1, Math.min(tryMs, deadline - clock.monotonic()));
    const timeout = AbortSignal.timeout(Math.ceil(left));
    const either = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    try {
      const head = await this.#head(request, either, left);
      const text = await readWhole(head.message, MAX_ANSWER_BYTES);
      return this.#answer(head, text);
    } catch (error) {
      if (error instanceof ApiStatusError) throw error;
      this.#doubtAccess();
      return { error, executed: !isBeforeSending(error), waitMs: null };
    }
  }

  #answer({ headers, status }: ApiHead, text: string): Failure | { readonly json: unknown } {
    if (isOverload(status)) {
      const error = new ApiUnavailableError(
        `the API server answered ${status}: ${statusErrorOf(status, text).message}`,
      );
      // 429 is answered before anything is executed.
      return { error, executed: status !== 429, waitMs: retryAfterMs(headers['retry-after']) };
    }
    this.#reached();
    if (status >= 300 || status < 200) throw statusErrorOf(status, text);
    const json: unknown = JSON.parse(text);
    return { json };
  }

  /** Sends; where the credentials are rejected, once more with those that the files hold by now. */
  async #head(request: ApiRequest, signal: AbortSignal, withinMs: number): Promise<ApiHead> {
    const head = await this.#sent(request, signal, withinMs);
    if (head.status !== 401) return head;
    head.message.resume();
    this.#access = null;
    return await this.#sent(request, signal, withinMs);
  }

  async #sent(request: ApiRequest, signal: AbortSignal, withinMs: number): Promise<ApiHead> {
    const access = await this.#way();
    const before = this.#settings.clock.now();
    const late = new AbortController();
    // Only until the head has come: a watch goes on for minutes.
    const timer = setTimeout(
      () => late.abort(new ApiUnavailableError('the API server did not answer in time')),
      withinMs,
    );
    try {
      const head = await send(access, request, AbortSignal.any([signal, late.signal]));
      this.#noteSkew(head.headers.date, before);
      return head;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The way to the server, read anew now and then, and loaded with the package behind it at the first use. */
  async #way(): Promise<ClusterAccess> {
    const { clock, source } = this.#settings;
    const now = clock.monotonic();
    if (this.#access !== null && now - this.#accessAt < ACCESS_MS) return this.#access;
    try {
      const { loadClusterAccess } = await import('./cluster-access.ts');
      this.#access = loadClusterAccess(source);
      this.#accessAt = now;
      return this.#access;
    } catch (error) {
      // A rotation can leave a file half written for a moment; what was read before is good for a while.
      if (this.#access !== null) return this.#access;
      throw new ApiUnavailableError(`the credentials for the API server cannot be read: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  #doubtAccess(): void {
    if (this.#settings.clock.monotonic() - this.#accessAt >= ACCESS_RETRY_MS) this.#accessAt = Number.NEGATIVE_INFINITY;
  }

  #noteSkew(date: string | undefined, before: number): void {
    const server = Date.parse(date ?? '');
    if (Number.isNaN(server)) return;
    const middle = (before + this.#settings.clock.now()) / 2;
    // The Date header leaves out up to a second.
    const skew = server + 500 - middle;
    this.#skewMs = Math.abs(skew) <= 1_000 ? 0 : skew;
  }

  #reached(): void {
    this.#problem = null;
    this.#failures = 0;
    this.#restUntil = 0;
  }

  #failed(error: unknown): unknown {
    const { clock, random } = this.#settings;
    const failure =
      error instanceof ApiUnavailableError
        ? error
        : new ApiUnavailableError(`the API server cannot be reached: ${messageOf(error)}`, { cause: error });
    this.#failures += 1;
    this.#problem = failure.message;
    this.#restUntil = clock.monotonic() + backoffMs(this.#failures, { ...RETRY, random });
    return failure;
  }

  /** While the server is away, calls fail at once and one of them tries again now and then. */
  #refuseWhileResting(): void {
    if (this.#problem !== null && this.#settings.clock.monotonic() < this.#restUntil)
      throw new ApiUnavailableError(this.#problem);
  }
}

/** 429 and what a proxy or an API server that starts or stops answers. */
function isOverload(status: number): boolean {
  return status === 429 || status >= 500;
}

/** No connection came about, so nothing was sent. */
function isBeforeSending(error: unknown): boolean {
  const code: unknown = Reflect.get(Object(error), 'code');
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EHOSTUNREACH';
}

/** Seconds or a date (RFC 9110 section 10.2.3); the API server sends seconds. */
function retryAfterMs(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,6}$/u.test(text) ? Number(text) * 1_000 : null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
