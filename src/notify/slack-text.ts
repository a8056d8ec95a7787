/**
 * Text in the mark-up of Slack (mrkdwn). Whatever is not ours stands in code, where nothing is a mention, a link, an
 * emoji or mark-up; `&`, `<` and `>` are escaped, so that it holds no command of Slack's own either; and a backtick, which
 * would end the code, stands as the mark that src/visible gives to characters that may not be shown.
 */

const BACKTICK = String.raw`\u{0060}`;
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['`', BACKTICK],
]);
const CUT = '…';

/** A text within a line, at most `most` characters as they are sent. An empty one shows as a dash. */
export function inlineCode(text: string, most: number): string {
  return text === '' ? '-' : `\`${escapedUpTo(text.replaceAll('\n', ' '), most - 2)}\``;
}

/** A text on lines of its own, at most `most` characters as they are sent. */
export function codeBlock(text: string, most: number): string {
  return `\`\`\`\n${escapedUpTo(text, most - 8)}\n\`\`\``;
}

/** Cuts between characters, never within an entity. */
function escapedUpTo(text: string, most: number): string {
  const pieces: string[] = [];
  let length = 0;
  for (const character of text) {
    const piece = ENTITIES.get(character) ?? character;
    if (length + piece.length > most) {
      while (length + CUT.length > most) length -= pieces.pop()?.length ?? most;
      return pieces.join('') + CUT;
    }
    pieces.push(piece);
    length += piece.length;
  }
  return pieces.join('');
}
