import type { Socket } from 'node:net';
import type { TunnelClient } from '../model/client.ts';
import { passed, type Fault, type Outcome } from '../model/fault.ts';
import type { ForwardOutcome } from '../model/ports.ts';
import type { Destination } from '../model/request.ts';
import type { Connector } from './connector.ts';
import { endpointText } from './endpoints.ts';
import { upstreamFault } from './upstream-fault.ts';
import { runTunnel } from './websocket-tunnel.ts';

/** A connection that is carried, and how long it may be silent. */
export interface Carrying {
  readonly client: TunnelClient;
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/**
 * Carries a connection that is not opened: first the upstream, so that the client can still be told why not, then the
 * client's hello, which has to name the host, then bytes both ways. Nothing reaches the upstream before the hello is
 * checked.
 */
export async function carryTunnel(
  { host, port }: Destination,
  connector: Connector,
  { client, idleMs, signal }: Carrying,
): Promise<ForwardOutcome> {
  const upstream = await connected({ host, port }, connector, signal);
  const unsent = { result: 'not-sent', bytesSent: 0, bytesReceived: 0 } as const;
  if (!upstream.ok) return { ...unsent, status: null, fault: upstream.fault, answered: false };
  const problem = (await client.open()) ?? (upstream.value.destroyed ? GONE : null);
  if (problem !== null) {
    upstream.value.destroy();
    client.socket.destroy();
    return { ...unsent, status: CONNECTED, fault: problem, answered: true };
  }
  const ends = {
    status: CONNECTED,
    client: client.socket,
    clientHead: NOTHING,
    upstream: upstream.value,
    upstreamHead: NOTHING,
  };
  return await runTunnel(ends, idleMs, signal);
}

/** The status of a CONNECT that was answered. */
const CONNECTED = 200;
const NOTHING = new Uint8Array();
const GONE: Fault = { code: 'upstream-unreachable', detail: 'the upstream closed the connection' };

async function connected(
  { host, port }: { readonly host: string; readonly port: number },
  connector: Connector,
  signal: AbortSignal,
): Promise<Outcome<Socket>> {
  const { promise, resolve } = Promise.withResolvers<Outcome<Socket>>();
  const socket = connector.connect({ scheme: 'tcp', host, port }, (error, ready) => {
    if (ready === null) resolve({ ok: false, fault: upstreamFault(error, endpointText(host, port)) });
    else resolve(passed(ready));
  });
  const abort = (): void => void socket.destroy();
  signal.addEventListener('abort', abort);
  const outcome = await promise;
  signal.removeEventListener('abort', abort);
  // Errors end in the close that follows, which the tunnel waits for.
  socket.on('error', () => undefined);
  return outcome;
}
