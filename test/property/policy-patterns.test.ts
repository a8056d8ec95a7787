import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlob } from '../../src/policy/glob.ts';
import { compilePythonRegex } from '../../src/policy/regex.ts';

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '😀', '\n', '.', '*', '?'), maxLength: 8 });
const globs = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '😀', '.'), maxLength: 8 });

/** A glob without sets as a regular expression of the platform. */
function asPattern(glob: string): RegExp {
  const body = Array.from(glob, (point) => (point === '*' ? '.*' : point === '?' ? '.' : point.replace('.', '\\.')));
  return new RegExp(`^${body.join('')}$`, 'su');
}

describe('globs', () => {
  it('match as the platform does for the regular expression that they stand for', () => {
    fc.assert(
      fc.property(globs, letters, (glob, text) => {
        expect(compileGlob(glob).matches(text)).toBe(asPattern(glob).test(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it('match nothing that lacks their prefix, their suffix or the text inside', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '[', ']', '!', '-'), maxLength: 8 }),
        letters,
        (text, value) => {
          const glob = compileGlob(text);
          const possible = value.startsWith(glob.prefix) && value.endsWith(glob.suffix) && value.includes(glob.inner);
          expect(glob.matches(value) && !possible).toBe(false);
          expect(glob.literal === null || glob.matches(value) === (value === glob.literal)).toBe(true);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('take any text as a pattern', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (text, value) => {
        expect(typeof compileGlob(text).matches(value)).toBe('boolean');
      }),
    );
  });
});

const atom = fc.constantFrom(
  'a',
  'b',
  '.',
  '[ab]',
  '[^a]',
  '(a|b)',
  '(?:ab)',
  '\\w',
  '\\W',
  'é',
  '😀',
  '^',
  '$',
  '\\b',
  '\\B',
  '(a*)',
  '(|a)',
);
const repeat = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{0,2}', '*?', '+?');
const pattern = fc
  .array(fc.tuple(atom, repeat), { maxLength: 6 })
  .map((parts) => parts.map(([one, times]) => (['^', '$', '\\b', '\\B'].includes(one) ? one : one + times)).join(''));
const subject = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '_', '-', '1'), maxLength: 10 });

describe('regular expressions', () => {
  it('search as the platform does where both dialects agree', () => {
    fc.assert(
      fc.property(
        pattern,
        subject.filter((text) => text !== ''),
        (source, text) => {
          const compiled = compilePythonRegex(source);
          expect(compiled.ok && compiled.regex.test(text)).toBe(new RegExp(source, 'u').test(text));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('take or refuse any text, and never throw', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: fc.constantFrom(...'()[]{}|*+?^$\\.,-:=!<>PisamxuLbdwZ09é😀'.split('')) }),
        ),
        fc.string(),
        (source, text) => {
          const compiled = compilePythonRegex(source);
          expect(compiled.ok ? typeof compiled.regex.test(text) : compiled.message.length > 0).toBe(
            compiled.ok ? 'boolean' : true,
          );
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
