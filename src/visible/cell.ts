import { isMark } from './characters.ts';
import { visiblePieces } from './text.ts';

/** Characters that take two columns of a terminal, and marks, which take none. */
const WIDE =
  /[\p{Emoji_Presentation}\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\u3000-\u303F\uFF01-\uFF60]/u;
/** Read no further into a text than a table could ever show. */
const MAX_CELL_CHARACTERS = 512;

/** How many columns of a terminal a text takes that has been made visible. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += widthOf(character);
  return columns;
}

/**
 * A text made visible for a cell of a table: at most `columns` wide, cut between marks and never within one, and then
 * ending in `…`. Right-to-left letters are marked: they would move the cells after theirs.
 */
export function visibleCell(text: string, columns: number): string {
  const pieces = visiblePieces(text, { limit: MAX_CELL_CHARACTERS, rightToLeft: 'escape' });
  const whole = pieces.join('');
  if (columnsOf(whole) <= columns) return whole;
  let cell = '';
  let used = 0;
  for (const piece of pieces) {
    const width = columnsOf(piece);
    if (used + width > columns - 1) break;
    cell += piece;
    used += width;
  }
  return `${cell}…`;
}

function widthOf(character: string): number {
  if (isMark(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
