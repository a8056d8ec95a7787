import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../src/document/json.ts';
import { readYaml } from '../../src/document/yaml.ts';
import { loadPolicy } from '../../src/policy/load.ts';

const LIMITS = { maxDepth: 64, maxValues: 10_000 };
const yamlish = fc.array(
  fc.constantFrom(
    'a',
    'b: ',
    '- ',
    '? ',
    ': ',
    ', ',
    '[',
    ']',
    '{',
    '}',
    '\n',
    '\n  ',
    '# c',
    '"',
    "'",
    '|',
    '>',
    '&x ',
    '*x',
    '!!str ',
    '<<: ',
    '---\n',
    '...',
    '\t',
    '1',
    '010',
    '~',
    '\\',
    '%',
    '@',
    'rules: ',
    'match: ',
    'é😀',
    '\r\n',
    '\u2028',
  ),
  { maxLength: 25 },
);

describe('reading YAML', () => {
  it('answers any text with a value or with mistakes that have a place, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          yamlish.map((parts) => parts.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const read = readYaml(text, 'f.yaml');
          const lines = text.split(/\r\n|[\n\r\u0085\u2028\u2029]/u).length;
          const placed =
            read.ok || read.mistakes.every(({ line, column }) => line >= 1 && line <= lines && column >= 1);
          expect(placed).toBe(true);
          expect(read.ok || read.mistakes.length > 0).toBe(true);
          expect(typeof loadPolicy(text, 'f.yaml').ok).toBe('boolean');
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('reads JSON as the reader of JSON does', () => {
    const safe = fc.string({ unit: fc.constantFrom('a', ' ', 'é', '😀', '"', '\\', '\n', ':', '#', '1', '~', '') });
    const json = fc.jsonValue({ stringUnit: 'grapheme-ascii', maxDepth: 4 }).map((value) => ({ value }));
    fc.assert(
      fc.property(json, safe, ({ value }, key) => {
        const text = JSON.stringify({ [key]: value }).replaceAll(/(\d)e([+-]?\d)/gu, '$1.0e$2');
        fc.pre(!/\d\.\d*\.0e|e\d|__proto__/u.test(text));
        const [yaml, read] = [readYaml(text, 'f.yaml'), readJson(text, LIMITS)];
        expect(yaml.ok && read.ok && show(yaml.value.root)).toBe(read.ok && show(read.value));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('reading JSON', () => {
  it('takes exactly what JSON.parse takes, but for what is ambiguous', () => {
    const jsonish = fc.array(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"a"',
        '"b"',
        '1',
        '-',
        '0',
        '.5',
        'e3',
        'true',
        'null',
        ' ',
        '\n',
        '"\\n"',
        '"\\x"',
        '\u00a0',
      ),
      { maxLength: 14 },
    );
    fc.assert(
      fc.property(jsonish, (parts) => {
        const text = parts.join('');
        const read = readJson(text, LIMITS);
        const strict = read.ok || read.problem === 'syntax';
        expect(strict ? read.ok : true).toBe(strict ? isJson(text) : true);
      }),
      { numRuns: 5_000 },
    );
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (member instanceof Map) return [...member];
    if (typeof member === 'bigint') return Number(member);
    return typeof member === 'object' && member !== null && 'text' in member && 'value' in member
      ? member.value
      : member;
  });
}
