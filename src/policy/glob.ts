import { parseGlob, type GlobPart } from './glob-parse.ts';

/** A glob of a policy, compiled. It matches the whole text, by code point, letter case and all. */
export interface Glob {
  readonly text: string;
  /** The only text that it matches, or null when it has wildcards. */
  readonly literal: string | null;
  /** What every matching text starts with; the literal, for a literal. */
  readonly prefix: string;
  /** What every matching text ends with; the literal, for a literal. */
  readonly suffix: string;
  /** The longest text without wildcards in it; empty for none. */
  readonly inner: string;
  /** True when it matches every text. */
  readonly any: boolean;
  matches(text: string): boolean;
}

/** Compiles a glob of Python's `fnmatch`. Every text is a glob. */
export function compileGlob(text: string): Glob {
  const parts = parseGlob(text);
  const prefix = literalOf(parts[0]);
  const suffix = literalOf(parts.at(-1));
  const wild = parts.some((part) => part.kind !== 'text');
  const any = parts.length === 1 && parts[0]?.kind === 'run';
  const inner = parts.map(literalOf).reduce((longest, next) => (next.length > longest.length ? next : longest), '');
  return { text, literal: wild ? null : prefix, prefix, suffix, inner, any, matches: matcherOf(parts) };
}

function literalOf(part: GlobPart | undefined): string {
  return part?.kind === 'text' ? part.text : '';
}

/** Most globs have one of five simple shapes, for which the platform has a fast test. */
function matcherOf(parts: readonly GlobPart[]): (value: string) => boolean {
  const [first, second] = [literalOf(parts[0]), literalOf(parts[1])];
  switch (parts.map((part) => part.kind).join(' ')) {
    case '':
    case 'text':
      return (value) => value === first;
    case 'run':
      return () => true;
    case 'text run':
      return (value) => value.startsWith(first);
    case 'run text':
      return (value) => value.endsWith(second);
    case 'run text run':
      return (value) => value.includes(second);
    default:
      return (value) => new GlobMatch(parts, value).run();
  }
}

/**
 * Greedy matching that returns only to the last run: each run needs no earlier one to give back, so that the time is
 * bounded by the text times the pattern, and there is no exponential case.
 */
class GlobMatch {
  readonly #parts: readonly GlobPart[];
  readonly #value: string;
  #at = 0;
  #index = 0;
  /** Where matching goes on when a part fails: behind the last run, which then takes one code point more. */
  #resume: { readonly index: number; at: number } | null = null;

  constructor(parts: readonly GlobPart[], value: string) {
    this.#parts = parts;
    this.#value = value;
  }

  run(): boolean {
    for (;;) {
      const part = this.#parts[this.#index];
      if (part === undefined && this.#at === this.#value.length) return true;
      if (part?.kind === 'run') {
        this.#index += 1;
        this.#resume = { index: this.#index, at: this.#at };
      } else if (!this.#advance(part) && !this.#giveMore()) return false;
    }
  }

  #advance(part: Exclude<GlobPart, { kind: 'run' }> | undefined): boolean {
    const next = part === undefined ? -1 : step(part, this.#value, this.#at);
    if (next < 0) return false;
    this.#at = next;
    this.#index += 1;
    return true;
  }

  #giveMore(): boolean {
    if (this.#resume === null || this.#resume.at >= this.#value.length) return false;
    this.#resume.at = after(this.#value, this.#resume.at);
    this.#at = this.#resume.at;
    this.#index = this.#resume.index;
    return true;
  }
}

/** The position behind what the part matches at `at`, or -1. */
function step(part: Exclude<GlobPart, { kind: 'run' }>, value: string, at: number): number {
  if (part.kind === 'text') return value.startsWith(part.text, at) ? at + part.text.length : -1;
  if (at >= value.length) return -1;
  if (part.kind === 'one') return after(value, at);
  const code = value.codePointAt(at) ?? 0;
  return part.has(code) ? after(value, at) : -1;
}

/** The position of the next code point. */
function after(value: string, at: number): number {
  return at + ((value.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
}
