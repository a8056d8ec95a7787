import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * The client's side of an exchange as Node's HTTP server hands it over. The exchange passes it through without looking
 * inside; intercept makes it, forward writes to it.
 */
export type Client =
  | { readonly kind: 'http'; readonly request: IncomingMessage; readonly response: ServerResponse }
  | { readonly kind: 'upgrade'; readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer };
