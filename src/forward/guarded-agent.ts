import { Agent, type ClientRequestArgs } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Connector } from './connector.ts';
import type { Endpoint } from './endpoints.ts';

/** What the agent is told beside Node's own options: where the request goes, and whom to tell how connecting went. */
export interface GuardedOptions extends ClientRequestArgs {
  readonly destination?: Endpoint;
  readonly connected?: (error: Error | null) => void;
}

/**
 * Kept-alive connections for Node's HTTP client. It ignores every host, port and TLS option of the request: where a
 * connection goes, and that it is checked and verified, is the connector's business alone. TLS is spoken below the
 * HTTP client, which therefore takes every connection for plain HTTP.
 */
export class GuardedAgent extends Agent {
  readonly #connector: Connector;
  readonly #ready = new WeakSet<object>();

  constructor(connector: Connector, keepAliveMs: number) {
    super({ keepAlive: true, timeout: keepAliveMs });
    this.#connector = connector;
  }

  /** True for a connection on which a request can be sent at once. */
  isReady(socket: object): boolean {
    return this.#ready.has(socket);
  }

  override getName(options?: GuardedOptions): string {
    const destination = options?.destination;
    return destination === undefined ? '' : `${destination.scheme}://${destination.host}:${destination.port}`;
  }

  /**
   * A connection that goes straight to its upstream is handed out at once, so that it can be given up while it is being
   * made; one that a proxy has to open first is handed out when it stands.
   */
  override createConnection(options: GuardedOptions, created?: Created): Socket | null {
    const { destination, connected } = options;
    if (destination === undefined) throw new Error('expected a request with a destination, found one without');
    const late = this.#connector.opensLater(destination);
    const socket = this.#connector.connect(destination, (error, ready) => {
      if (ready !== null) this.#ready.add(ready);
      connected?.(error);
      if (late) created?.(error, ready ?? socket);
    });
    return late ? null : socket;
  }
}

type Created = (error: Error | null, stream: Duplex) => void;
