import { describe, expect, it } from 'vitest';
import { didYouMean, formatMistake, formatPath, MistakesError } from '../../../src/document/mistake.ts';

const MISTAKE = { file: 'p.yaml', line: 3, column: 5, path: 'rules[0].name', message: 'missing; expected text' };

describe('mistakes', () => {
  it('are written as a compiler would', () => {
    expect(formatMistake(MISTAKE)).toBe('p.yaml:3:5: rules[0].name: missing; expected text');
    expect(formatMistake({ ...MISTAKE, path: '' })).toBe('p.yaml:3:5: missing; expected text');
    expect(new MistakesError([MISTAKE, { ...MISTAKE, line: 4 }]).message.split('\n')).toHaveLength(2);
  });

  it('name a path as people write it', () => {
    expect(formatPath(['rules', 3, 'match', 'a b', 'c.d'])).toBe('rules[3].match["a b"]["c.d"]');
    expect(formatPath([])).toBe('');
  });

  it.each([
    ['rulez', 'rules'],
    ['Rules', 'rules'],
    ['ruels', 'rules'],
    ['risk', 'risk_level'],
    ['apporval', 'approval'],
    ['param_greater', null],
    ['x', null],
    ['', null],
    ['r'.repeat(100), null],
  ])('suggest for %s: %s', (word, meant) => {
    expect(didYouMean(word, ['rules', 'risk_level', 'approval', 'param_gt', 'param_gte'])).toBe(meant);
  });
});
