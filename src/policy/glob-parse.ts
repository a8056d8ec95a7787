/** A piece of a glob. */
export type GlobPart =
  | { readonly kind: 'text'; readonly text: string }
  /** `*`: any run of code points, also an empty one. */
  | { readonly kind: 'run' }
  /** `?`: exactly one code point. */
  | { readonly kind: 'one' }
  /** `[...]`: one code point of a set. */
  | { readonly kind: 'set'; readonly has: (code: number) => boolean };

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Splits a glob as Python's `fnmatch.translate` does; runs directly after one another are one. */
export function parseGlob(text: string): readonly GlobPart[] {
  const points = Array.from(text);
  const parts: GlobPart[] = [];
  let literal = '';
  const flush = (part: GlobPart): void => {
    if (literal !== '') parts.push({ kind: 'text', text: literal });
    literal = '';
    if (part.kind !== 'run' || parts.at(-1)?.kind !== 'run') parts.push(part);
  };
  for (let at = 0; at < points.length; at += 1) {
    const point = points[at] ?? '';
    const close = point === '[' ? setEnd(points, at + 1) : -1;
    if (point === '*') flush({ kind: 'run' });
    else if (point === '?') flush({ kind: 'one' });
    else if (close < 0) literal += point;
    else {
      flush({ kind: 'set', has: parseSet(points.slice(at + 1, close)) });
      at = close;
    }
  }
  if (literal !== '') parts.push({ kind: 'text', text: literal });
  return parts;
}

/** The index of the `]` that ends a set, or -1: then the `[` is a literal. */
function setEnd(points: readonly string[], start: number): number {
  let at = start;
  if (points[at] === '!') at += 1;
  if (points[at] === ']') at += 1;
  while (at < points.length && points[at] !== ']') at += 1;
  return at < points.length ? at : -1;
}

/**
 * What stands between the brackets, as `fnmatch.translate` understands it: split at the hyphens that make ranges, with
 * the ranges that run backwards taken out. What is then left decides whether the set is empty or negated.
 */
function parseSet(points: readonly string[]): (code: number) => boolean {
  const chunks = points.includes('-') ? splitAtRanges(points) : [[...points]];
  const negated = chunks[0]?.[0] === '!';
  if (negated) chunks[0] = chunks[0]?.slice(1) ?? [];
  const ranges = rangesOf(chunks);
  return (code) => ranges.some((range) => code >= range.from && code <= range.to) !== negated;
}

function splitAtRanges(points: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let start = 0;
  let search = points[0] === '!' ? 2 : 1;
  for (;;) {
    const hyphen = points.indexOf('-', search);
    if (hyphen < 0) break;
    chunks.push(points.slice(start, hyphen));
    start = hyphen + 1;
    search = hyphen + 3;
  }
  const rest = points.slice(start);
  if (rest.length > 0) chunks.push(rest);
  else chunks.at(-1)?.push('-');
  for (let index = chunks.length - 1; index > 0; index -= 1) dropIfBackwards(chunks, index);
  return chunks;
}

/** Joins a chunk to the one before when the range between them ends before it starts. */
function dropIfBackwards(chunks: string[][], index: number): void {
  const before = chunks[index - 1] ?? [];
  const chunk = chunks[index] ?? [];
  if (codeOf(before.at(-1)) <= codeOf(chunk[0])) return;
  chunks[index - 1] = [...before.slice(0, -1), ...chunk.slice(1)];
  chunks.splice(index, 1);
}

/** Neighbouring chunks make a range of the last of the one and the first of the other; all others are members. */
function rangesOf(chunks: readonly (readonly string[])[]): readonly Range[] {
  const ranges: Range[] = [];
  for (const [index, chunk] of chunks.entries()) {
    const next = chunks[index + 1];
    for (const point of chunk) ranges.push({ from: codeOf(point), to: codeOf(point) });
    if (next !== undefined && chunk.length > 0) ranges.push({ from: codeOf(chunk.at(-1)), to: codeOf(next[0]) });
  }
  return ranges;
}

function codeOf(point: string | undefined): number {
  return point?.codePointAt(0) ?? 0;
}
