import type { ServerResponse } from 'node:http';
import { FaultError, type Fault } from '../model/fault.ts';
import type { RawHead } from '../model/request.ts';
import { BodyPace } from './body-pace.ts';
import { NO_BODY, WireBody } from './body-source.ts';
import type { BufferBudget, Lease } from './budget.ts';
import type { DataRequest } from './data-request.ts';
import { INTERNAL, logHandlerFailure } from './handler-failure.ts';
import { UNREAD_BODY_BYTES } from './limits.ts';
import { answerProblem } from './problem-answer.ts';
import { declaredLength, hasBody } from './raw-head.ts';
import type { ExchangeHandler, InterceptHooks, InterceptSettings } from './settings.ts';

/** What every exchange of the data port shares. */
export interface Shared {
  readonly settings: InterceptSettings;
  readonly handler: ExchangeHandler;
  readonly hooks: InterceptHooks;
  readonly budget: BufferBudget;
  readonly draining: () => boolean;
  /** Remembers work that a drain waits for. It never rejects. */
  readonly track: (work: Promise<void>) => void;
}

/** One ordinary request on a connection, from its head to the end of its answer. */
export class Turn {
  readonly head: RawHead;
  /** The fault it is refused with instead of being handed over. */
  refusal: Fault | null = null;
  readonly #request: DataRequest;
  readonly #response: ServerResponse;
  readonly #body: WireBody;
  readonly #controller = new AbortController();
  readonly #shared: Shared;
  /** What the request takes of the budget before its turn comes. */
  readonly #queued: Lease;
  #answeredRaw = false;

  constructor(request: DataRequest, response: ServerResponse, head: RawHead, shared: Shared) {
    this.head = head;
    this.#request = request;
    this.#response = response;
    this.#shared = shared;
    this.#queued = shared.budget.lease();
    const { bodyTimeoutMs: totalMs, bodyGraceMs: graceMs, bodyBytesPerSecond: bytesPerSecond } = shared.settings;
    const pace = new BodyPace({ totalMs, graceMs, bytesPerSecond }, shared.hooks.clock);
    this.#body = new WireBody(request, shared.budget.lease(), pace);
  }

  /** Whether the whole request has arrived. */
  get received(): boolean {
    return this.#request.complete;
  }

  get answerBegun(): boolean {
    return this.#response.headersSent;
  }

  /** Whether somebody streams the body and has nothing of it to work on. */
  get starved(): boolean {
    const { complete, readableFlowing, readableLength } = this.#request;
    return !complete && readableFlowing === true && readableLength === 0 && !this.#body.awaited;
  }

  /** Takes what a request that waits can hold in memory; false when the budget has no room for it. */
  queue(): boolean {
    const { target, rawHeaders } = this.head;
    const headBytes = rawHeaders.reduce((sum, text) => sum + text.length, target.length);
    return this.#queued.take(headBytes + Math.min(declaredLength(rawHeaders) ?? UNREAD_BODY_BYTES, UNREAD_BODY_BYTES));
  }

  /** Calls `ended` once: when the answer has been sent, or when the connection is gone. */
  onEnd(ended: () => void): void {
    this.#response.once('close', ended);
  }

  /** Hands the request over and sees to it that it is answered. Never rejects. */
  async run(): Promise<void> {
    this.#queued.release();
    this.#response.once('close', () => {
      if (!this.#response.writableFinished)
        this.abort({ code: 'client-gone', detail: 'the client closed the connection' });
    });
    try {
      await this.#shared.handler({
        head: this.head,
        body: hasBody(this.head) ? this.#body : NO_BODY,
        client: { kind: 'http', request: this.#request, response: this.#response },
        signal: this.#controller.signal,
      });
      if (!this.#answered) throw new Error('the handler left no answer');
    } catch (error) {
      logHandlerFailure(this.#shared.hooks.log, error);
      this.#answerFailure();
    } finally {
      this.#body.release();
    }
  }

  /** Answers with the refusal. */
  refuse(fault: Fault): void {
    this.#queued.release();
    answerProblem(this.#response, fault);
  }

  /** Gives up a request whose turn never comes. */
  abandon(): void {
    this.#queued.release();
  }

  /** Ends an exchange whose client is answered past it, or not at all. */
  abort(fault: Fault): void {
    this.#answeredRaw = true;
    this.#controller.abort(new FaultError(fault.code, fault.detail));
  }

  /** Hands a fault of the body to whoever waits for it; returns whether somebody does. */
  failBody(fault: Fault): boolean {
    return this.#body.fail(fault);
  }

  /** Lets the connection end with this answer, where its head has not gone out yet. */
  makeLast(): void {
    this.#response.shouldKeepAlive = false;
  }

  /** Throws away what is left of the body, and calls `cut` when that does not end within `withinMs`. */
  discard(withinMs: number, cut: () => void): void {
    const request = this.#request;
    request.resume();
    if (request.complete) return;
    const timer = setTimeout(cut, withinMs);
    request.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
  }

  get #answered(): boolean {
    return this.#answeredRaw || this.#response.writableEnded || this.#response.destroyed;
  }

  #answerFailure(): void {
    const response = this.#response;
    if (this.#answered) return;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    answerProblem(response, INTERNAL);
  }
}
