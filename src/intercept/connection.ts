import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { failed, type Fault, type Outcome } from '../model/fault.ts';
import type { RawHead } from '../model/request.ts';
import type { DataRequest } from './data-request.ts';
import { LINGER_MS } from './limits.ts';
import type { Origin } from './origin.ts';
import { endedEarly, parserFault, type ParserError } from './parser-fault.ts';
import { answerProblemRaw, closeLingering } from './problem-answer.ts';
import { checkHead, isWebSocketHandshake, rawHeadOf } from './raw-head.ts';
import type { TunnelPlan } from './settings.ts';
import { Turn, type Shared } from './turn.ts';
import { runOnSocket } from './upgrade.ts';

const NO_ROOM: Fault = {
  code: 'too-many-requests-held',
  detail: 'the budget for bodies has no room for a request that waits',
};
const STARVED: Fault = { code: 'request-timeout', detail: 'the client stopped sending its body' };

/** A connection that Node's HTTP server has let go of after a CONNECT, and where it is meant to go. */
export interface HandOver {
  readonly socket: Socket;
  readonly head: RawHead;
  readonly plan: TunnelPlan;
  readonly request: IncomingMessage;
}

/**
 * One connection of a client. Its requests run one after another, however fast they come (RFC 9112 section 9.3.2 allows
 * that, and two that change something must not change places); whatever makes its framing doubtful is answered, reported
 * once, and ends it.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #shared: Shared;
  readonly #origin: Origin;
  readonly #remoteAddress: string;
  #current: Turn | null = null;
  #waiting: Turn[] = [];
  #requests = 0;
  /** Nothing that arrives from now on is looked at. */
  #closing = false;
  #failed = false;
  #reported = false;
  /** What the client is told when the requests before it are answered. */
  #parting: Fault | null = null;

  constructor(socket: Socket, shared: Shared, origin: Origin) {
    this.#socket = socket;
    this.#shared = shared;
    this.#origin = origin;
    this.#remoteAddress = socket.remoteAddress ?? '';
    // Node calls this after the last answer of a connection; its own would reset clients that are still sending.
    socket.destroySoon = () => closeLingering(socket);
  }

  /** Whether a request runs or waits. */
  get busy(): boolean {
    return this.#current !== null || this.#waiting.length > 0;
  }

  /** Takes an ordinary request. */
  receive(request: DataRequest, response: ServerResponse): void {
    if (this.#closing) {
      request.resume();
      return;
    }
    this.#requests += 1;
    const turn = new Turn(request, response, this.#headOf(request), this.#shared);
    turn.refusal = this.#refusalOf(turn.head, request) ?? (this.busy && !turn.queue() ? NO_ROOM : null);
    if (turn.refusal !== null || this.#requests >= this.#shared.settings.requestsPerConnection) {
      this.#closing = true;
      turn.makeLast();
    }
    turn.onEnd(() => this.#ended(turn));
    this.#waiting.push(turn);
    this.#next();
  }

  /** Takes a WebSocket handshake; nothing else runs on the connection. */
  upgrade(request: IncomingMessage, head: Buffer): void {
    const socket = this.#adopt();
    if (this.#closing) return;
    this.#closing = true;
    const rawHead = this.#headOf(request);
    const refusal = this.#refusalOf(rawHead, null);
    if (refusal !== null) return this.#part(refusal, rawHead);
    const client = { kind: 'upgrade', request, socket, head } as const;
    this.#shared.track(runOnSocket({ head: rawHead, client, socket }, this.#shared));
  }

  /** Takes a CONNECT. What goes on behind it is for whoever gets the hand-over; null when it was refused. */
  connect(request: IncomingMessage): HandOver | null {
    const socket = this.#adopt();
    if (this.#closing) return null;
    this.#closing = true;
    const head = this.#headOf(request);
    const plan = this.#planOf(head);
    if (plan.ok) return { socket, head, plan: plan.value, request };
    this.#part(plan.fault, head);
    return null;
  }

  /** Reports a fault that the client is told in no words of HTTP, or not at all. */
  abandon(fault: Fault, head: RawHead): void {
    this.#closing = true;
    this.#report(fault, head);
  }

  /** Refuses the connection itself. */
  refuse(fault: Fault): void {
    this.#closing = true;
    this.#part(fault, null);
  }

  /** Takes an error of the parser or of the socket. */
  fail(error: ParserError): void {
    const fault = parserFault(error);
    // A connection that was opened ahead of need and never used asked for nothing.
    if (fault === null || this.#socket.bytesRead === 0) {
      this.#cutUnused(fault);
      return;
    }
    if (this.#failed) return;
    this.#failed = true;
    const receiving = this.#receiving();
    // A connection that is refused already gets no second answer, but a body that stopped must still end its exchange.
    if (receiving === null && this.#closing && !this.busy) return;
    this.#closing = true;
    if (receiving === null) this.#part(fault, null);
    else if (endedEarly(error)) this.#socket.destroy();
    else this.#failReceiving(receiving, fault);
  }

  #cutUnused(fault: Fault | null): void {
    if (fault?.code === 'request-timeout') this.#shared.hooks.cut('silent');
    this.#socket.destroy();
  }

  /** Nothing was sent or received for as long as the socket's timeout says. */
  stalled(): void {
    const turn = this.#current;
    if (turn === null) {
      // Node times the head of a first request; between requests, this is the end of the keep-alive time.
      if (this.#requests > 0) this.#socket.destroy();
    } else if (this.#socket.writableLength > 0) {
      this.#shared.hooks.cut('reader-stalled');
      this.#shared.hooks.log.warn('intercept.reader-stalled', { unsent_bytes: this.#socket.writableLength });
      this.#socket.destroy();
    } else if (turn.starved) {
      this.#closing = true;
      this.#failReceiving(turn, STARVED);
    } else {
      this.#socket.setTimeout(this.#shared.settings.readerTimeoutMs);
    }
  }

  /** What runs is the last; a connection that never said anything ends at once. */
  drain(): void {
    for (const turn of this.#waiting) turn.makeLast();
    this.#current?.makeLast();
    if (!this.busy && this.#socket.bytesRead === 0) this.#socket.destroy();
  }

  #headOf(request: IncomingMessage): RawHead {
    return rawHeadOf(request, this.#remoteAddress, this.#origin);
  }

  #planOf(head: RawHead): Outcome<TunnelPlan> {
    if (this.busy) return failed('malformed-request', 'expected CONNECT to wait for the answers before it');
    const refusal = this.#refusalOf(head, null);
    return refusal === null ? this.#shared.hooks.tls.plan(head) : { ok: false, fault: refusal };
  }

  #refusalOf(head: RawHead, ordinary: IncomingMessage | null): Fault | null {
    const { settings, draining } = this.#shared;
    if (draining()) return { code: 'draining', detail: 'this gateway takes no new requests' };
    const checked = checkHead(head, settings.headerCount);
    if (!checked.ok) return checked.fault;
    if (!this.busy || ordinary === null) return null;
    if (this.#waiting.length >= settings.pipelined) {
      return {
        code: 'too-many-requests-held',
        detail: `more than ${settings.pipelined} requests wait on one connection`,
      };
    }
    return isWebSocketHandshake(ordinary)
      ? { code: 'malformed-request', detail: 'expected an upgrade to wait for the answers before it' }
      : null;
  }

  #next(): void {
    if (this.#current !== null) return;
    if (!this.#socket.writable) {
      // An answer ended the connection: nobody would learn what the requests behind it did.
      for (const waiting of this.#waiting.splice(0)) waiting.abandon();
      return;
    }
    const turn = this.#waiting.shift();
    if (turn === undefined) {
      this.#rest();
      return;
    }
    this.#current = turn;
    if (turn.refusal === null) {
      this.#shared.track(turn.run());
      return;
    }
    this.#report(turn.refusal, turn.head);
    turn.refuse(turn.refusal);
  }

  #ended(turn: Turn): void {
    if (this.#current !== turn) return;
    this.#current = null;
    turn.discard(LINGER_MS, () => this.#socket.destroy());
    this.#next();
  }

  /** Every request is answered. */
  #rest(): void {
    if (!this.#socket.writable) return;
    if (this.#parting !== null) answerProblemRaw(this.#socket, this.#parting);
    else if (this.#closing || this.#shared.draining()) closeLingering(this.#socket);
  }

  /** Reports a fault, and answers it when the requests before it are answered. */
  #part(fault: Fault, head: RawHead | null): void {
    this.#report(fault, head);
    this.#parting = fault;
    if (!this.busy) this.#rest();
  }

  /** The request whose body is on the wire. */
  #receiving(): Turn | null {
    const last = this.#waiting.at(-1) ?? this.#current;
    return last === null || last.received ? null : last;
  }

  #failReceiving(turn: Turn, fault: Fault): void {
    if (turn !== this.#current) {
      this.#waiting = this.#waiting.filter((other) => other !== turn);
      turn.abandon();
      this.#part(fault, turn.head);
      return;
    }
    if (turn.failBody(fault)) {
      turn.makeLast();
      return;
    }
    this.#report(fault, turn.head);
    turn.abort(fault);
    if (turn.answerBegun) this.#socket.destroy();
    else answerProblemRaw(this.#socket, fault);
  }

  /** Takes over a socket that Node's server has let go of. */
  #adopt(): Socket {
    this.#socket.on('error', () => this.#socket.destroy());
    return this.#socket;
  }

  #report(fault: Fault, head: RawHead | null): void {
    if (this.#reported) return;
    this.#reported = true;
    const { hooks, track } = this.#shared;
    const entry = head?.entry ?? 'unknown';
    const recorded = hooks.refused({ remoteAddress: this.#remoteAddress, entry, fault, head });
    track(
      recorded.catch((error: unknown) => {
        hooks.log.error('intercept.refusal-not-recorded', {
          code: fault.code,
          error: error instanceof Error ? error.name : '',
        });
      }),
    );
  }
}
