import { stripVTControlCharacters } from 'node:util';

/** Narrower terminals are taken for none: there is no room for words beside an indentation. */
const NARROWEST_COLUMNS = 40;
/** How much further in the rest of a folded line begins. */
const HANGING = 2;

/**
 * Folds lines that are longer than a terminal is wide, at spaces and with a hanging indentation. A word that is longer
 * than that stays whole. Without a terminal (`null`) the text stays as it is, for programs that read line by line.
 */
export function wrapLines(text: string, columns: number | null): string {
  if (columns === null || columns < NARROWEST_COLUMNS) return text;
  return text
    .split('\n')
    .map((line) => folded(line, columns))
    .join('\n');
}

function folded(line: string, columns: number): string {
  if (roomOf(line) <= columns) return line;
  const indent = /^ */u.exec(line)?.[0] ?? '';
  const lines: string[] = [];
  let current = '';
  for (const word of line.slice(indent.length).split(/(?<=\S)(?= )/u)) {
    if (current !== '' && roomOf(indent) + HANGING + roomOf(current) + roomOf(word) > columns) {
      lines.push(current);
      current = word.trimStart();
    } else current += word;
  }
  lines.push(current);
  return lines.map((part, index) => `${indent}${' '.repeat(index === 0 ? 0 : HANGING)}${part}`).join('\n');
}

function roomOf(text: string): number {
  return stripVTControlCharacters(text).length;
}
