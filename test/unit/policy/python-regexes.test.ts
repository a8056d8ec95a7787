import { describe, expect, it } from 'vitest';
import { compilePythonRegex } from '../../../src/policy/regex.ts';
import { caseLines, caseObject, textOf } from '../../support/case-lines.ts';

/** Patterns and texts with the answer of `re.search` in Python 3.11: true, false, or "error" when it refuses. */
const LINES = caseLines('python-regexes.jsonl').map((line) => {
  const given = caseObject(line);
  return { pattern: textOf(given.get('pattern')), text: textOf(given.get('text')), found: given.get('found') };
});

function search(pattern: string, text: string): boolean | 'invalid' | 'dialect' | 'too-long' {
  const compiled = compilePythonRegex(pattern);
  return compiled.ok ? compiled.regex.test(text) : compiled.kind;
}

describe('regular expressions in the dialect of Python', () => {
  it('has 1,500 searches', () => {
    expect(LINES).toHaveLength(1500);
  });

  it.each(LINES)('answers $pattern in $text as Python does, or refuses the construct', ({ pattern, text, found }) => {
    const allowed = found === 'error' ? ['invalid', 'dialect'] : [found, 'dialect'];
    expect(allowed).toContain(search(pattern, text));
  });

  it('refuses only constructs that have no place in linear time', () => {
    const refused = LINES.filter(({ pattern, text }) => search(pattern, text) === 'dialect').map(
      ({ pattern }) => pattern,
    );
    const constructs = /\(\?[=!<>(#x]|\(\?P=|\\[1-9N]|[*+?}]\+/u;
    expect(refused.filter((pattern) => !constructs.test(pattern))).toEqual([]);
  });

  it.each([
    ['a(?=b)', 'a lookahead (?='],
    ['(?<!a)b', 'a lookbehind, or a name without P (?<'],
    ['(a)\\1', 'a backreference (\\1)'],
    ['(?P<n>a)(?P=n)', 'a named backreference (?P=...)'],
    ['(?>a)', 'an atomic group (?>'],
    ['a++', 'a possessive repeat'],
    ['(?x) a', 'the flag x'],
    ['(?#c)a', 'a comment (?#'],
    ['(a)(?(1)b|c)', 'a conditional group (?('],
    ['\\N{DIGIT ONE}', 'a named character'],
    ['((a{100}){100}){100}', 'a pattern of more than 3000 states'],
  ])('says which construct of %s it refuses', (pattern, construct) => {
    expect(compilePythonRegex(pattern)).toEqual({
      ok: false,
      kind: 'dialect',
      message: expect.stringContaining(construct),
    });
  });

  it('refuses a pattern of more than 1,000 code points, counted as Python counts', () => {
    expect(search('x'.repeat(1000), 'x'.repeat(1000))).toBe(true);
    expect(search('😀'.repeat(1000), '😀'.repeat(1000))).toBe(true);
    expect(search('x'.repeat(1001), '')).toBe('too-long');
  });

  it('looks at the first 10,000 code points of a value only', () => {
    expect(search('b', `${'a'.repeat(9_999)}b`)).toBe(true);
    expect(search('b', `${'a'.repeat(10_000)}b`)).toBe(false);
    expect(search('b', `${'😀'.repeat(9_999)}b`)).toBe(true);
    expect(search('a$', 'a'.repeat(20_000))).toBe(true);
  });

  it('needs no longer for patterns that make a backtracking engine take years', () => {
    expect(search('(x+x+)+y', 'x'.repeat(10_000))).toBe(false);
    expect(search('^(a|a)*$', `${'a'.repeat(9_999)}b`)).toBe(false);
    expect(search('(a?){50}a{50}', 'a'.repeat(50))).toBe(true);
  });

  it('gives the same answer after its automaton was thrown away and built again', () => {
    const compiled = compilePythonRegex('(a|b)*a(a|b){12}$');
    if (!compiled.ok) throw new Error(compiled.message);
    const texts = Array.from({ length: 300 }, (_, seed) =>
      Array.from({ length: 200 }, (__, at) => ((seed * 7919 + at * at * 31) % 7 < 3 ? 'a' : 'b')).join(''),
    );
    const answers = texts.map((text) => compiled.regex.test(text));
    expect(answers).toEqual(texts.map((text) => /a[ab]{12}$/u.test(text)));
    expect(texts.map((text) => compiled.regex.test(text))).toEqual(answers);
  });
});
