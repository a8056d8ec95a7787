import { describe, expect, it } from 'vitest';
import { compileGlob } from '../../../src/policy/glob.ts';

describe('globs', () => {
  it.each([
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'a/b.c\n', true],
    ['**', '/', true],
    ['a*', 'a', true],
    ['*a', 'ba\n', false],
    ['*b*', 'abc', true],
    ['a*b*c', 'axxbxxc', true],
    ['a*b*c', 'axxcxxb', false],
    ['?', '😀', true],
    ['??', '😀', false],
    ['*?', '😀', true],
    ['[😀-😂]', '😁', true],
    ['read', 'Read', false],
    ['read', ' read', false],
    ['[a-c]', 'b', true],
    ['[!a-c]', 'b', false],
    ['[!a-c]', 'd', true],
    ['[]a]', ']', true],
    ['[!]a]', ']', false],
    ['[', '[', true],
    ['[a', '[a', true],
    ['[]', '[]', true],
    ['[!', '[!', true],
    ['[^a]', '^', true],
    ['[^a]', 'b', false],
    ['[&&]', '&', true],
    ['[a\\]', '\\', true],
    ['[-a]', '-', true],
    ['[a-]', '-', true],
    ['[a-c-e]', '-', true],
    ['[a-c-e]', 'd', false],
    ['[--a]', 'A', true],
    ['[z-a]', 'z', false],
    ['[z-a]', 'a', false],
    ['[!z-a]', 'q', true],
    ['[z-ab]', 'b', true],
    ['[b-a!]', 'x', true],
    ['a\\*b', 'a\\zb', true],
    ['a\\*b', 'a*b', false],
    ['{a,b}', 'a', false],
    ['{a,b}', '{a,b}', true],
    ['é', 'e\u0301', false],
  ])('%j against %j is %j', (glob, text, matches) => {
    expect(compileGlob(glob).matches(text)).toBe(matches);
  });

  it('says what every matching text is, starts with, ends with and holds', () => {
    expect(compileGlob('read')).toMatchObject({ literal: 'read', prefix: 'read', suffix: 'read', any: false });
    expect(compileGlob('re*ad')).toMatchObject({ literal: null, prefix: 're', suffix: 'ad', any: false });
    expect(compileGlob('*prod?x*')).toMatchObject({ literal: null, prefix: '', suffix: '', inner: 'prod', any: false });
    expect(compileGlob('**')).toMatchObject({ literal: null, prefix: '', suffix: '', inner: '', any: true });
  });

  it('answers a pattern that costs a backtracking matcher exponential time', () => {
    expect(compileGlob(`${'*a'.repeat(40)}b`).matches('a'.repeat(3_000))).toBe(false);
  });
});
