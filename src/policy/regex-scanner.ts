import { invalid } from './regex-syntax.ts';

/** Reads a pattern one token at a time: a code point, or a backslash with the one behind it. */
export class Scanner {
  readonly #points: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#points = Array.from(pattern);
    if (endsInEscape(this.#points)) throw invalid('the pattern ends in a single backslash');
  }

  /** The token at hand, or null at the end. */
  get next(): string | null {
    const point = this.#points[this.#at];
    if (point === undefined) return null;
    return point === '\\' ? `\\${this.#points[this.#at + 1] ?? ''}` : point;
  }

  get(): string | null {
    const token = this.next;
    if (token !== null) this.#at += token.startsWith('\\') ? 2 : 1;
    return token;
  }

  /** Takes the token when it is the given one. */
  take(token: string): boolean {
    if (this.next !== token) return false;
    this.get();
    return true;
  }

  /** Takes up to `count` tokens of a kind. */
  takeWhile(kind: RegExp, count: number = Number.POSITIVE_INFINITY): string {
    let text = '';
    for (let taken = 0; taken < count && this.next !== null && kind.test(this.next); taken += 1)
      text += this.get() ?? '';
    return text;
  }

  /** Takes everything before a terminator, and the terminator. */
  takeUntil(terminator: string, what: string): string {
    let text = '';
    for (;;) {
      const token = this.get();
      if (token === null) throw invalid(`${what} is not ended by ${terminator}`);
      if (token === terminator) break;
      text += token;
    }
    if (text === '') throw invalid(`${what} is missing`);
    return text;
  }

  mark(): number {
    return this.#at;
  }

  reset(mark: number): void {
    this.#at = mark;
  }
}

function endsInEscape(points: readonly string[]): boolean {
  let backslashes = 0;
  while (points[points.length - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}
