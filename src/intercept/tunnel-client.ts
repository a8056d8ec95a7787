import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TunnelClient } from '../model/client.ts';
import type { Fault } from '../model/fault.ts';
import { MAX_HELLO_BYTES, readClientHello, type HelloReading } from './client-hello.ts';
import { peekBytes } from './first-bytes.ts';
import type { TunnelPlan } from './settings.ts';

/** What a CONNECT is answered when what it asked for stands (RFC 9110 section 9.3.6). */
export const CONNECTED = 'HTTP/1.1 200 Connection Established\r\n\r\n';

/** Waits for a whole hello and leaves it in place. Faults: those of `peekBytes`. */
export async function peekHello(
  socket: Socket,
  withinMs: number,
): Promise<Exclude<HelloReading, { kind: 'more' }> | { readonly kind: 'fault'; readonly fault: Fault }> {
  const peeked = await peekBytes(socket, { enough: isDecided, maxBytes: MAX_HELLO_BYTES, withinMs });
  if (!peeked.ok) return { kind: 'fault', fault: peeked.fault };
  const found = readClientHello(peeked.value);
  return found.kind === 'more' ? { kind: 'invalid', problem: 'expected a whole TLS hello' } : found;
}

/** Whether more bytes would change what is read. */
function isDecided(bytes: Buffer): boolean {
  return readClientHello(bytes).kind !== 'more';
}

/** The client of a CONNECT to a host that is not opened. */
export function connectClient(
  socket: Socket,
  { request, plan, withinMs }: { request: IncomingMessage; plan: TunnelPlan; withinMs: number },
): TunnelClient {
  return {
    kind: 'tunnel',
    request,
    socket,
    open: async () => {
      if (!socket.writable) return { code: 'client-gone', detail: 'the client closed the connection' };
      socket.write(CONNECTED);
      const hello = await peekHello(socket, withinMs);
      if (hello.kind === 'fault') return hello.fault;
      if (hello.kind === 'invalid') return { code: 'malformed-request', detail: hello.problem };
      return plan.agrees(hello.hello.serverName) ? null : DISAGREES;
    },
  };
}

/** The client of captured TLS to a host that is not opened: its hello has been read, and says where it goes. */
export function capturedClient(socket: Socket): TunnelClient {
  return { kind: 'tunnel', request: null, socket, open: async () => null };
}

/** Nothing of what the client wrote is repeated: it is not checked to be a name. */
export const DISAGREES: Fault = {
  code: 'conflicting-host',
  detail: 'expected the TLS server name to be the host of CONNECT',
};
