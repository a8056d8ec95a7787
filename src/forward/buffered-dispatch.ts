import type { Dispatcher } from 'undici';
import Agent from 'undici/lib/dispatcher/agent.js';
import type { AnswerRelay, UpstreamFlow } from './answer-relay.ts';
import type { Connector } from './connector.ts';
import type { Endpoint } from './endpoints.ts';
import type { ForwardLimits } from './limits.ts';
import { flatHeaders, type OutgoingHead } from './outgoing-head.ts';
import { toleratingUnpromptedContinue } from './unprompted-continue.ts';
import { upstreamFault } from './upstream-fault.ts';

/** A request that is in memory as a whole. */
export interface BufferedRequest {
  readonly destination: Endpoint;
  readonly head: OutgoingHead;
  readonly body: Uint8Array | null;
}

/**
 * Forwards requests that are in memory as a whole, through undici's dispatcher: kept-alive connections for each origin,
 * one request at a time on each. undici writes a request once: an error after the first byte is the end of it, on a
 * connection that the upstream closes just then as well.
 */
export class BufferedDispatch implements AsyncDisposable {
  readonly #agent: Agent;

  constructor(connector: Connector, limits: ForwardLimits) {
    this.#agent = new Agent({
      connect: (options, callback) =>
        connector.connect(endpointOf(options), (error, socket) => {
          if (socket === null) callback(error ?? new Error('expected a socket or an error, found neither'), null);
          else callback(null, toleratingUnpromptedContinue(socket));
        }),
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: limits.upstreamKeepAliveMs,
      keepAliveMaxTimeout: limits.upstreamKeepAliveMs,
      headersTimeout: limits.responseTimeoutMs,
      bodyTimeout: limits.idleTimeoutMs,
      maxHeaderSize: limits.responseHeaderBytes,
    });
  }

  /** Sends the request; the relay gets the answer. */
  send({ destination, head, body }: BufferedRequest, relay: AnswerRelay): void {
    const handler = new RelayHandler(relay, body?.byteLength ?? 0, head.host);
    try {
      this.#agent.dispatch(
        {
          origin: `${destination.scheme}://${destination.host}:${destination.port}`,
          path: head.path,
          method: head.method,
          headers: flatHeaders(head),
          body,
        },
        handler,
      );
    } catch (error) {
      relay.fail(upstreamFault(error, head.host));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

class RelayHandler implements Dispatcher.DispatchHandler {
  readonly #relay: AnswerRelay;
  readonly #bodyBytes: number;
  readonly #upstream: string;

  constructor(relay: AnswerRelay, bodyBytes: number, upstream: string) {
    this.#relay = relay;
    this.#bodyBytes = bodyBytes;
    this.#upstream = upstream;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Called before the first byte is written: a client that is gone by now takes its request with it.
    this.#relay.attach(new ControllerFlow(controller));
    this.#relay.requestStarted();
  }

  onRequestSent(): void {
    this.#relay.requestBytes(this.#bodyBytes);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, reason?: string): void {
    const head = { status, reason: reason ?? '', rawHeaders: texts(controller.rawHeaders) };
    if (status < 200) this.#relay.interim(head);
    else this.#relay.head(head);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#relay.data(chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#relay.end(texts(controller.rawTrailers));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#relay.fail(upstreamFault(error, this.#upstream));
  }
}

class ControllerFlow implements UpstreamFlow {
  readonly #controller: Dispatcher.DispatchController;

  constructor(controller: Dispatcher.DispatchController) {
    this.#controller = controller;
  }

  pause(): void {
    this.#controller.pause();
  }

  resume(): void {
    this.#controller.resume();
  }

  cancel(): void {
    this.#controller.abort(new Error('the exchange is over'));
  }
}

function endpointOf({ protocol, hostname, port }: { protocol: string; hostname: string; port: string }): Endpoint {
  const scheme = protocol === 'https:' ? 'https' : 'http';
  const usual = scheme === 'https' ? 443 : 80;
  return { scheme, host: hostname, port: port === '' ? usual : Number(port) };
}

function texts(raw: Dispatcher.DispatchController['rawHeaders']): readonly string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((text) => (typeof text === 'string' ? text : text.toString('latin1')));
}
