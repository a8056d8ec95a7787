import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { BufferBudget } from './budget.ts';
import { Connection } from './connection.ts';
import { DataRequest } from './data-request.ts';
import { Front } from './front.ts';
import { DROP_LOG_INTERVAL_MS, HEADERS_CHECK_INTERVAL_MS, REFUSED_CONNECTIONS, SETTLE_MS } from './limits.ts';
import { DIRECT, type Origin } from './origin.ts';
import { isWebSocketHandshake } from './raw-head.ts';
import type { DataListener, ExchangeHandler, InterceptHooks, InterceptSettings } from './settings.ts';
import type { Shared } from './turn.ts';

/**
 * The data port: it turns what clients send into raw exchanges and hands each to `handler`. What cannot be read in
 * exactly one way never gets there: it is answered with a problem document, its connection is closed, and
 * `hooks.refused` is told. Nothing is logged of what was sent.
 */
export function createDataListener(
  settings: InterceptSettings,
  handler: ExchangeHandler,
  hooks: InterceptHooks,
): DataListener {
  return new DataPort(settings, handler, hooks);
}

class DataPort implements DataListener {
  readonly #settings: InterceptSettings;
  readonly #server: Server<typeof DataRequest>;
  readonly #budget: BufferBudget;
  readonly #shared: Shared;
  readonly #open = new Map<Duplex, Connection>();
  readonly #front: Front;
  /** Node's own listeners for new connections: they take what speaks HTTP. */
  readonly #http: readonly ((socket: Socket) => void)[];
  readonly #running = new Set<Promise<void>>();
  #draining: Promise<void> | null = null;
  #drops = 0;
  #quietUntil = 0;

  constructor(settings: InterceptSettings, handler: ExchangeHandler, hooks: InterceptHooks) {
    this.#settings = settings;
    this.#budget = new BufferBudget(settings.bufferedBytes);
    this.#shared = {
      settings,
      handler,
      hooks,
      budget: this.#budget,
      draining: () => this.#draining !== null,
      track: (work) => this.#track(work),
    };
    this.#front = new Front(this.#shared, (socket, origin, below) => this.#attach(socket, origin, below));
    this.#server = this.#createServer();
    this.#http = this.#server.listeners('connection').filter(isConnectionListener);
    this.#server.removeAllListeners('connection');
    this.#server.on('connection', (socket) => this.#connected(socket));
  }

  async listen(): Promise<{ readonly address: string; readonly port: number }> {
    const { host, port } = this.#settings;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const bound = this.#server.address();
    if (bound === null || typeof bound === 'string') throw new TypeError('expected a TCP address to listen on');
    return { address: bound.address, port: bound.port };
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#draining ??= this.#drain(deadlineMs);
    await this.#draining;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open.keys()) socket.destroy();
    await this.drain(0);
  }

  bufferedBytes(): number {
    return this.#budget.takenBytes;
  }

  openConnections(): number {
    return this.#open.size;
  }

  #createServer(): Server<typeof DataRequest> {
    const { settings } = this.#shared;
    const server = createServer({
      IncomingMessage: DataRequest,
      // Said here so that no command line option of the process can loosen the parser.
      insecureHTTPParser: false,
      requireHostHeader: false,
      maxHeaderSize: settings.headerBytes,
      headersTimeout: settings.headersTimeoutMs,
      // Bodies are timed by whoever waits for them: a body that streams may rightly take hours.
      requestTimeout: 0,
      keepAliveTimeout: settings.keepAliveTimeoutMs,
      connectionsCheckingInterval: HEADERS_CHECK_INTERVAL_MS,
      shouldUpgradeCallback: (request) =>
        isWebSocketHandshake(request) && this.#open.get(request.socket)?.busy === false,
    });
    server.timeout = settings.readerTimeoutMs;
    // Node's own limit hides fields beyond it from us and not from its parser; ours refuses them.
    server.maxHeadersCount = 0;
    server.maxConnections = settings.connections + REFUSED_CONNECTIONS;
    const receive = (request: DataRequest, response: ServerResponse): void => {
      this.#open.get(request.socket)?.receive(request, response);
    };
    server.on('drop', () => this.#dropped());
    server.on('request', receive);
    server.on('checkExpectation', receive);
    server.on('checkContinue', (request, response) => {
      request.onFirstRead(() => {
        if (!response.headersSent && !response.destroyed) response.writeContinue();
      });
      receive(request, response);
    });
    server.on('upgrade', (request, socket, head) => this.#open.get(socket)?.upgrade(request, head));
    server.on('connect', (request, socket, head) => this.#handOver(request, socket, head));
    server.on('clientError', (error, socket) => {
      const connection = this.#open.get(socket);
      if (connection === undefined) socket.destroy();
      else connection.fail(error);
    });
    server.on('timeout', (socket) => this.#open.get(socket)?.stalled());
    return server;
  }

  #connected(socket: Socket): void {
    const connection = this.#register(socket, DIRECT);
    const { connections } = this.#settings;
    if (this.#open.size > connections) {
      socket.on('error', () => socket.destroy());
      connection.refuse({ code: 'too-many-connections', detail: `more than ${connections} connections are open` });
      return;
    }
    this.#track(this.#front.accept(socket, connection));
  }

  /** Lets Node's HTTP server read a connection, or the TLS that was opened on one. */
  #attach(socket: Socket, origin: Origin, below: Socket): void {
    if (socket.destroyed) return;
    if (origin !== DIRECT) {
      this.#open.delete(below);
      this.#register(socket, origin);
    }
    for (const listener of this.#http) listener.call(this.#server, socket);
  }

  #register(socket: Socket, origin: Origin): Connection {
    const connection = new Connection(socket, this.#shared, origin);
    this.#open.set(socket, connection);
    socket.once('close', () => this.#open.delete(socket));
    return connection;
  }

  #handOver(request: DataRequest, socket: Duplex, head: Buffer): void {
    const connection = this.#open.get(socket);
    const handOver = connection?.connect(request) ?? null;
    if (connection === undefined || handOver === null) return;
    // Nothing is lost of what came with the request.
    if (head.length > 0) socket.unshift(head);
    this.#track(this.#front.connect(handOver, connection));
  }

  /** A connection was cut without an answer: so many are open that even refusing costs too much. */
  #dropped(): void {
    const { clock, cut, log } = this.#shared.hooks;
    cut('dropped');
    this.#drops += 1;
    const now = clock.monotonic();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + DROP_LOG_INTERVAL_MS;
    log.warn('intercept.connections-dropped', { open: this.#open.size, dropped: this.#drops });
  }

  #track(work: Promise<void>): void {
    this.#running.add(work);
    const forget = (): void => {
      this.#running.delete(work);
    };
    work.then(forget, forget);
  }

  async #drain(deadlineMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    // `draining()` answers true from the next turn on, which is before any further byte is read.
    await Promise.resolve();
    for (const connection of this.#open.values()) connection.drain();
    this.#front.drain();
    await within(deadlineMs, closed);
    const cut = Array.from(this.#open.keys(), async (socket) => {
      await new Promise<void>((resolve) => {
        socket.once('close', () => resolve()).destroy();
      });
    });
    await within(SETTLE_MS, this.#settled(cut));
  }

  async #settled(cut: readonly Promise<void>[]): Promise<void> {
    await Promise.all(cut);
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}

function isConnectionListener(listener: unknown): listener is (socket: Socket) => void {
  return typeof listener === 'function';
}

/** Waits for `work`, at most so long. */
async function within(limitMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
