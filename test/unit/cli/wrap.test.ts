import { describe, expect, it } from 'vitest';
import { wrapLines } from '../../../src/cli/wrap.ts';

const WORDS = 'the quick brown fox jumps over the lazy dog, and again';

describe('folding lines to the width of a terminal', () => {
  it('folds at spaces, and begins the rest further in', () => {
    expect(wrapLines(`   ${WORDS}`, 40)).toBe('   the quick brown fox jumps over the\n     lazy dog, and again');
  });

  it('leaves what fits, and a word that is longer than the terminal is wide', () => {
    const word = 'x'.repeat(60);
    expect(wrapLines(`fits\n\n${word}`, 40)).toBe(`fits\n\n${word}`);
  });

  it('does not count what colours a text', () => {
    const red = `\u001B[31m${'r'.repeat(30)}\u001B[0m`;
    expect(wrapLines(`${red} 123456789`, 40)).toBe(`${red} 123456789`);
  });

  it('folds nothing where there is no terminal', () => {
    expect(wrapLines(WORDS.repeat(9), null)).toBe(WORDS.repeat(9));
  });

  it('loses no word, and keeps every line within the width', () => {
    const text = wrapLines(`  ${WORDS} ${WORDS} ${WORDS}`, 40);
    expect(text.split('\n').every((line) => line.length <= 40)).toBe(true);
    expect(text.split(/\s+/u).filter(Boolean)).toEqual(`${WORDS} ${WORDS} ${WORDS}`.split(' '));
  });
});
