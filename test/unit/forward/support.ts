import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, connect, type Server as TcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Digest, Host } from '../../../src/model/brand.ts';
import type { Client } from '../../../src/model/client.ts';
import type { ForwardOptions, ForwardOutcome, Log, LogFields, Upstream } from '../../../src/model/ports.ts';
import type { CanonicalRequest, Destination, Framing, HeaderField, RequestBody } from '../../../src/model/request.ts';
import { forwardLimits } from '../../../src/forward/limits.ts';
import { limitsSchema } from '../../../src/config/limits-schema.ts';
import { createRefusals } from '../../../src/forward/refusal.ts';
import type { ForwardSettings, ForwardWorld } from '../../../src/forward/settings.ts';
import { Trust } from '../../../src/forward/trust.ts';
import { createUpstream } from '../../../src/forward/upstream.ts';

export const EXCHANGE_ID = '0192e4a0-7c4e-7d11-9a55-0242ac120002';

/** A log that keeps its lines. */
export class MemoryLog implements Log {
  readonly lines: { readonly event: string; readonly fields: LogFields }[] = [];
  info(event: string, fields: LogFields = {}): void {
    this.lines.push({ event, fields });
  }
  warn(event: string, fields: LogFields = {}): void {
    this.lines.push({ event, fields });
  }
  error(event: string, fields: LogFields = {}): void {
    this.lines.push({ event, fields });
  }
}

export function destination(port: number, host = '127.0.0.1', scheme: Destination['scheme'] = 'http'): Destination {
  if (!isHost(host)) throw new Error('expected a host, found none');
  return { scheme, host, port };
}

function isHost(text: string): text is Host {
  return text !== '';
}

function isDigest(text: string): text is Digest {
  return /^[0-9a-f]{64}$/u.test(text);
}

/** Names that the worlds of tests resolve to loopback. */
const NAMES = ['api.test', 'upstream.test'];

/** Settings that let a test reach its own servers on loopback, and nothing else that is refused by default. */
export function settingsFor(ports: readonly number[], further: Partial<ForwardSettings> = {}): ForwardSettings {
  return {
    limits: forwardLimits(limitsSchema.parse({})),
    routes: new Map(),
    allowAddresses: ports.flatMap((port) => ['127.0.0.1', '[::1]', ...NAMES].map((host) => `${host}:${port}`)),
    clusterApi: [],
    ownListeners: [],
    proxy: null,
    extraCa: [],
    generationKey: Buffer.from('a key of the test'),
    ...further,
  };
}

export function world(further: Partial<ForwardWorld> = {}): ForwardWorld {
  return {
    log: new MemoryLog(),
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    lookup: (hostname) =>
      Promise.reject(Object.assign(new Error(`no name is known here, not even ${hostname}`), { code: 'ENOTFOUND' })),
    localAddresses: () => [],
    trust: new Trust(),
    ...further,
  };
}

const HOP_BY_HOP = new Set([
  'connection',
  'host',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
  'expect',
  'proxy-connection',
]);

/** A canonical request made of what a server received, as the request stage would make it of a well-formed one. */
function canonicalOf(
  request: IncomingMessage,
  to: Destination,
  further: Partial<CanonicalRequest> = {},
): CanonicalRequest {
  const { method = '', url = '/' } = request;
  const [path = '/', query = null] = url.split(/\?(.*)/su);
  return {
    entry: 'forward-proxy',
    route: null,
    method,
    destination: to,
    path,
    query,
    headers: fieldsOf(request.rawHeaders),
    framing: framingOf(request),
    contentType: null,
    contentCodings: [],
    upgrade: request.headers.upgrade === undefined ? null : 'websocket',
    expectsContinue: false,
    ...further,
  };
}

function fieldsOf(rawHeaders: readonly string[]): readonly HeaderField[] {
  return pairsOf(rawHeaders)
    .map(([name, value]) => ({ name: name.toLowerCase(), value }))
    .filter(({ name }) => !HOP_BY_HOP.has(name));
}

/** Names and values of a flat list, two by two. */
export function pairsOf(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index] ?? '', flat[2 * index + 1] ?? '']);
}

function framingOf({ headers }: IncomingMessage): Framing {
  if (headers['transfer-encoding'] !== undefined) return { kind: 'chunked' };
  const length = headers['content-length'];
  return length === undefined ? { kind: 'none' } : { kind: 'length', bytes: Number(length) };
}

function bufferedBody(bytes: Uint8Array): RequestBody {
  if (bytes.byteLength === 0) return { kind: 'none' };
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (!isDigest(digest)) throw new Error(`expected a SHA-256 digest, found ${digest}`);
  return { kind: 'buffered', bytes, digest, decoded: { kind: 'opaque' } };
}

export interface GatewayOptions {
  readonly to: Destination;
  readonly body: 'buffered' | 'streamed';
  readonly settings?: Partial<ForwardSettings>;
  readonly world?: Partial<ForwardWorld>;
  readonly canonical?: Partial<CanonicalRequest>;
  readonly forward?: Partial<ForwardOptions>;
  /** Called when the request was handed to the engine. */
  readonly onForward?: () => void;
}

/** A server that does nothing but hand what it receives to forward and refusal, as the exchange would. */
export class Gateway implements AsyncDisposable {
  readonly #server: Server;
  readonly #upstream: Upstream & AsyncDisposable;
  readonly #options: GatewayOptions;
  readonly outcomes: ForwardOutcome[] = [];
  readonly #waiting: ((outcome: ForwardOutcome) => void)[] = [];

  private constructor(options: GatewayOptions) {
    this.#options = options;
    this.#upstream = createUpstream(settingsFor([options.to.port], options.settings), world(options.world));
    this.#server = createServer((request, response) => {
      void this.#serve(request, { kind: 'http', request, response });
    });
    this.#server.on('upgrade', (request, socket, head) => {
      void this.#serve(request, { kind: 'upgrade', request, socket, head });
    });
  }

  static async start(options: GatewayOptions): Promise<Gateway> {
    const gateway = new Gateway(options);
    await listen(gateway.#server);
    return gateway;
  }

  get port(): number {
    return portOf(this.#server);
  }

  /** How many listen for the end of the server. */
  get closeListeners(): number {
    return this.#server.listenerCount('close');
  }

  /** The outcome of the next exchange that ends. */
  next(): Promise<ForwardOutcome> {
    const ready = this.outcomes.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #serve(request: IncomingMessage, client: Client): Promise<void> {
    const abort = new AbortController();
    const closing = client.kind === 'http' ? client.response : client.socket;
    closing.once('close', () => abort.abort());
    const { to, body: kind, canonical, forward, onForward } = this.#options;
    const body: RequestBody =
      kind === 'streamed' || client.kind === 'upgrade'
        ? { kind: client.kind === 'upgrade' ? 'none' : 'streamed' }
        : bufferedBody(await readAll(request));
    const options = { exchangeId: EXCHANGE_ID, idempotencyKey: null, signal: abort.signal, ...forward };
    const forwarding = this.#upstream.forward(canonicalOf(request, to, canonical), body, client, options);
    onForward?.();
    const outcome = await forwarding;
    if (outcome.fault !== null && !outcome.answered) {
      await createRefusals().answer(client, {
        exchangeId: EXCHANGE_ID,
        fault: outcome.fault,
        retryAfterSeconds: null,
        extensions: {},
      });
    }
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.outcomes.push(outcome);
    else waiting(outcome);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upstream[Symbol.asyncDispose]();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A server that ends with everything that is connected to it. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly sockets: ReadonlySet<Socket>;
}

export async function httpServer(listener: RequestListener): Promise<TestServer & { readonly server: Server }> {
  const server = createServer(listener);
  return Object.assign(await started(server), { server });
}

/** A server of raw bytes: `serve` is called for each connection. */
export async function tcpServer(serve: (socket: Socket) => void): Promise<TestServer> {
  return started(createTcpServer({ allowHalfOpen: true }, serve));
}

export async function tlsServer(options: TlsOptions, listener: RequestListener): Promise<TestServer> {
  const http = createServer(listener);
  return started(createTlsServer(options, (socket) => void http.emit('connection', socket)));
}

/** Serves every request on a connection with these raw bytes, however often it comes; counts what came. */
export async function cannedServer(answer: string): Promise<TestServer & { readonly heads: string[] }> {
  const heads: string[] = [];
  const server = await tcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heads.push(chunk.toString('latin1'));
      socket.write(answer, 'latin1');
    });
  });
  return Object.assign(server, { heads });
}

async function started(server: TcpServer): Promise<TestServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => undefined);
  await listen(server);
  return {
    port: portOf(server),
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await Promise.resolve();
    },
  };
}

async function listen(server: TcpServer): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

function portOf(server: TcpServer): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('expected a server that listens on a port');
  return address.port;
}

/** A client of raw bytes. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  #received = '';
  #closed = false;
  readonly #changed: (() => void)[] = [];

  constructor(port: number, options: { readonly paused?: boolean } = {}) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.#closed = true;
      this.#notify();
    });
    this.socket.on('end', () => {
      this.#closed = true;
      this.#notify();
    });
    if (options.paused !== true) {
      this.socket.on('data', (chunk) => {
        this.#received += chunk.toString('latin1');
        this.#notify();
      });
    }
  }

  get received(): string {
    return this.#received;
  }

  send(...lines: readonly string[]): this {
    this.socket.write(lines.join('\r\n'), 'latin1');
    return this;
  }

  /** Sends a request that ends with its head, or with the body that follows it. */
  request(line: string, headers: readonly string[] = [], body = ''): this {
    return this.send(line, 'Host: gateway', ...headers, '', body);
  }

  /** All that was received once the text is in it. */
  async until(text: string): Promise<string> {
    while (!this.#received.includes(text)) {
      if (this.#closed)
        throw new Error(
          `expected ${JSON.stringify(text)}, the connection ended after ${JSON.stringify(this.#received)}`,
        );
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
    return this.#received;
  }

  /** All that was received once the connection has ended. */
  async untilClosed(): Promise<string> {
    while (!this.#closed) await new Promise<void>((resolve) => this.#changed.push(resolve));
    return this.#received;
  }

  #notify(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Keeps what a handler saw of each request. */
export class Recorder {
  readonly requests: {
    readonly method: string;
    readonly url: string;
    readonly rawHeaders: readonly string[];
    readonly body: string;
    readonly rawTrailers: readonly string[];
  }[] = [];

  readonly listener = (request: IncomingMessage, response: ServerResponse): void => {
    void this.#record(request, response);
  };

  async #record(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readAll(request);
    const { method = '', url = '', rawHeaders, rawTrailers } = request;
    this.requests.push({ method, url, rawHeaders, body: body.toString('latin1'), rawTrailers });
    response.end('done');
  }
}
