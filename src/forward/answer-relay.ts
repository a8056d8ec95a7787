import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault } from '../model/fault.ts';
import type { ForwardOutcome } from '../model/ports.ts';
import type { Result } from '../model/record.ts';
import { MAX_INTERIM_RESPONSES } from './limits.ts';
import { hasBody, responseHead, responseTrailers, valuesOf, type ReceivedHead } from './response-head.ts';

/** The upstream's side of an exchange, as the relay steers it. */
export interface UpstreamFlow {
  pause(): void;
  resume(): void;
  /** Ends the connection at once; called at most once, and not after the answer is complete. */
  cancel(): void;
}

/** The client's side of an exchange. */
export interface ClientSide {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
}

/**
 * Sends one answer on to the client as it comes, and settles once: with the whole answer, with a fault before it
 * began, with one that cut it off, or with the client gone. Both engines report to it.
 */
export class AnswerRelay {
  readonly outcome: Promise<ForwardOutcome>;
  readonly #client: ClientSide;
  readonly #method: string;
  readonly #idleMs: number;
  readonly #settle: (outcome: ForwardOutcome | Promise<ForwardOutcome>) => void;
  #flow: UpstreamFlow | null = null;
  #settled = false;
  #sent = false;
  #status: number | null = null;
  #interim = 0;
  #flushed = false;
  #bytesSent = 0;
  #bytesReceived = 0;
  #stalled: NodeJS.Timeout | null = null;

  constructor(client: ClientSide, method: string, idleMs: number) {
    this.#client = client;
    this.#method = method;
    this.#idleMs = idleMs;
    const { promise, resolve } = Promise.withResolvers<ForwardOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
    client.signal.addEventListener('abort', this.#clientGone);
    client.response.on('close', this.#clientGone);
    client.response.on('drain', this.#drained);
    client.response.on('error', this.#clientGone);
    if (client.signal.aborted || client.response.destroyed) this.#clientGone();
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Whether the head of a final answer has been sent on. */
  get answered(): boolean {
    return this.#status !== null;
  }

  /** Says how the upstream is steered from now on; it is cancelled at once when the exchange is over already. */
  attach(flow: UpstreamFlow): void {
    this.#flow = flow;
    if (this.#settled) flow.cancel();
  }

  /** The first byte of the request is about to leave. */
  requestStarted(): void {
    this.#sent = true;
  }

  /** So many bytes of the request's body have left. */
  requestBytes(count: number): void {
    this.#bytesSent += count;
  }

  /** An interim answer (1xx): passed on, but for 100, since the gateway has dealt with Expect, and the made-up 199. */
  interim(received: ReceivedHead): void {
    if (this.#settled) return;
    this.#interim += 1;
    if (this.#interim > MAX_INTERIM_RESPONSES) {
      return this.fail({
        code: 'upstream-protocol',
        detail: `expected an answer after at most ${MAX_INTERIM_RESPONSES} interim ones`,
      });
    }
    if (received.status === 100 || received.status === 199) return;
    const head = responseHead(received);
    if (!head.ok) return this.fail(head.fault);
    const { request, response } = this.#client;
    if (request.httpVersion !== '1.1' || typeof response.writeInformation !== 'function') return;
    response.writeInformation(head.value.status, [...head.value.headers]);
  }

  /** The head of the final answer. */
  head(received: ReceivedHead): void {
    if (this.#settled) return;
    const head = responseHead(received);
    if (!head.ok) return this.fail(head.fault);
    const { status, reason } = head.value;
    if (status < 200)
      return this.fail({ code: 'upstream-protocol', detail: `expected a final status, found ${status}` });
    const { response } = this.#client;
    try {
      const headers = this.#withUsableTrailer(head.value.headers, status);
      if (reason === '') response.writeHead(status, headers);
      else response.writeHead(status, reason, headers);
    } catch {
      return this.fail({ code: 'upstream-protocol', detail: 'the head of the answer cannot be sent on as HTTP/1.1' });
    }
    this.#status = status;
    // A head whose body is not here yet (server-sent events) goes out now; else both go out together.
    queueMicrotask(this.#flushHead);
  }

  /** A piece of the answer's body. */
  data(chunk: Uint8Array): void {
    if (this.#settled) return;
    this.#bytesReceived += chunk.byteLength;
    this.#flushed = true;
    if (this.#client.response.write(chunk)) return;
    this.#flow?.pause();
    this.#stalled ??= setTimeout(this.#clientStalled, this.#idleMs);
  }

  /** The answer is complete; names and values of its trailers alternate. */
  end(rawTrailers: readonly string[]): void {
    if (this.#settled) return;
    const trailers = responseTrailers(rawTrailers);
    if (!trailers.ok) return this.fail(trailers.fault);
    const { response } = this.#client;
    if (trailers.value.length > 0 && response.chunkedEncoding) response.addTrailers(pairs(trailers.value));
    this.#flushed = true;
    response.end();
    this.#finish('success', null);
  }

  /** The upstream gave no answer, or no whole one. A client that has part of it loses its connection. */
  fail(fault: Fault): void {
    if (this.#settled) return;
    const cut = this.answered;
    this.#finish(cut || this.#sent ? 'failed' : 'not-sent', fault);
    this.#flow?.cancel();
    if (cut) this.#cutOff();
  }

  /** The client's connection is a tunnel from now on: what that comes to is what the exchange comes to. */
  handOver(tunnel: Promise<ForwardOutcome>): void {
    this.#detach();
    this.#settle(tunnel);
  }

  readonly #flushHead = (): void => {
    if (!this.#flushed && !this.#settled) this.#client.response.flushHeaders();
  };

  readonly #drained = (): void => {
    if (this.#stalled !== null) clearTimeout(this.#stalled);
    this.#stalled = null;
    if (!this.#settled) this.#flow?.resume();
  };

  readonly #clientStalled = (): void => {
    const detail = `the client read nothing of the answer for ${this.#idleMs / 1_000} s`;
    this.#abandon({ code: 'client-gone', detail });
  };

  readonly #clientGone = (): void => {
    this.#abandon({ code: 'client-gone', detail: 'the client went away while its request was forwarded' });
  };

  #abandon(fault: Fault): void {
    if (this.#settled) return;
    this.#finish('aborted', fault);
    this.#flow?.cancel();
    this.#cutOff();
  }

  #finish(result: Result, fault: Fault | null): void {
    this.#detach();
    this.#settle({
      result,
      status: this.#status,
      fault,
      answered: this.answered,
      // What waits for a connection that never stood was taken from the client, but not sent.
      bytesSent: this.#sent ? this.#bytesSent : 0,
      bytesReceived: this.#bytesReceived,
    });
  }

  #detach(): void {
    this.#settled = true;
    if (this.#stalled !== null) clearTimeout(this.#stalled);
    const { signal, response } = this.#client;
    signal.removeEventListener('abort', this.#clientGone);
    response.off('close', this.#clientGone);
    response.off('drain', this.#drained);
  }

  /**
   * Ends the connection so that nobody takes what was sent for the whole answer. HTTP/1.1 and TLS tell an early end
   * from a proper one; to an HTTP/1.0 client only a reset does.
   */
  #cutOff(): void {
    const { request, response } = this.#client;
    const { socket } = response;
    if (socket !== null && request.httpVersion !== '1.1' && !('encrypted' in socket)) socket.resetAndDestroy();
    response.destroy();
  }

  /** `Trailer` where no trailer section can follow would announce what never comes; Node refuses it as well. */
  #withUsableTrailer(headers: readonly string[], status: number): string[] {
    const chunked = hasBody(this.#method, status) && valuesOf(headers, 'content-length').length === 0;
    if (chunked && this.#client.request.httpVersion === '1.1') return [...headers];
    return pairs(headers)
      .filter(([name]) => name?.toLowerCase() !== 'trailer')
      .flat();
  }
}

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) list.push([flat[index] ?? '', flat[index + 1] ?? '']);
  return list;
}
