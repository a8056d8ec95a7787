import { IncomingMessage, ServerResponse, type ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { createProxyMiddleware, type RequestHandler } from 'http-proxy-middleware';
import { GuardedAgent } from './guarded-agent.ts';
import type { Connector } from './connector.ts';
import type { Endpoint } from './endpoints.ts';
import type { ForwardLimits } from './limits.ts';
import type { OutgoingHead } from './outgoing-head.ts';

/** A request for http-proxy-middleware, and whom to tell what comes of it. */
export interface ProxyJob {
  readonly destination: Endpoint;
  readonly head: OutgoingHead;
  /** Names and values alternating: all that goes out as the header section, in this order. */
  readonly rawHeaders: readonly string[];
  readonly source: Readable;
  /** The socket that the request came by. */
  readonly clientSocket: Socket;
  readonly listener: ProxyListener;
}

export interface ProxyListener {
  /** The request exists; the first bytes of it go out as soon as the connection stands. */
  requested(request: ClientRequest): void;
  /** The connection stands: from here on bytes may have left. */
  started(): void;
  responded(response: IncomingMessage): void;
  upgraded(response: IncomingMessage, socket: Socket, head: Buffer): void;
  failed(error: Error): void;
}

/**
 * Sends requests through http-proxy-middleware. What the library sees of a request is a stand-in that it cannot get
 * anything wrong with: no header, the path `/`, a response that belongs to nobody. The real head is put in where the
 * library makes the options of `http.request`, as the flat list that Node sends in exactly this order and spelling;
 * the answer is left to the listener. So nothing of the library's own (X-Forwarded-*, Connection, Content-Length for
 * DELETE, redirects, cookie rewriting) can touch what was judged.
 */
export class StreamedProxy implements Disposable {
  readonly #agent: GuardedAgent;
  readonly #limits: ForwardLimits;
  readonly #jobs = new WeakMap<IncomingMessage, ProxyJob>();
  readonly #handler: RequestHandler;

  constructor(connector: Connector, limits: ForwardLimits) {
    this.#agent = new GuardedAgent(connector, limits.upstreamKeepAliveMs);
    this.#limits = limits;
    this.#handler = createProxyMiddleware({
      agent: this.#agent,
      selfHandleResponse: true,
      ejectPlugins: true,
      router: (request, _response, options) => {
        const job = this.#job(request);
        options.buffer = job.source;
        options.ssl = this.#requestOptions(job);
        return { protocol: 'http:', host: job.destination.host, port: job.destination.port };
      },
      plugins: [
        (server) => {
          server.on('proxyReq', (outgoing, request) => this.#requested(outgoing, this.#job(request)));
          server.on('proxyRes', (response, request) => this.#job(request).listener.responded(response));
          server.on('error', (error, request) => request !== undefined && this.#job(request).listener.failed(error));
          server.on('econnreset', (error, request) => this.#job(request).listener.failed(error));
        },
      ],
    });
  }

  /** Sends the request of the job. Call the returned function when the exchange is over, whatever came of it. */
  send(job: ProxyJob): () => void {
    const request = new IncomingMessage(withoutServer(job.clientSocket));
    request.method = job.head.method;
    request.url = '/';
    const response = new ServerResponse(request);
    this.#jobs.set(request, job);
    this.#handler(request, response, (error) => {
      job.listener.failed(error instanceof Error ? error : new Error('http-proxy-middleware did not take the request'));
    }).catch((error: unknown) => job.listener.failed(error instanceof Error ? error : new Error(String(error))));
    // The library ends its request, unless that is complete, and its own bookkeeping when its response closes.
    return () => response.emit('close');
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #requested(outgoing: ClientRequest, job: ProxyJob): void {
    const { listener } = job;
    outgoing.on('upgrade', (response, socket, head) => listener.upgraded(response, socket, head));
    listener.requested(outgoing);
    if (outgoing.socket !== null && this.#agent.isReady(outgoing.socket)) listener.started();
  }

  /**
   * The object in which the library makes the options of `http.request`. What it writes as headers and path goes
   * nowhere; what Node reads is the job's.
   */
  #requestOptions(job: ProxyJob): object {
    const options = {
      destination: job.destination,
      connected: (error: Error | null): void => (error === null ? job.listener.started() : job.listener.failed(error)),
      maxHeaderSize: this.#limits.responseHeaderBytes,
      insecureHTTPParser: false,
      setDefaultHeaders: false,
    };
    return Object.defineProperties(options, {
      headers: { enumerable: true, get: () => job.rawHeaders, set: ignore },
      path: { enumerable: true, get: () => job.head.path, set: ignore },
      method: { enumerable: true, get: () => job.head.method, set: ignore },
    });
  }

  #job(request: IncomingMessage): ProxyJob {
    const job = this.#jobs.get(request);
    if (job === undefined) throw new Error('expected a request that was sent by send(), found another');
    return job;
  }
}

/**
 * The socket as if no server had accepted it. The library would listen for the close of the server, for every version of
 * the way out anew and until the process ends, and so keep each version in memory.
 */
function withoutServer(socket: Socket): Socket {
  return new Proxy(socket, {
    get: (target, name): unknown => (name === 'server' ? undefined : Reflect.get(target, name, target)),
  });
}

function ignore(): void {
  // The library writes here what it made of its stand-in.
}
