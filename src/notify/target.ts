import type { NoticeEvent } from '../config/notify-schema.ts';
import type { NoticeResult } from '../model/notice-result.ts';
import type { Clock, Log } from '../model/ports.ts';
import { isLasting, isTaken, type WebhookAnswer, type WebhookClient } from '../webhook/webhook-client.ts';
import type { Message } from './message.ts';
import type { Notice } from './notice.ts';
import type { Outbox } from './outbox.ts';
import { createTokenBucket, type TokenBucket } from './token-bucket.ts';

export interface TargetSettings {
  /** For logs and metrics. */
  readonly name: string;
  readonly events: readonly NoticeEvent[];
  /** The most messages in a minute. */
  readonly rate: number;
  readonly contentType: string;
  /** Makes the body of a message. Rejects while it cannot be known where people decide. */
  readonly encode: (message: Message) => Promise<Buffer>;
}

export interface TargetPorts {
  /** What waits to be told; that of the target before, where one takes its place. */
  readonly outbox: Outbox;
  readonly client: WebhookClient;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  readonly counted: (target: string, result: NoticeResult, count: number) => void;
  readonly failed: (target: string) => void;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 120_000;
/** The longest wait that another side may ask for (Retry-After, RFC 9110 section 10.2.3). */
const LONGEST_RETRY_AFTER_MS = 300_000;
/** About two hours: what could not be told by then must not hold up what came after it for ever. */
const MAX_TRIES = 75;
/** What is wrong with one message is so at the next try. */
const REFUSED_FOR_GOOD: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** Why a try came to nothing. */
interface Failure {
  readonly problem: string;
  /** The least wait before the next try. */
  readonly waitMs: number;
  readonly final: boolean;
}

/** One place that is told: one message at a time, repeated until it is taken or no news any more. */
export class NoticeTarget {
  readonly #settings: TargetSettings;
  readonly #ports: TargetPorts;
  readonly #bucket: TokenBucket;
  readonly #ended = new AbortController();
  #running: Promise<void> | null = null;
  #draining = false;
  #problem: string | null = null;
  #current: Message | null = null;
  /** Failures in a row, over all messages. */
  #failures = 0;
  /** Ends the wait for something to send, and the wait for another try. */
  #wakeIdle: () => void = () => undefined;
  #wakeRetry: () => void = () => undefined;

  constructor(settings: TargetSettings, ports: TargetPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#bucket = createTokenBucket(settings.rate, ports.clock.monotonic());
  }

  get name(): string {
    return this.#settings.name;
  }

  get outbox(): Outbox {
    return this.#ports.outbox;
  }

  /** Begins to send; what is told before that waits. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Takes a notice, if it is one that this target is told. Never throws, and never waits. */
  tell(notice: Notice): void {
    if (!this.#settings.events.includes(notice.event) || !this.#ports.outbox.add(notice)) return;
    this.#wakeIdle();
  }

  /** Takes back that an approval waits for a decision. */
  settle(name: string): void {
    this.#count('settled', this.#ports.outbox.settle(name));
    const current = this.#current;
    if (current?.kind !== 'notice' || current.notice.event !== 'pending' || current.notice.name !== name) return;
    // It may be on its way; it is not sent again. What comes next waits as long as this one would have.
    this.#current = null;
  }

  /** How many notices wait to be sent. */
  waiting(): number {
    return this.#ports.outbox.size() + (this.#current === null ? 0 : 1);
  }

  /** Why the newest try came to nothing; null when it did not. */
  problem(): string | null {
    return this.#problem;
  }

  /** Sends what waits, in one message where it is much, and ends: after `deadlineMs`, or with the first failure. */
  async stop(deadlineMs: number): Promise<void> {
    this.#draining = true;
    this.#wakeIdle();
    this.#wakeRetry();
    const timer = setTimeout(() => this.#end(), deadlineMs);
    await this.#running;
    clearTimeout(timer);
    this.#end();
    const lost = this.waiting();
    this.#count('lost', lost);
    if (lost > 0) this.#ports.log.warn('notify.not-sent', { target: this.name, count: lost });
  }

  /** Ends at once. What was on its way is put back, for the target that takes this one's place. */
  async retire(): Promise<void> {
    this.#end();
    await this.#running;
    if (this.#current !== null) this.#ports.outbox.putBack(this.#current);
  }

  #end(): void {
    this.#ended.abort();
    this.#ports.client.close();
    this.#wakeIdle();
    this.#wakeRetry();
  }

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const message = this.#next();
      if (message === null && this.#draining) return;
      if (message === null) await this.#idle();
      else await this.#deliver(message);
      if (this.#draining && this.#problem !== null) return;
    }
  }

  #next(): Message | null {
    const { clock } = this.#ports;
    this.#count('expired', this.#ports.outbox.expire(clock.now()));
    const tokens = this.#draining ? 1 : this.#bucket.tokens(clock.monotonic());
    if (tokens < 1) return null;
    const waiting = this.#ports.outbox.size();
    const message = this.#ports.outbox.take(tokens, clock.now());
    if (message === null) return null;
    this.#bucket.take(clock.monotonic());
    if (message.kind === 'summary') {
      this.#count('folded', waiting);
      this.#ports.log.info('notify.folded', { target: this.name, count: waiting });
    }
    return message;
  }

  async #deliver(message: Message): Promise<void> {
    this.#current = message;
    for (let tries = 1; this.#isWanted(message); tries += 1) {
      const failure = await this.#try(message);
      if (failure === null) return this.#sent();
      if (this.#ended.signal.aborted) return;
      this.#fails(message, failure, tries);
      if (failure.final || tries >= MAX_TRIES) return this.#giveUp(message, 'given-up');
      if (this.#draining) return;
      await this.#pause(this.#waitAfter(failure));
    }
    if (this.#ended.signal.aborted) return;
    if (this.#current === message) this.#giveUp(message, 'expired');
    else this.#count('settled', 1);
  }

  #isWanted(message: Message): boolean {
    if (this.#ended.signal.aborted) return false;
    return this.#current === message && message.until > this.#ports.clock.now();
  }

  async #try(message: Message): Promise<Failure | null> {
    try {
      const body = await this.#settings.encode(message);
      const answer = await this.#ports.client.post(body, this.#settings.contentType);
      return isTaken(answer) ? null : failureOf(answer);
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error), waitMs: 0, final: false };
    }
  }

  #waitAfter({ waitMs }: Failure): number {
    const step = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 20));
    return Math.max(waitMs, step * (0.5 + this.#ports.random() / 2));
  }

  #sent(): void {
    if (this.#problem !== null) this.#ports.log.info('notify.works-again', { target: this.name });
    this.#problem = null;
    this.#failures = 0;
    this.#current = null;
    this.#count('sent', 1);
  }

  #fails(message: Message, { final, problem }: Failure, tries: number): void {
    this.#problem = problem;
    this.#failures += 1;
    this.#ports.failed(this.name);
    this.#ports.log.warn('notify.failed', { target: this.name, notice: message.id, problem, tries, final });
  }

  #giveUp(message: Message, result: 'given-up' | 'expired'): void {
    this.#current = null;
    this.#count(result, 1);
    this.#ports.log.warn('notify.given-up', { target: this.name, notice: message.id, because: result });
  }

  #count(result: NoticeResult, count: number): void {
    if (count > 0) this.#ports.counted(this.name, result, count);
  }

  /** Waits until something comes, or until what waits may go out. */
  async #idle(): Promise<void> {
    const { clock, outbox } = this.#ports;
    const rest = outbox.size() === 0 ? null : this.#bucket.untilNext(clock.monotonic());
    await new Promise<void>((resolve) => {
      const timer = rest === null ? undefined : setTimeout(resolve, rest);
      this.#wakeIdle = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#draining || this.#ended.signal.aborted) this.#wakeIdle();
    });
  }

  /** Waits for another try, at most until the target ends. */
  async #pause(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wakeRetry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function failureOf(answer: WebhookAnswer): Failure {
  const { retryAfterMs, status } = answer;
  const lasting = isLasting(answer);
  const asked = Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS);
  return {
    problem: `expected a status of 2xx, found ${status}${lasting ? '; this needs somebody to look at' : ''}`,
    waitMs: Math.max(asked, lasting ? LONGEST_RETRY_MS / 2 : 0),
    final: REFUSED_FOR_GOOD.has(status),
  };
}
