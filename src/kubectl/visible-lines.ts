import { makeVisible } from '../visible/text.ts';

/** What kubectl, a credential plug-in or the API server says, line by line; spaces before a line are left as they are. */
export function visibleLines(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      const words = line.trim();
      return words === ''
        ? ''
        : line.slice(0, line.length - line.trimStart().length).replaceAll(/[^ ]/gu, ' ') + makeVisible(words);
    })
    .join('\n');
}
