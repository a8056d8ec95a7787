import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { columnsOf, visibleCell } from '../../../src/visible/cell.ts';
import { makeVisible } from '../../../src/visible/text.ts';

interface Hostile {
  readonly name: string;
  readonly text: string;
  readonly shown: string;
}

const CORPUS = JSON.parse(
  readFileSync(new URL('../../cases/hostile-strings.json', import.meta.url), 'utf8'),
) as readonly Hostile[];
/** What no output may ever hold: what a terminal obeys, what cannot be seen, what moves other text. */
const UNSAFE = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;

describe('a text made visible', () => {
  it.each(CORPUS)('$name', ({ text, shown }) => {
    expect(makeVisible(text)).toBe(shown);
    expect(shown).not.toMatch(UNSAFE);
  });

  it('names what was cut from a long text with its length and digest', () => {
    expect(makeVisible('x'.repeat(5_000))).toBe(
      `${'x'.repeat(4_096)}… (+904 more chars, sha256:c59d3c0480cc2d71d8f646e735e92da6)`,
    );
    expect(makeVisible('😀😀😀', { limit: 2 })).toMatch(/^😀😀… \(\+1 more chars, sha256:[0-9a-f]{32}\)$/u);
  });

  it('tells long texts apart that differ only where they were cut, even in a lone surrogate', () => {
    const ends = ['a', 'b', '\uD800', '\uD801', '\uFFFD'];
    const shown = ends.map((end) => makeVisible(`${'x'.repeat(10)}${end}`, { limit: 5 }));
    expect(new Set(shown).size).toBe(ends.length);
  });

  it('marks right-to-left letters where other text stands beside them', () => {
    expect(makeVisible('ab שלום', { rightToLeft: 'escape' })).toBe(String.raw`ab \u{05E9}\u{05DC}\u{05D5}\u{05DD}`);
    expect(makeVisible('ש\u05B8', { rightToLeft: 'escape' })).toBe(String.raw`\u{05E9}\u{05B8}`);
  });

  it('shows digits of another script beside letters of that script', () => {
    expect(makeVisible('আমি ৪')).toBe('আমি ৪');
    expect(makeVisible('आप ৪')).toBe(String.raw`आप \u{09EA}`);
  });

  it('marks all letters of a word that mixes alphabets', () => {
    expect(makeVisible('жλ')).toBe(String.raw`\u{0436 Cyrillic}\u{03BB Greek}`);
    expect(makeVisible('API一覧')).toBe(String.raw`API\u{4E00 East Asian}覧`);
    expect(makeVisible('一')).toBe(String.raw`\u{4E00 East Asian}`);
  });
});

describe('a cell of a table', () => {
  it('is as wide as it may be, and cut between marks', () => {
    expect(visibleCell('payments', 8)).toBe('payments');
    expect(visibleCell('payments!', 8)).toBe('payment…');
    expect(visibleCell('ab\x1b[31m', 8)).toBe('ab…');
    expect(visibleCell('日本語日本語', 8)).toBe('日本語…');
  });

  it.each(CORPUS)('holds no character that is unsafe or moves others: $name', ({ text }) => {
    const cell = visibleCell(text, 24);
    expect(columnsOf(cell)).toBeLessThanOrEqual(24);
    expect(cell).not.toMatch(UNSAFE);
    expect(cell).not.toMatch(/[\n\u0590-\u08FF]/u);
  });
});
