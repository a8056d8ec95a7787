import type { Socket } from 'node:net';
import type { Fault, Outcome } from '../model/fault.ts';
import { TUNNEL_METHOD, type RawHead } from '../model/request.ts';
import { describeTlsFailure, type TlsFailure } from '../model/tls-failure.ts';
import { TLS_HANDSHAKE } from './client-hello.ts';
import type { Connection, HandOver } from './connection.ts';
import { peekBytes } from './first-bytes.ts';
import { DROP_LOG_INTERVAL_MS, TLS_FAILURE_LINES } from './limits.ts';
import { DIRECT, type Origin } from './origin.ts';
import { closeLingering } from './problem-answer.ts';
import type { TunnelPlan } from './settings.ts';
import { acceptTls } from './tls-handshake.ts';
import { capturedClient, CONNECTED, connectClient, DISAGREES, peekHello } from './tunnel-client.ts';
import type { Shared } from './turn.ts';
import { runOnSocket } from './upgrade.ts';

/** Fatal alerts in the clear (RFC 8446 section 6): all that a client can be told before its handshake. */
const ALERT = {
  unrecognizedName: Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 112]),
  accessDenied: Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 49]),
  internalError: Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 80]),
} as const;

/** Takes a connection over on which HTTP is spoken; `below` is the one that carries it, where it is another. */
export type Attach = (socket: Socket, origin: Origin, below: Socket) => void;

/** TLS on a connection: how far it has got, and what is known of it. */
interface TlsConnection {
  readonly socket: Socket;
  readonly connection: Connection;
  /** What the audit trail shows of it. */
  readonly head: RawHead;
}

/** Finds out what is spoken on a connection: HTTP, or TLS that is opened or carried as it is. */
export class Front {
  readonly #shared: Shared;
  readonly #attach: Attach;
  readonly #said = new Set<string>();
  /** Connections of which the next step is the client's. */
  readonly #silent = new Set<Socket>();
  #failures = 0;
  #quietUntil = 0;

  constructor(shared: Shared, attach: Attach) {
    this.#shared = shared;
    this.#attach = attach;
  }

  /** Ends the connections on which nothing has been asked for yet. */
  drain(): void {
    for (const socket of this.#silent) socket.destroy();
  }

  /** Takes a new connection. Never rejects. */
  async accept(socket: Socket, connection: Connection): Promise<void> {
    socket.on('error', ignore);
    const first = await this.#firstByte(socket);
    // Whoever opened a connection and said nothing asked for nothing.
    if (!first.ok) return this.#cut(socket, first.fault);
    if (first.value[0] === TLS_HANDSHAKE) return await this.#captured(socket, connection);
    this.#attach(socket, DIRECT, socket);
    socket.off('error', ignore);
  }

  /** Takes what follows a CONNECT. Never rejects. */
  async connect({ socket, head, plan, request }: HandOver, connection: Connection): Promise<void> {
    const { headersTimeoutMs: withinMs } = this.#shared.settings;
    if (plan.kind === 'pass') {
      const client = connectClient(socket, { request, plan, withinMs });
      return await runOnSocket({ head, client, socket }, this.#shared);
    }
    socket.write(CONNECTED);
    const first = await this.#firstByte(socket);
    if (!first.ok) return this.#cut(socket, first.fault);
    const origin: Origin = { entry: 'connect', tunnelAuthority: head.target, serverName: null, secure: false };
    if (first.value[0] !== TLS_HANDSHAKE) return this.#attach(socket, origin, socket);
    const hello = await peekHello(socket, withinMs);
    const tls = { socket, connection, head };
    if (hello.kind !== 'hello') return this.#refuse(tls, helloFault(hello), ALERT.accessDenied);
    const { serverName } = hello.hello;
    if (serverName !== null && !plan.agrees(serverName)) return this.#refuse(tls, DISAGREES, ALERT.unrecognizedName);
    await this.#open(tls, plan, origin);
  }

  /** TLS that nobody announced: its server name is all that says where it goes. */
  async #captured(socket: Socket, connection: Connection): Promise<void> {
    const { settings, hooks } = this.#shared;
    const hello = await peekHello(socket, settings.headersTimeoutMs);
    const serverName = hello.kind === 'hello' ? hello.hello.serverName : null;
    const head = capturedHead(serverName, socket.remoteAddress ?? '');
    const tls = { socket, connection, head };
    if (hello.kind !== 'hello') return this.#refuse(tls, helloFault(hello), ALERT.accessDenied);
    if (serverName === null) return this.#refuse(tls, NAMELESS, ALERT.unrecognizedName);
    const plan = hooks.tls.plan(head);
    if (!plan.ok) return this.#refuse(tls, plan.fault, ALERT.unrecognizedName);
    if (plan.value.kind === 'pass') {
      return await runOnSocket({ head, client: capturedClient(socket), socket }, this.#shared);
    }
    await this.#open(tls, plan.value, { entry: 'captured', tunnelAuthority: null, serverName: null, secure: true });
  }

  /** Ends the client's TLS here, and takes the requests inside. */
  async #open(tls: TlsConnection, plan: TunnelPlan, origin: Origin): Promise<void> {
    const { settings, hooks } = this.#shared;
    const context = await hooks.tls.contextFor(plan.host);
    if (!context.ok) return this.#refuse(tls, context.fault, ALERT.internalError);
    const accepted = await acceptTls(tls.socket, context.value, settings.headersTimeoutMs);
    if (!accepted.ok) return this.#failed(tls, plan, accepted.failure);
    // Some clients look at the certificate only when the handshake is over, and leave without a word.
    accepted.socket.on('error', ignore);
    const first = await this.#firstByte(accepted.socket);
    if (!first.ok) {
      this.#cut(accepted.socket, first.fault);
      const isClients = first.fault.code === 'client-gone' && !this.#shared.draining();
      return isClients ? this.#failed(tls, plan, 'unused') : undefined;
    }
    const { servername } = accepted.socket;
    const serverName = typeof servername === 'string' && servername !== '' ? servername : null;
    this.#attach(accepted.socket, { ...origin, secure: true, serverName }, tls.socket);
    accepted.socket.off('error', ignore);
  }

  #failed({ connection, head }: TlsConnection, { host, port }: TunnelPlan, failure: TlsFailure): void {
    const { hooks } = this.#shared;
    hooks.tls.failed(failure);
    connection.abandon({ code: 'client-tls', detail: describeTlsFailure(failure) }, head);
    this.#failures += 1;
    if (!this.#mayLog(`${failure} ${host}:${port}`)) return;
    const { remoteAddress: client } = head;
    const advice = 'let the client use the variables of aegis-gateway env';
    hooks.log.warn('intercept.client-tls-failed', { client, host, port, failure, failures: this.#failures, advice });
  }

  /** A client that tries again and again is named once in a while, and many of them do not make a flood of lines. */
  #mayLog(what: string): boolean {
    const now = this.#shared.hooks.clock.monotonic();
    if (now >= this.#quietUntil) {
      this.#quietUntil = now + DROP_LOG_INTERVAL_MS;
      this.#said.clear();
    }
    if (this.#said.has(what) || this.#said.size >= TLS_FAILURE_LINES) return false;
    this.#said.add(what);
    return true;
  }

  #refuse({ socket, connection, head }: TlsConnection, fault: Fault, alert: Uint8Array): void {
    connection.abandon(fault, head);
    if (fault.code === 'client-gone') return void socket.destroy();
    if (socket.writable) socket.write(alert);
    closeLingering(socket);
  }

  /** Waits for a client to say something. */
  async #firstByte(socket: Socket): Promise<Outcome<Buffer>> {
    this.#silent.add(socket);
    const { headersTimeoutMs: withinMs } = this.#shared.settings;
    const first = await peekBytes(socket, { enough: () => true, maxBytes: 1, withinMs });
    this.#silent.delete(socket);
    return first;
  }

  #cut(socket: Socket, fault: Fault): void {
    if (fault.code === 'request-timeout') this.#shared.hooks.cut('silent');
    socket.destroy();
  }
}

const NAMELESS: Fault = {
  code: 'bad-host',
  detail: 'expected a TLS server name: without CONNECT, nothing else says where a connection goes',
};

/** Captured TLS has no request: its server name, on the usual port, stands in the place of a target. */
function capturedHead(serverName: string | null, remoteAddress: string): RawHead {
  return {
    entry: 'captured',
    method: serverName === null ? '' : TUNNEL_METHOD,
    target: serverName === null ? '' : `${serverName}:443`,
    rawHeaders: [],
    httpVersion: '1.1',
    secure: false,
    serverName,
    tunnelAuthority: null,
    remoteAddress,
  };
}

function helloFault(hello: Exclude<Awaited<ReturnType<typeof peekHello>>, { kind: 'hello' }>): Fault {
  return hello.kind === 'fault' ? hello.fault : { code: 'malformed-request', detail: hello.problem };
}

function ignore(): void {
  // The close that follows says all there is to say.
}
