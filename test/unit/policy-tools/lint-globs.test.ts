import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlob } from '../../../src/policy/glob.ts';
import { globCovers, globsOverlap, sampleOf } from '../../../src/policy/lint-globs.ts';

describe('what two globs have in common', () => {
  it.each([
    ['*', 'read*'],
    ['**', ''],
    ['read*', 'read'],
    ['read*', 'read_file'],
    ['*deploy*', 're_deploy*'],
    ['[a-z]*', 'x?'.replace('?', '1')],
    ['?', '[!a]'],
    ['*a*b*', 'xaxbx'],
    ['[!A-Z]', '[a-z]'],
  ])('%s covers %s', (outer, inner) => {
    expect(globCovers(outer, inner)).toBe(true);
  });

  it.each([
    ['read', 'read*'],
    ['read_*', 'read'],
    ['?', '*'],
    ['', '*'],
    ['[a-y]', '[a-z]'],
    ['*deploy*', 'list_*'],
    ['Delete*', 'delete*'],
  ])('%s does not cover %s', (outer, inner) => {
    expect(globCovers(outer, inner)).toBe(false);
  });

  it.each([
    ['list_*', '*deploy*', true],
    ['read*', '*file', true],
    ['read', 'write', false],
    ['prod*', 'staging*', false],
    ['[a-m]*', '[n-z]*', false],
    ['[a-m]*', '[m-z]*', true],
    ['', '*', true],
    ['?', '', false],
    ['😀?', '??', true],
  ])('%s and %s overlap: %s', (left, right, overlap) => {
    expect(globsOverlap(left, right)).toBe(overlap);
    expect(globsOverlap(right, left)).toBe(overlap);
  });

  it('gives up in bounded work on globs that are made to be hard, and then covers nothing', () => {
    const hard = `*a${'?'.repeat(200)}`;
    expect(globCovers(hard, `*a${'?'.repeat(199)}b`)).toBe(false);
    expect(globsOverlap(hard, `*b${'?'.repeat(201)}`)).toBe(true);
  });

  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '[', ']', '!', '-', 'é'), maxLength: 7 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-', 'é', ']', '['), maxLength: 6 });

  it('agrees with the matcher on every text: a covered glob matches nothing that the other does not', () => {
    const holds = fc.property(glob, glob, text, (outer, inner, sample) => {
      const [matchesOuter, matchesInner] = [compileGlob(outer).matches(sample), compileGlob(inner).matches(sample)];
      const covered = !globCovers(outer, inner) || !matchesInner || matchesOuter;
      return covered && (globsOverlap(outer, inner) || !(matchesOuter && matchesInner));
    });
    expect(fc.check(holds, { numRuns: 2_000 })).toMatchObject({ failed: false });
  });

  it('makes a sample that the glob matches', () => {
    const holds = fc.property(glob, (pattern) => {
      const sample = sampleOf(pattern);
      return sample === null || compileGlob(pattern).matches(sample);
    });
    expect(fc.check(holds, { numRuns: 2_000 })).toMatchObject({ failed: false });
  });

  it('has no sample for a glob that matches nothing', () => {
    expect(sampleOf('[b-a]')).toBeNull();
    expect(globCovers('x', '[b-a]')).toBe(true);
  });
});
