// Control characters, format characters (bidi controls, zero width), line and paragraph separators, private use,
// unassigned code points and lone surrogates: whatever could hide, reorder or fake a line where the text is shown.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The text with everything that does not print written as `\u{HEX}`, and cut at `maxChars`. */
export function printable(text: string, maxChars: number): string {
  const escaped = text
    .slice(0, maxChars)
    .replaceAll(UNPRINTABLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  return text.length > maxChars ? `${escaped}...` : escaped;
}
