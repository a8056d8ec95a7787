import { createHash } from 'node:crypto';
import { isMark, isPlain, isRightToLeft, isTwoWay, plainMarks, strayDigitsOf } from './characters.ts';
import { lookAlikes } from './look-alikes.ts';

/** How a text is shown. */
export interface VisibleOptions {
  /** How many characters (code points) are shown at most. */
  readonly limit?: number;
  /**
   * `keep` shows right-to-left letters, for a text with a line of its own; `escape` marks them, for a text with others
   * beside it, which they could move.
   */
  readonly rightToLeft?: 'keep' | 'escape';
}

/** As much as a person reads; what is longer is named with its length and digest. */
const DEFAULT_LIMIT = 4_096;
/** A longer run of spaces pushes what follows out of sight. */
const MAX_SPACES = 4;
const DIGEST_DIGITS = 32;
const SHORT_MARKS: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['\n', String.raw`\n`],
  ['\r', String.raw`\r`],
  ['\t', String.raw`\t`],
]);

/**
 * Makes a text safe to show: nothing in it moves, hides or imitates other text. What may not be shown stands as
 * `\u{202E}`, a letter that poses as another as `\u{0430 Cyrillic}`, a backslash as `\\`, the rest of a long text as
 * `… (+12 more chars, sha256:...)`. Two different texts never give the same: every mark starts with a backslash or is
 * `…`, and neither is ever shown for itself.
 */
export function makeVisible(text: string, options: VisibleOptions = {}): string {
  return visiblePieces(text, options).join('');
}

/** The same in pieces that must not be cut: a character, a mark, a note. */
export function visiblePieces(text: string, options: VisibleOptions = {}): readonly string[] {
  const shown = firstCharacters(text, options.limit ?? DEFAULT_LIMIT);
  const keep = options.rightToLeft !== 'escape';
  const context: Context = { keep, alike: lookAlikes(shown), isStray: strayDigitsOf(shown), end: shown.length };
  const pieces = keep && isTwoWay(shown) ? [String.raw`\{right-to-left text} `] : [];
  let place: Place = { offset: 0, before: '', spaces: 0 };
  for (const cluster of clusters(shown)) {
    pieces.push(...clusterPieces(cluster, place, context));
    place = {
      offset: place.offset + cluster.base.length + cluster.marks.join('').length,
      before: cluster.base,
      spaces: cluster.base === ' ' ? place.spaces + 1 : 0,
    };
  }
  if (shown.length < text.length) pieces.push(restOf(text, shown));
  return pieces;
}

/** What holds for the whole text. */
interface Context {
  readonly keep: boolean;
  readonly alike: ReadonlyMap<number, string>;
  readonly isStray: (character: string) => boolean;
  readonly end: number;
}

/** Where a cluster stands: its offset, the base before it, and the spaces just before it. */
interface Place {
  readonly offset: number;
  readonly before: string;
  readonly spaces: number;
}

function clusterPieces({ base, marks }: Cluster, place: Place, context: Context): readonly string[] {
  const pose = context.alike.get(place.offset);
  const plain = pose === undefined && isShown(base, place, context);
  const few = plain && (context.keep || !isRightToLeft(marks.join(''))) ? plainMarks(base, marks) : 0;
  const shownMarks = marks.map((mark, index) => (index < few ? mark : markOf(mark)));
  if (base === '') return shownMarks;
  return [plain ? base : markOf(base, pose), ...shownMarks];
}

function isShown(base: string, { offset, before, spaces }: Place, { keep, isStray, end }: Context): boolean {
  if (base === ' ') return offset > 0 && offset + 1 < end && spaces < MAX_SPACES;
  if (!keep && isRightToLeft(base)) return false;
  return isPlain(base, before) && !isStray(base);
}

interface Cluster {
  /** One character, or none where a text begins with marks. */
  readonly base: string;
  readonly marks: readonly string[];
}

function clusters(text: string): readonly Cluster[] {
  const found: { base: string; marks: string[] }[] = [];
  for (const character of text) {
    const last = found.at(-1);
    if (!isMark(character)) found.push({ base: character, marks: [] });
    else if (last === undefined) found.push({ base: '', marks: [character] });
    else last.marks.push(character);
  }
  return found;
}

function markOf(character: string, pose?: string): string {
  const short = SHORT_MARKS.get(character);
  if (short !== undefined) return short;
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return pose === undefined || pose === '' ? `\\u{${code}}` : `\\u{${code} ${pose}}`;
}

function firstCharacters(text: string, limit: number): string {
  if (text.length <= limit) return text;
  let units = 0;
  let count = 0;
  for (const character of text) {
    if (count === limit) break;
    units += character.length;
    count += 1;
  }
  return text.slice(0, units);
}

function restOf(text: string, shown: string): string {
  let more = 0;
  for (const _character of text.slice(shown.length)) more += 1;
  return `… (+${more} more chars, ${digestOf(text)})`;
}

/** Lone surrogates have no UTF-8 form; a text with one is digested in UTF-16, so that two such texts differ. */
function digestOf(text: string): string {
  const wellFormed = text.isWellFormed();
  const bytes = Buffer.from(text, wellFormed ? 'utf8' : 'utf16le');
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, DIGEST_DIGITS);
  return `${wellFormed ? 'sha256' : 'sha256-utf16le'}:${digest}`;
}
