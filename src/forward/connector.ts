import { connect as connectTcp, type LookupFunction, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls';
import { FaultError } from '../model/fault.ts';
import type { AddressGuard } from './address-guard.ts';
import type { Endpoint } from './endpoints.ts';
import type { ForwardLimits } from './limits.ts';
import type { UpstreamProxy } from './upstream-proxy.ts';

// How long one address of several is tried before the next is tried beside it (RFC 8305 section 5 recommends 250 ms).
const NEXT_ADDRESS_AFTER_MS = 250;

/** Told when a connection is ready for requests, or why it is not. */
export type Connected = (error: Error | null, socket: Socket | null) => void;

/** What connections are opened by. */
export interface ConnectorOptions {
  readonly guard: AddressGuard;
  readonly limits: Pick<ForwardLimits, 'connectTimeoutMs' | 'upstreamConnections'>;
  /** Gives what connections over TLS are made with: whom they trust. */
  readonly secureContext: () => SecureContext;
  readonly proxy: UpstreamProxy | null;
}

/**
 * Opens connections to upstreams: to checked addresses only, and over TLS 1.2 or later with a verified certificate
 * where the scheme is https. Every way out of the gateway goes through here.
 */
export class Connector {
  readonly #options: ConnectorOptions;
  readonly #open = new Set<Socket>();
  #emptied: () => void = () => undefined;

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /** Whether the socket for this destination is another one than the one that is returned while it is being made. */
  opensLater({ scheme }: Endpoint): boolean {
    return this.#options.proxy !== null && scheme !== 'http';
  }

  /**
   * Starts a connection and returns its socket at once, so that it can be given up while it is being made. The socket
   * is destroyed with a `FaultError` when the destination is refused, cannot be resolved, or takes too long. Behind a
   * proxy, `connected` gets the socket to use; for http, that is one on which requests are written in absolute form.
   */
  connect(destination: Endpoint, connected: Connected): Socket {
    const { limits, proxy } = this.#options;
    const socket = this.#start(destination);
    const timer = setTimeout(() => {
      const seconds = limits.connectTimeoutMs / 1_000;
      socket.destroy(
        new FaultError('upstream-timeout', `expected a connection to ${nameOf(destination)} within ${seconds} s`),
      );
    }, limits.connectTimeoutMs);
    let told = false;
    const tell: Connected = (error, ready) => {
      clearTimeout(timer);
      if (told) return;
      told = true;
      connected(error, ready);
    };
    if (proxy !== null && this.opensLater(destination)) {
      socket.once('connect', () => this.#throughProxy(socket, destination, { proxy, tell }));
    } else socket.once(destination.scheme === 'https' ? 'secureConnect' : 'connect', () => tell(null, socket));
    socket.once('error', (error) => tell(proxy === null ? error : proxyError(error, proxy), null));
    socket.once('close', () => {
      this.#open.delete(socket);
      if (this.#open.size === 0) this.#emptied();
      tell(
        new FaultError('upstream-unreachable', `the connection to ${nameOf(destination)} was closed while it was made`),
        null,
      );
    });
    this.#open.add(socket);
    return socket;
  }

  /** Resolves once no connection is open any more. */
  async allClosed(): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => (this.#emptied = resolve));
  }

  /** Ends every connection. */
  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #start(destination: Endpoint): Socket {
    const refusal = this.#refusal(destination);
    if (refusal !== null) return deadSocket(refusal);
    const { proxy, guard } = this.#options;
    if (proxy !== null) return connectTcp(this.#tcp(proxy.endpoint, proxy.guard));
    const tcp = this.#tcp(destination, guard);
    return destination.scheme === 'https' ? this.#secure(destination, tcp) : connectTcp(tcp);
  }

  #tcp(endpoint: Endpoint, guard: AddressGuard): TcpNetConnectOpts {
    return {
      host: unbracketed(endpoint.host),
      port: endpoint.port,
      lookup: (_hostname, { all }, callback) => void this.#look(endpoint, guard, { all: all === true, callback }),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
      allowHalfOpen: endpoint.scheme === 'tcp',
      noDelay: true,
      keepAlive: true,
    };
  }

  /** TLS to the destination, on a new connection or on one that stands. */
  #secure(destination: Endpoint, on: TcpNetConnectOpts | { readonly socket: Socket }): TLSSocket {
    const literal = this.#options.guard.literal(destination) !== null;
    const host = unbracketed(destination.host);
    return connectTls({
      host,
      ...on,
      ...(literal ? {} : { servername: host }),
      secureContext: this.#options.secureContext(),
      minVersion: 'TLSv1.2',
      // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED cannot take it back.
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
    });
  }

  #throughProxy(
    socket: Socket,
    destination: Endpoint,
    { proxy, tell }: { readonly proxy: UpstreamProxy; readonly tell: Connected },
  ): void {
    proxy.open(socket, destination, (error) => {
      if (error !== null) return void socket.destroy(error);
      if (destination.scheme === 'tcp') return tell(null, socket);
      const tls = this.#secure(destination, { socket });
      tls.once('secureConnect', () => tell(null, tls));
      tls.once('error', (failure) => tell(failure, null));
    });
  }

  #refusal(destination: Endpoint): FaultError | null {
    const { limits, guard, proxy } = this.#options;
    if (this.#open.size >= limits.upstreamConnections) {
      return new FaultError(
        'too-many-connections',
        `${this.#open.size} connections to upstreams are open, as many as may be`,
      );
    }
    const literal = guard.literal(destination);
    const fault = proxy === null ? (literal?.ok === false ? literal.fault : null) : guard.unresolved(destination);
    return fault === null ? null : new FaultError(fault.code, fault.detail);
  }

  async #look(endpoint: Endpoint, guard: AddressGuard, { all, callback }: Lookup): Promise<void> {
    const checked = await guard.addresses(endpoint);
    if (!checked.ok) return callback(new FaultError(checked.fault.code, checked.fault.detail), '', 0);
    const addresses = checked.value.map((address) => ({ ...address }));
    const [first] = addresses;
    if (all) return callback(null, addresses);
    return callback(null, first?.address ?? '', first?.family ?? 0);
  }
}

/** What Node asks of a lookup. */
interface Lookup {
  readonly all: boolean;
  readonly callback: Parameters<LookupFunction>[2];
}

/** Errors of the connection to the proxy name the proxy, and not the upstream that nobody got to. */
function proxyError(error: Error, proxy: UpstreamProxy): Error {
  if (error instanceof FaultError) return error;
  const code = 'code' in error ? String(error.code) : 'no code';
  return new FaultError('upstream-unreachable', `the proxy ${proxy.name} cannot be reached (${code})`);
}

function unbracketed(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

/** The destination as messages name it. */
function nameOf({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}

/** A socket that is looking for its address until it ends with the error, once everybody had the time to listen to it. */
function deadSocket(error: Error): Socket {
  const lookup: LookupFunction = (_hostname, _options, callback) => {
    setImmediate(() => callback(error, '', 0));
  };
  return connectTcp({ host: 'refused.invalid', port: 1, lookup });
}
