import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { AnswerRelay, UpstreamFlow } from './answer-relay.ts';
import type { ForwardLimits } from './limits.ts';
import type { ProxyListener } from './streamed-proxy.ts';
import { upstreamFault } from './upstream-fault.ts';
import { Watchdog } from './watchdog.ts';

/** What one exchange through http-proxy-middleware is made of. */
export interface StreamedParts {
  readonly relay: AnswerRelay;
  readonly source: Readable;
  readonly limits: ForwardLimits;
  readonly upstream: string;
  /** Takes over when the upstream switches protocols; null where it was not asked to. */
  readonly onUpgrade: ((response: IncomingMessage, socket: Socket, head: Buffer) => void) | null;
}

/** Carries one exchange between http-proxy-middleware and the relay: body up, answer down, both with a time limit. */
export class StreamedExchange implements ProxyListener, UpstreamFlow {
  readonly #parts: StreamedParts;
  readonly #watchdog: Watchdog;
  #request: ClientRequest | null = null;
  #response: IncomingMessage | null = null;

  constructor(parts: StreamedParts) {
    this.#parts = parts;
    this.#watchdog = new Watchdog(() => this.#timedOut());
    void parts.relay.outcome.then(() => this.#watchdog.stop());
  }

  started(): void {
    this.#parts.relay.requestStarted();
    this.#awaitHead();
  }

  requested(request: ClientRequest): void {
    const { relay, source } = this.#parts;
    this.#request = request;
    source.on('data', (chunk: Uint8Array) => {
      relay.requestBytes(chunk.byteLength);
      this.#awaitHead();
    });
    request.once('finish', () => this.#awaitHead());
    request.on('information', ({ statusCode, statusMessage, rawHeaders }) => {
      this.#awaitHead();
      relay.interim({ status: statusCode, reason: statusMessage, rawHeaders });
    });
    relay.attach(this);
  }

  responded(response: IncomingMessage): void {
    const { relay, limits, onUpgrade } = this.#parts;
    this.#response = response;
    // Whether an upstream that did not switch has taken the connection out of HTTP is not to be told: it serves nobody else.
    if (onUpgrade !== null && this.#request !== null) this.#request.shouldKeepAlive = false;
    this.#watchdog.wind(limits.idleTimeoutMs);
    response.on('data', (chunk: Uint8Array) => {
      this.#watchdog.wind(limits.idleTimeoutMs);
      relay.data(chunk);
    });
    response.once('end', () => response.complete && relay.end(response.rawTrailers));
    response.once('error', (error) => this.failed(error));
    response.once('close', () => this.failed(closedError()));
    relay.head({
      status: response.statusCode ?? 0,
      reason: response.statusMessage ?? '',
      rawHeaders: response.rawHeaders,
    });
  }

  upgraded(response: IncomingMessage, socket: Socket, head: Buffer): void {
    const { relay, onUpgrade } = this.#parts;
    if (onUpgrade !== null && !relay.settled) return onUpgrade(response, socket, head);
    socket.destroy();
    relay.fail({ code: 'upstream-protocol', detail: 'the upstream switched protocols without being asked to' });
  }

  failed(error: Error): void {
    this.#parts.relay.fail(upstreamFault(error, this.#parts.upstream));
  }

  pause(): void {
    this.#watchdog.stop();
    this.#response?.pause();
  }

  resume(): void {
    if (this.#response === null) return;
    this.#watchdog.wind(this.#parts.limits.idleTimeoutMs);
    this.#response.resume();
  }

  cancel(): void {
    this.#request?.destroy();
  }

  #awaitHead(): void {
    if (this.#response === null && !this.#parts.relay.settled)
      this.#watchdog.wind(this.#parts.limits.responseTimeoutMs);
  }

  #timedOut(): void {
    const code = this.#response === null ? 'UND_ERR_HEADERS_TIMEOUT' : 'UND_ERR_BODY_TIMEOUT';
    this.failed(Object.assign(new Error('time is up'), { code }));
  }
}

function closedError(): Error {
  return Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' });
}
