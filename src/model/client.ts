import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Fault } from './fault.ts';

/**
 * The client's side of an exchange as Node's HTTP server hands it over. The exchange passes it through without looking
 * inside; intercept makes it, forward writes to it.
 */
export type Client =
  | { readonly kind: 'http'; readonly request: IncomingMessage; readonly response: ServerResponse }
  | { readonly kind: 'upgrade'; readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }
  | TunnelClient;

/** A client that asked for a connection to a host whose TLS is not opened. */
export interface TunnelClient {
  readonly kind: 'tunnel';
  /** The CONNECT that asked for it; null where TLS came unasked, and there is nothing to answer in HTTP. */
  readonly request: IncomingMessage | null;
  readonly socket: Duplex;
  /**
   * Says that the connection stands, and waits for the client's first message, which must be a TLS hello that names the
   * host asked for; it is left on the socket. Null when all is well. Faults: conflicting-host, malformed-request,
   * request-timeout, client-gone. Never rejects.
   */
  readonly open: () => Promise<Fault | null>;
}
