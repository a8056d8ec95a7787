import { X509Certificate } from 'node:crypto';
import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { FaultError } from '../model/fault.ts';
import type { AddressGuard } from './address-guard.ts';
import type { Endpoint } from './endpoints.ts';
import type { ForwardLimits } from './limits.ts';

// How long one address of several is tried before the next is tried beside it (RFC 8305 section 5 recommends 250 ms).
const NEXT_ADDRESS_AFTER_MS = 250;

/** Told when a connection is ready for requests, or why it is not. */
export type Connected = (error: Error | null, socket: Socket | null) => void;

/**
 * Opens connections to upstreams: to checked addresses only, and over TLS 1.2 or later with a verified certificate
 * where the scheme is https. Every way out of the gateway goes through here.
 */
export class Connector {
  readonly #guard: AddressGuard;
  readonly #limits: Pick<ForwardLimits, 'connectTimeoutMs' | 'upstreamConnections'>;
  readonly #secureContext: SecureContext;
  readonly #open = new Set<Socket>();

  /** Throws an `Error` when a text of `extraCa` holds no certificate or one that cannot be read. */
  constructor(
    guard: AddressGuard,
    limits: Pick<ForwardLimits, 'connectTimeoutMs' | 'upstreamConnections'>,
    extraCa: readonly string[],
  ) {
    this.#guard = guard;
    this.#limits = limits;
    // One context for all: reading the roots takes milliseconds.
    this.#secureContext = createSecureContext({
      ca: [...getCACertificates('default'), ...extraCa.flatMap(certificatesOf)],
      minVersion: 'TLSv1.2',
    });
  }

  /**
   * Starts a connection and returns its socket at once, so that it can be given up while it is being made. The socket
   * is destroyed with a `FaultError` when the destination is refused, cannot be resolved, or takes too long.
   */
  connect(destination: Endpoint, connected: Connected): Socket {
    const socket = this.#start(destination);
    const timer = setTimeout(() => {
      const seconds = this.#limits.connectTimeoutMs / 1_000;
      socket.destroy(
        new FaultError('upstream-timeout', `expected a connection to ${nameOf(destination)} within ${seconds} s`),
      );
    }, this.#limits.connectTimeoutMs);
    let told = false;
    const tell: Connected = (error, ready) => {
      clearTimeout(timer);
      if (told) return;
      told = true;
      connected(error, ready);
    };
    socket.once(destination.scheme === 'https' ? 'secureConnect' : 'connect', () => tell(null, socket));
    socket.once('error', (error) => tell(error, null));
    socket.once('close', () => {
      this.#open.delete(socket);
      tell(
        new FaultError('upstream-unreachable', `the connection to ${nameOf(destination)} was closed while it was made`),
        null,
      );
    });
    this.#open.add(socket);
    return socket;
  }

  /** Ends every connection. */
  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #start(destination: Endpoint): Socket {
    const host = destination.host.startsWith('[') ? destination.host.slice(1, -1) : destination.host;
    const refusal = this.#refusal(destination);
    if (refusal !== null) return deadSocket(refusal);
    const tcp = {
      host,
      port: destination.port,
      lookup: this.#lookup(destination),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
      noDelay: true,
      keepAlive: true,
    };
    if (destination.scheme === 'http') return connectTcp(tcp);
    const name = this.#guard.literal(destination) === null ? { servername: host } : {};
    return connectTls({
      ...tcp,
      ...name,
      secureContext: this.#secureContext,
      minVersion: 'TLSv1.2',
      // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED cannot take it back.
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
    });
  }

  #refusal(destination: Endpoint): FaultError | null {
    if (this.#open.size >= this.#limits.upstreamConnections) {
      return new FaultError(
        'too-many-connections',
        `${this.#open.size} connections to upstreams are open, as many as may be`,
      );
    }
    const literal = this.#guard.literal(destination);
    return literal === null || literal.ok ? null : new FaultError(literal.fault.code, literal.fault.detail);
  }

  #lookup(destination: Endpoint): LookupFunction {
    return (_hostname, { all }, callback) => void this.#look(destination, all === true, callback);
  }

  async #look(destination: Endpoint, all: boolean, callback: Parameters<LookupFunction>[2]): Promise<void> {
    const checked = await this.#guard.addresses(destination);
    if (!checked.ok) return callback(new FaultError(checked.fault.code, checked.fault.detail), '', 0);
    const addresses = checked.value.map((address) => ({ ...address }));
    const [first] = addresses;
    if (all) return callback(null, addresses);
    return callback(null, first?.address ?? '', first?.family ?? 0);
  }
}

/** The destination as messages name it. */
function nameOf({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}

/** The certificates of a PEM text, at least one. Node passes over what it cannot read, and trust must not be lost silently. */
function certificatesOf(pem: string): readonly string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
  if (blocks.length === 0) throw new Error('expected certificates in PEM form, found none');
  return blocks.map(certificateOf);
}

function certificateOf(block: string): string {
  try {
    return new X509Certificate(block).toString();
  } catch (error) {
    throw new Error('expected certificates in PEM form, found one that cannot be read', { cause: error });
  }
}

/** A socket that is looking for its address until it ends with the error, once everybody had the time to listen to it. */
function deadSocket(error: Error): Socket {
  const lookup: LookupFunction = (_hostname, _options, callback) => {
    setImmediate(() => callback(error, '', 0));
  };
  return connectTcp({ host: 'refused.invalid', port: 1, lookup });
}
