import { messageOf, summaryOf, type Counts, type Message } from './message.ts';
import { newsUntil, type Notice } from './notice.ts';

/** What a target still has to be told. */
export interface Outbox {
  /** Adds a notice; false when it has been in here before. */
  add(notice: Notice): boolean;
  /** Takes back that an approval waits, since it does no more; how many notices that was. */
  settle(name: string): number;
  /** Takes back what is no news any more; how many notices that was. */
  expire(now: number): number;
  /**
   * The next message, out of the box; null when there is none. As long as `tokens` last each notice gets its own; the last
   * one takes everything that is left together.
   */
  take(tokens: number, now: number): Message | null;
  /** Puts a message back that could not be sent: it is the next. */
  putBack(message: Message): void;
  /** How many notices wait; a message that was put back counts as one. */
  size(): number;
}

/** A notice is a few KiB; beyond this the oldest are only counted. */
const MAX_WAITING = 500;
/** Ids that are remembered, so that nothing is told twice: more than can wait for a decision at a time by default. */
const MAX_KNOWN = 5_000;
const NONE: Counts = { pending: 0, decided: 0, ended: 0 };

/** Makes an empty one. */
export function createOutbox(): Outbox {
  return new Box();
}

class Box implements Outbox {
  #waiting: Notice[] = [];
  /** Notices that there was no room for. */
  #beyond: Counts = NONE;
  #back: Message | null = null;
  readonly #known = new Set<string>();

  add(notice: Notice): boolean {
    if (this.#known.has(notice.id)) return false;
    this.#known.add(notice.id);
    const [oldest] = this.#known;
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    this.#waiting.push(notice);
    const first = this.#waiting.length > MAX_WAITING ? this.#waiting.shift() : undefined;
    if (first !== undefined) this.#beyond = { ...this.#beyond, [first.event]: this.#beyond[first.event] + 1 };
    return true;
  }

  settle(name: string): number {
    return this.#keep((notice) => notice.event !== 'pending' || notice.name !== name);
  }

  expire(now: number): number {
    return this.#keep((notice) => newsUntil(notice) > now);
  }

  take(tokens: number, now: number): Message | null {
    const back = this.#back;
    this.#back = null;
    if (back !== null) return back;
    const total = this.#waiting.length + this.#countBeyond();
    if (total === 0) return null;
    const together = tokens < 2 && total > 1;
    const next = together ? undefined : this.#waiting.shift();
    if (next !== undefined) return messageOf(next);
    const beyond = this.#beyond;
    this.#beyond = NONE;
    return summaryOf(this.#waiting.splice(0), beyond, now);
  }

  putBack(message: Message): void {
    this.#back = message;
  }

  size(): number {
    return this.#waiting.length + this.#countBeyond() + (this.#back === null ? 0 : 1);
  }

  #countBeyond(): number {
    const { decided, ended, pending } = this.#beyond;
    return decided + ended + pending;
  }

  #keep(wanted: (notice: Notice) => boolean): number {
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter(wanted);
    return before - this.#waiting.length;
  }
}
