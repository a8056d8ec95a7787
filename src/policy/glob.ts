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
  /** True when it matches every text. */
  readonly any: boolean;
  matches(text: string): boolean;
}

/** Compiles a glob of Python's `fnmatch`. Every text is a glob. */
export function compileGlob(text: string): Glob {
  const parts = parseGlob(text);
  const [first, second, third] = parts;
  const prefix = first?.kind === 'text' ? first.text : '';
  const last = parts.at(-1);
  const suffix = last?.kind === 'text' ? last.text : '';
  if (parts.length === 0) return literalGlob(text, '');
  if (parts.length === 1 && first?.kind === 'text') return literalGlob(text, first.text);
  if (parts.length === 1 && first?.kind === 'run') {
    return { text, literal: null, prefix, suffix, any: true, matches: () => true };
  }
  const glob = { text, literal: null, prefix, suffix, any: false };
  if (parts.length === 2 && first?.kind === 'text' && second?.kind === 'run') {
    return { ...glob, matches: (value) => value.startsWith(prefix) };
  }
  if (parts.length === 2 && first?.kind === 'run' && second?.kind === 'text') {
    return { ...glob, matches: (value) => value.endsWith(second.text) };
  }
  if (parts.length === 3 && first?.kind === 'run' && second?.kind === 'text' && third?.kind === 'run') {
    return { ...glob, matches: (value) => value.includes(second.text) };
  }
  return { ...glob, matches: (value) => matchParts(parts, value) };
}

function literalGlob(text: string, literal: string): Glob {
  return { text, literal, prefix: literal, suffix: literal, any: false, matches: (value) => value === literal };
}

/**
 * Greedy matching that returns only to the last run: each run needs no earlier one to give back, so that the time is
 * bounded by the text times the pattern, and there is no exponential case.
 */
function matchParts(parts: readonly GlobPart[], value: string): boolean {
  let at = 0;
  let index = 0;
  let resumeIndex = -1;
  let resumeAt = 0;
  for (;;) {
    const part = parts[index];
    if (part === undefined && at === value.length) return true;
    if (part?.kind === 'run') {
      index += 1;
      if (index === parts.length) return true;
      resumeIndex = index;
      resumeAt = at;
      continue;
    }
    const next = part === undefined ? -1 : step(part, value, at);
    if (next >= 0) {
      at = next;
      index += 1;
      continue;
    }
    if (resumeIndex < 0 || resumeAt >= value.length) return false;
    resumeAt = after(value, resumeAt);
    at = resumeAt;
    index = resumeIndex;
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
