import type { IncomingMessage } from 'node:http';
import { failed, passed, type Fault, type Outcome } from '../model/fault.ts';
import type { BodySource } from '../model/ports.ts';
import type { BodyPace } from './body-pace.ts';
import type { Lease } from './budget.ts';
import { declaredLength } from './raw-head.ts';

const NOTHING: Uint8Array = new Uint8Array();
const GONE: Fault = { code: 'client-gone', detail: 'the client closed the connection before its body was complete' };
const SLOW: Fault = { code: 'request-timeout', detail: 'the body arrived too slowly' };

/** The body of an exchange that has none. */
export const NO_BODY: BodySource = {
  peek: async () => passed(NOTHING),
  read: async () => passed(NOTHING),
};

/** The body of one request while it is on the wire: read within limits, or left for the forwarder to stream. */
export class WireBody implements BodySource {
  readonly #request: IncomingMessage;
  readonly #lease: Lease;
  readonly #pace: BodyPace;
  #whole: Uint8Array | null = null;
  #fault: Fault | null = null;
  #settle: ((fault: Fault) => void) | null = null;

  constructor(request: IncomingMessage, lease: Lease, pace: BodyPace) {
    this.#request = request;
    this.#lease = lease;
    this.#pace = pace;
  }

  async peek(): Promise<Outcome<Uint8Array>> {
    const known = this.#known();
    if (known !== null) return known;
    return await this.#wait<Uint8Array>((done) => {
      const look = (): void => {
        const chunk: unknown = this.#request.read();
        if (!(chunk instanceof Uint8Array)) return;
        this.#request.unshift(chunk);
        done(passed(chunk));
      };
      const end = (): void => done(passed(NOTHING));
      this.#request.on('readable', look).on('end', end);
      return () => this.#request.off('readable', look).off('end', end);
    });
  }

  async read(limitBytes: number): Promise<Outcome<Uint8Array>> {
    const known = this.#known();
    if (known !== null) return known;
    const declared = declaredLength(this.#request.rawHeaders);
    if (declared !== null && declared > limitBytes) return tooLarge(limitBytes, `Content-Length says ${declared}`);
    const outcome = await this.#wait<Uint8Array>((done) => this.#collect(limitBytes, done));
    if (outcome.ok) this.#whole = outcome.value;
    else this.#refuse(outcome.fault);
    return outcome;
  }

  /** Ends the body with a fault. Returns whether somebody was waiting for it, who now has the fault to answer. */
  fail(fault: Fault): boolean {
    this.#fault ??= fault;
    if (this.#settle === null) return false;
    this.#settle(fault);
    return true;
  }

  /** Whether somebody waits for the body now. */
  get awaited(): boolean {
    return this.#settle !== null;
  }

  /** Gives back what the body takes of the budget. */
  release(): void {
    this.#lease.release();
  }

  /** What can be said of the body without waiting. */
  #known(): Outcome<Uint8Array> | null {
    if (this.#whole !== null) return passed(this.#whole);
    if (this.#fault !== null) return { ok: false, fault: this.#fault };
    if (declaredLength(this.#request.rawHeaders) === 0) return passed(NOTHING);
    if (this.#request.readableEnded) return passed(NOTHING);
    return this.#request.destroyed ? { ok: false, fault: GONE } : null;
  }

  #collect(limitBytes: number, done: (outcome: Outcome<Uint8Array>) => void): () => void {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const take = (chunk: Uint8Array): void => {
      bytes += chunk.length;
      this.#pace.received(chunk.length);
      if (bytes > limitBytes) return done(tooLarge(limitBytes, 'more than that came'));
      if (!this.#lease.take(chunk.length))
        return done(failed('too-many-requests-held', 'the budget for bodies is used up'));
      chunks.push(chunk);
    };
    const end = (): void => done(passed(Buffer.concat(chunks, bytes)));
    this.#request.on('data', take).on('end', end);
    return () => this.#request.off('data', take).off('end', end);
  }

  /** Runs one wait: until `begin` calls `done`, the client goes away or is too slow, or `fail` is called. */
  async #wait<T>(begin: (done: (outcome: Outcome<T>) => void) => () => void): Promise<Outcome<T>> {
    return await new Promise((resolve) => {
      let undo: (() => void) | null = null;
      let settled = false;
      const done = (outcome: Outcome<T>): void => {
        if (settled) return;
        settled = true;
        this.#settle = null;
        unwatch();
        this.#request.off('close', gone);
        undo?.();
        resolve(outcome);
      };
      const fail = (fault: Fault): void => done({ ok: false, fault });
      const gone = (): void => fail(GONE);
      this.#settle = fail;
      const unwatch = this.#pace.watch(() => fail(SLOW));
      this.#request.on('close', gone);
      undo = begin(done);
      if (settled) undo();
    });
  }

  /** Nothing more is read: what came so far is let go of, and what comes stays on the wire until the exchange ends. */
  #refuse(fault: Fault): void {
    this.#fault = fault;
    this.#lease.release();
    this.#request.pause();
  }
}

function tooLarge(limitBytes: number, found: string): Outcome<never> {
  return failed('body-too-large', `expected a body of at most ${limitBytes} bytes; ${found}`);
}
