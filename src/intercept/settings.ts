import type { SecureContext } from 'node:tls';
import type { Host } from '../model/brand.ts';
import type { Fault, Outcome } from '../model/fault.ts';
import type { Clock, Log, RawExchange } from '../model/ports.ts';
import type { Entry, RawHead } from '../model/request.ts';
import type { ConnectionCut } from '../model/connection-cut.ts';
import type { TlsFailure } from '../model/tls-failure.ts';

/** What the data port is told. Times in milliseconds; the reasons of the values are in config/limits.ts and limits.ts. */
export interface InterceptSettings {
  /** The address to listen on; loopback unless the operator says otherwise. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Bytes of request line and fields together, as Node counts them: without white space around values. */
  readonly headerBytes: number;
  readonly headerCount: number;
  readonly headersTimeoutMs: number;
  /** How long reading one judged body may take in all. */
  readonly bodyTimeoutMs: number;
  readonly bodyGraceMs: number;
  readonly bodyBytesPerSecond: number;
  /** Bytes of all bodies that are held at one time. */
  readonly bufferedBytes: number;
  readonly keepAliveTimeoutMs: number;
  /** How long a client may take no byte of its answer, or send none of a body that is waited for. */
  readonly readerTimeoutMs: number;
  /** How long an upgraded connection may be silent in both directions. */
  readonly upgradeIdleMs: number;
  readonly connections: number;
  readonly pipelined: number;
  readonly requestsPerConnection: number;
}

/** Judges one request and answers it. A rejection is answered as `internal`. */
export type ExchangeHandler = (raw: RawExchange) => Promise<void>;

/** A request, or what came in place of one, that the data port refused by itself. It has no exchange. */
export interface PortRefusal {
  readonly remoteAddress: string;
  readonly entry: Entry | 'unknown';
  readonly fault: Fault;
  /** What the parser made of it; null when it made nothing. */
  readonly head: RawHead | null;
}

/** Where a connection is meant to go that is asked for by CONNECT or by a TLS server name. */
export interface TunnelPlan {
  /** `open`: what is inside is read and judged request by request; `pass`: it is judged as a whole and carried as it is. */
  readonly kind: 'open' | 'pass';
  readonly host: Host;
  readonly port: number;
  /** Whether a TLS server name stands for this host. A client that asks for an address sends none. */
  readonly agrees: (serverName: string | null) => boolean;
}

/** What the data port needs for connections that hold TLS. */
export interface TlsHooks {
  /** Reads where a CONNECT goes, or captured TLS whose server name stands in the place of its target. */
  readonly plan: (head: RawHead) => Outcome<TunnelPlan>;
  /** A certificate for the host, and its key. Never rejects. */
  readonly contextFor: (host: Host) => Promise<Outcome<SecureContext>>;
  /** A handshake with a client came to nothing. */
  readonly failed: (failure: TlsFailure) => void;
}

/** What the data port needs of the rest of the gateway. */
export interface InterceptHooks {
  readonly tls: TlsHooks;
  readonly clock: Clock;
  readonly log: Log;
  /** Records a refusal: at most one for each connection. The answer does not wait for it, a drain does. */
  readonly refused: (refusal: PortRefusal) => Promise<void>;
  /** A connection was ended without a word. */
  readonly cut: (why: ConnectionCut) => void;
}

/** The data port. */
export interface DataListener extends AsyncDisposable {
  /** Starts to listen. Rejects with the error of the system when the address cannot be had. */
  listen(): Promise<{ readonly address: string; readonly port: number }>;
  /**
   * Accepts nothing more, lets what runs come to its end with `Connection: close`, and cuts what is left after
   * `deadlineMs`. Resolves when every handler has ended. Never rejects.
   */
  drain(deadlineMs: number): Promise<void>;
  /** Bytes of bodies in memory. */
  bufferedBytes(): number;
  openConnections(): number;
}
