import { parseGlob, type GlobPart } from './glob-parse.ts';

/**
 * What two globs of a policy have in common. A glob is read as an automaton whose states are the places between its
 * parts; code points that no set of either glob tells apart are taken together.
 */
type Part = { readonly kind: 'run' } | { readonly kind: 'one'; readonly holds: (code: number) => boolean };

interface ReadGlob {
  readonly parts: readonly Part[];
  /** Code points at which a part begins or ceases to hold. */
  readonly edges: readonly number[];
}

/** Comparing long globs takes time in the product of their lengths; past this many states the answer is "not known". */
const MAX_STATES = 20_000;

const LAST_CODE_POINT = 0x10ffff;

/** True when every text that `inner` matches is matched by `outer`; false also when that would take too long to tell. */
export function globCovers(outer: string, inner: string): boolean {
  if (outer === inner || /^\*+$/u.test(outer)) return true;
  return search(inner, outer, (innerEnd, outerEnd) => innerEnd && !outerEnd) === 'none';
}

/** True when some text is matched by both; true also when that would take too long to tell. */
export function globsOverlap(left: string, right: string): boolean {
  return search(left, right, (leftEnd, rightEnd) => leftEnd && rightEnd) !== 'none';
}

/** Looks for a text at whose end the two globs stand as asked for; the first glob must still be matching. */
function search(
  first: string,
  second: string,
  wanted: (firstEnd: boolean, secondEnd: boolean) => boolean,
): 'found' | 'none' | 'unknown' {
  const [left, right] = [readGlob(first), readGlob(second)];
  const letters = lettersOf([...left.edges, ...right.edges]);
  const start: State = { left: closure(left, [0]), right: closure(right, [0]) };
  const seen = new Set([keyOf(start)]);
  const queue = [start];
  for (const state of queue) {
    if (wanted(ends(left, state.left), ends(right, state.right))) return 'found';
    for (const letter of letters) {
      const next = { left: step(left, state.left, letter), right: step(right, state.right, letter) };
      const key = keyOf(next);
      if (next.left.length === 0 || seen.has(key)) continue;
      if (seen.size >= MAX_STATES) return 'unknown';
      seen.add(key);
      queue.push(next);
    }
  }
  return 'none';
}

/** The places at which each glob may stand, in order. */
interface State {
  readonly left: readonly number[];
  readonly right: readonly number[];
}

function keyOf(state: State): string {
  return `${state.left.join(',')}/${state.right.join(',')}`;
}

function ends(glob: ReadGlob, places: readonly number[]): boolean {
  return places.at(-1) === glob.parts.length;
}

function step(glob: ReadGlob, places: readonly number[], code: number): readonly number[] {
  const next: number[] = [];
  for (const place of places) {
    const part = glob.parts[place];
    if (part === undefined) continue;
    if (part.kind === 'run') next.push(place);
    else if (part.holds(code)) next.push(place + 1);
  }
  return closure(glob, next);
}

/** A run may be empty, so that whoever stands before it stands behind it as well. */
function closure(glob: ReadGlob, places: readonly number[]): readonly number[] {
  const all = new Set<number>();
  for (const start of places) {
    let place = start;
    while (!all.has(place)) {
      all.add(place);
      if (glob.parts[place]?.kind !== 'run') break;
      place += 1;
    }
  }
  return [...all].sort((left, right) => left - right);
}

/** One code point for each stretch that no edge divides. */
function lettersOf(edges: readonly number[]): readonly number[] {
  return [...new Set([0, ...edges])].filter((code) => code <= LAST_CODE_POINT).sort((left, right) => left - right);
}

/** Every range of a set begins and ends at a character that the glob is written with. */
function readGlob(glob: string): ReadGlob {
  const codes = codesOf(glob);
  return { parts: parseGlob(glob).flatMap(partsOf), edges: codes.flatMap((code) => [code, code + 1]) };
}

function partsOf(part: GlobPart): readonly Part[] {
  switch (part.kind) {
    case 'text':
      return codesOf(part.text).map((code) => ({ kind: 'one', holds: (asked) => asked === code }));
    case 'run':
      return [{ kind: 'run' }];
    case 'one':
      return [{ kind: 'one', holds: () => true }];
    case 'set':
      return [{ kind: 'one', holds: part.has }];
    default:
      return part satisfies never;
  }
}

function codesOf(text: string): readonly number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0);
}

/** A text that the glob matches and that reads like a name; null when it matches none. */
export function sampleOf(glob: string): string | null {
  let text = '';
  for (const part of readGlob(glob).parts) {
    if (part.kind === 'run') continue;
    const code = SAMPLE_LETTERS.find((letter) => part.holds(letter)) ?? anyHeld(glob, part.holds);
    if (code === null) return null;
    text += String.fromCodePoint(code);
  }
  return text;
}

const SAMPLE_LETTERS = codesOf('xabcdefghijklmnopqrstuvwyz0123456789_-./ABCDEFGHIJKLMNOPQRSTUVWXYZ');

function anyHeld(glob: string, holds: (code: number) => boolean): number | null {
  return lettersOf(readGlob(glob).edges).find(holds) ?? null;
}
