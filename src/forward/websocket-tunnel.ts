import type { Duplex } from 'node:stream';
import type { Fault } from '../model/fault.ts';
import type { ForwardOutcome } from '../model/ports.ts';
import type { Result } from '../model/record.ts';
import { Watchdog } from './watchdog.ts';

/** The two ends of a connection, what each has sent already, and the status that the client was answered. */
export interface TunnelEnds {
  readonly status: number;
  readonly client: Duplex;
  readonly clientHead: Uint8Array;
  readonly upstream: Duplex;
  readonly upstreamHead: Uint8Array;
}

/**
 * Carries bytes both ways between a client and an upstream, no faster than the slower end
 * reads. Resolves when the connection is over: `success` when either side ended it in order, `aborted` when the client
 * or the gateway broke it off, `failed` when the upstream did or nothing came either way for `idleMs`.
 */
export function runTunnel(ends: TunnelEnds, idleMs: number, signal: AbortSignal): Promise<ForwardOutcome> {
  return new Tunnel(ends, idleMs, signal).outcome;
}

class Tunnel {
  readonly outcome: Promise<ForwardOutcome>;
  readonly #ends: TunnelEnds;
  readonly #idleMs: number;
  readonly #signal: AbortSignal;
  readonly #watchdog: Watchdog;
  readonly #settle: (outcome: ForwardOutcome) => void;
  readonly #ended = new Set<Duplex>();
  #settled = false;
  #bytesSent = 0;
  #bytesReceived = 0;

  constructor(ends: TunnelEnds, idleMs: number, signal: AbortSignal) {
    this.#ends = ends;
    this.#idleMs = idleMs;
    this.#signal = signal;
    const { promise, resolve } = Promise.withResolvers<ForwardOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
    this.#watchdog = new Watchdog(() => {
      this.#breakOff('failed', { code: 'upstream-timeout', detail: `nothing came either way for ${idleMs / 1_000} s` });
    });
    this.#watchdog.wind(idleMs);
    signal.addEventListener('abort', this.#aborted);
    const { client, upstream, clientHead, upstreamHead } = ends;
    const down = (count: number): void => void (this.#bytesReceived += count);
    const up = (count: number): void => void (this.#bytesSent += count);
    this.#closing(client, upstream, () => this.#clientGone());
    this.#closing(upstream, client, () => this.#upstreamGone());
    this.#carry(upstream, client, upstreamHead, down);
    this.#carry(client, upstream, clientHead, up);
    if (signal.aborted) this.#aborted();
  }

  readonly #aborted = (): void => this.#clientGone();

  #carry(from: Duplex, to: Duplex, head: Uint8Array, count: (bytes: number) => void): void {
    const pass = (chunk: Uint8Array): void => {
      count(chunk.byteLength);
      this.#watchdog.wind(this.#idleMs);
      if (!to.write(chunk)) from.pause();
    };
    to.on('drain', () => {
      this.#watchdog.wind(this.#idleMs);
      from.resume();
    });
    if (head.byteLength > 0) pass(head);
    from.on('data', pass);
  }

  #closing(from: Duplex, to: Duplex, gone: () => void): void {
    from.on('end', () => {
      this.#ended.add(from);
      to.end();
      if (this.#ended.size === 2) this.#over();
    });
    from.on('error', gone);
    from.on('close', () => (this.#ended.has(from) ? this.#over() : gone()));
  }

  #over(): void {
    this.#finish('success', null);
    closeSoon(this.#ends.client, this.#idleMs);
    closeSoon(this.#ends.upstream, this.#idleMs);
  }

  #clientGone(): void {
    this.#breakOff('aborted', { code: 'client-gone', detail: 'the client broke the connection off' });
  }

  #upstreamGone(): void {
    this.#breakOff('failed', { code: 'upstream-unreachable', detail: 'the upstream broke the connection off' });
  }

  #breakOff(result: Result, fault: Fault): void {
    if (this.#settled) return;
    this.#finish(result, fault);
    this.#ends.client.destroy();
    this.#ends.upstream.destroy();
  }

  #finish(result: Result, fault: Fault | null): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#watchdog.stop();
    this.#signal.removeEventListener('abort', this.#aborted);
    this.#settle({
      result,
      status: this.#ends.status,
      fault,
      answered: true,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
    });
  }
}

/** Closes an end once all that was written to it has gone out, or when that takes longer than `withinMs`. */
function closeSoon(end: Duplex, withinMs: number): void {
  if (end.destroyed) return;
  const timer = setTimeout(() => end.destroy(), withinMs);
  end.once('close', () => clearTimeout(timer));
  if (end.writableFinished) end.destroy();
  else end.end(() => end.destroy());
}
