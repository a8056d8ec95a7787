import { BREAK_OR_END, BREAKS, END, SPACE_BREAK_OR_END, type Cursor } from './cursor.ts';

interface Header {
  /** `+` keeps the line breaks at the end, `-` drops them; without either, one is kept. */
  readonly chomping: string;
  readonly increment: number | null;
}

/** Scans `|` or `>` with its lines; `parentIndent` is the indentation of the block that it stands in, -1 for none. */
export function scanBlockScalar(cursor: Cursor, parentIndent: number): string {
  const folded = cursor.take(1) === '>';
  const header = scanHeader(cursor);
  scanRestOfLine(cursor);
  const least = Math.max(1, parentIndent + 1);
  const first = header.increment === null ? scanIndentation(cursor, least) : null;
  const indent = first?.indent ?? least + (header.increment ?? 1) - 1;
  const breaks = first?.breaks ?? scanBreaks(cursor, indent);
  return scanLines(cursor, { indent, folded, breaks, chomping: header.chomping });
}

function scanLines(
  cursor: Cursor,
  block: { readonly indent: number; readonly folded: boolean; readonly breaks: string; readonly chomping: string },
): string {
  let text = '';
  let breaks = block.breaks;
  let lineBreak = '';
  const atLine = (): boolean => cursor.indent === block.indent && cursor.peek() !== END;
  while (atLine()) {
    const leadingText = !isBlank(cursor.peek());
    text += breaks + cursor.take(cursor.lengthUntil(BREAK_OR_END));
    lineBreak = cursor.lineBreak();
    breaks = scanBreaks(cursor, block.indent);
    if (!atLine()) break;
    const joins = block.folded && lineBreak === '\n' && leadingText && !isBlank(cursor.peek());
    if (!joins) text += lineBreak;
    else if (breaks === '') text += ' ';
  }
  if (block.chomping !== '-') text += lineBreak;
  return block.chomping === '+' ? text + breaks : text;
}

function isBlank(point: string): boolean {
  return point === ' ' || point === '\t';
}

function scanHeader(cursor: Cursor): Header {
  let chomping = takeIf(cursor, '+-');
  const digit = takeIf(cursor, '0123456789');
  if (chomping === '') chomping = digit === '' ? '' : takeIf(cursor, '+-');
  if (digit === '0') throw cursor.fail('a block of text is indented by 0; expected 1 to 9');
  if (!SPACE_BREAK_OR_END.includes(cursor.peek())) {
    throw cursor.fail(`found ${cursor.shown()} behind | or >; expected +, -, a digit or the end of the line`);
  }
  return { chomping, increment: digit === '' ? null : Number(digit) };
}

function takeIf(cursor: Cursor, points: string): string {
  return points.includes(cursor.peek()) ? cursor.take(1) : '';
}

function scanRestOfLine(cursor: Cursor): void {
  cursor.skipSpaces();
  cursor.skipComment();
  if (!BREAK_OR_END.includes(cursor.peek())) {
    throw cursor.fail(`found ${cursor.shown()}; expected a comment or the end of the line`);
  }
  cursor.lineBreak();
}

/** Without a digit in the header, the first line with text says how far the block is indented. */
function scanIndentation(cursor: Cursor, least: number): { readonly indent: number; readonly breaks: string } {
  let breaks = '';
  let deepest = 0;
  while (` ${BREAKS}`.includes(cursor.peek())) {
    if (cursor.peek() === ' ') {
      cursor.forward();
      deepest = Math.max(deepest, cursor.indent);
    } else breaks += cursor.lineBreak();
  }
  return { indent: Math.max(least, deepest), breaks };
}

function scanBreaks(cursor: Cursor, indent: number): string {
  let breaks = '';
  skipIndent(cursor, indent);
  while (BREAKS.includes(cursor.peek())) {
    breaks += cursor.lineBreak();
    skipIndent(cursor, indent);
  }
  return breaks;
}

function skipIndent(cursor: Cursor, indent: number): void {
  while (cursor.indent < indent && cursor.peek() === ' ') cursor.forward();
}
