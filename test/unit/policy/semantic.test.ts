import { describe, expect, it } from 'vitest';
import { actionWords, phraseWords, sharesWord } from '../../../src/policy/semantic.ts';
import { actionOf } from '../../support/policies.ts';

function matches(phrase: string, action: Parameters<typeof actionOf>[0]): boolean {
  return sharesWord(phraseWords(phrase), actionWords(actionOf(action)));
}

describe('the semantic condition', () => {
  it('looks for the words of a category, alone or within a phrase', () => {
    expect([...phraseWords('privileged')]).toEqual([
      'admin',
      'root',
      'sudo',
      'superuser',
      'escalate',
      'override',
      'bypass',
    ]);
    expect(phraseWords(' PII ')).toEqual(phraseWords('pii'));
    expect(phraseWords('financial and destructive')).toEqual(
      new Set([...phraseWords('financial'), ...phraseWords('destructive')]),
    );
  });

  it('leaves stop words out, and everything that is not a-z, 0-9 or _', () => {
    expect([...phraseWords('The deletion of a user-table, or é2e')]).toEqual(['deletion', 'user', 'table', '2e']);
    expect([...phraseWords('삭제')]).toEqual([]);
    expect([...phraseWords('the a of')]).toEqual([]);
  });

  it.each([
    ['destructive', { type: 'delete' }, true],
    ['destructive', { type: 'DELETE' }, true],
    ['destructive', { type: 'deleting' }, false],
    ['destructive', { target: 'drop table' }, true],
    ['destructive', { description: 'will purge it' }, true],
    ['destructive', { params: { purge: 1 } }, true],
    ['destructive', { params: { how: 'kill -9' } }, true],
    ['destructive', { params: { how: ['kill'] } }, false],
    ['destructive', { params: { how: { kill: 1 } } }, false],
    ['deploy', { params: { deploy_target: 'x' } }, true],
    ['deploy_target', { params: { deploy_target: 'x' } }, true],
    ['deploy_target', { params: { deploy: 'target' } }, false],
    ['credit_card', { type: 'credit card' }, false],
    ['pii', { type: 'credit_card' }, true],
    ['', { type: 'x' }, false],
    ['the', { type: 'the' }, false],
  ])('%j in %j: %j', (phrase, action, found) => {
    expect(matches(phrase, action)).toBe(found);
  });

  it('lower-cases as Python does', () => {
    expect(matches('k', { type: '\u212a' })).toBe(true);
    expect(matches('i', { type: 'İ' })).toBe(true);
  });
});
