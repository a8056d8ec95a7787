import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../src/document/json.ts';
import { readYaml } from '../../src/document/yaml.ts';
import { canonicalText } from '../../src/model/canonical.ts';
import { Decimal, isList, isMap, type Value } from '../../src/model/value.ts';
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

/** What JSON is made of, and what hostile texts are: names that repeat, long texts and numbers, halves of characters. */
const PIECES = [
  '{ } [ ] , , : : " \\ 0 -0 - 00 12 999999999999999 1000000000000000 9007199254740993 -9007199254740993'.split(' '),
  '1.0 1e5 1E400 .5 5. 0.1 -1.5e-7 true false null nul // "a" "b" "A" "sku" "Sku" "\\u0061" "10" "9"'.split(' '),
  [' ', '\n', '\t', '\u0000', '\u007f', '\u00a0', '\ud83d', '\ude00', '"\\ud800"', '"\ud83d\ude00"', '"__proto__"'],
  ['x', 'y\\n', 'z\n'].flatMap((end) => [46, 47, 48, 49, 60].map((length) => `"${'x'.repeat(length)}${end}"`)),
  [
    `"${'w'.repeat(70)}`,
    '7'.repeat(4301),
    '{"a":1,',
    '{"sku":',
    '[{"sku":1,"b":2},{"sku":3,"b":',
    '"b":2}',
    ',"b":3}]',
  ],
].flat();
const hostile = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((parts) => parts.join(''));
const honest = fc
  .array(
    fc.dictionary(
      fc.constantFrom('a', 'b', 'sku', 'Sku', '10', '9', 'é', 'x'.repeat(41)),
      fc.jsonValue({ maxDepth: 1 }),
    ),
    { maxLength: 3 },
  )
  .map((items) => JSON.stringify(items));
/** Texts that were JSON before one piece was put into them. */
const broken = fc
  .tuple(honest, fc.nat(), fc.constantFrom(...PIECES))
  .map(([text, at, piece]) => `${text.slice(0, at % (text.length + 1))}${piece}${text.slice(at % (text.length + 1))}`);

describe('the reader of JSON beside the platform', () => {
  it('reads the same values, numbers by their text, from every text that it takes', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(hostile, honest, broken), (text) => {
        const read = readJson(text, LIMITS);
        if (!read.ok) return read.problem !== 'syntax' || !text.isWellFormed() || !isPlainJson(text);
        taken += 1;
        const even = namesIn(read.value).every((name) => !/[A-Z\u0080-\uffff]/.test(name));
        return canonicalText(read.value) === canonicalText(platformValue(text)) && read.evenNames === even;
      }),
      { numRuns: 5_000 },
    );
    expect(taken).toBeGreaterThan(1_000);
  });
});

/** JSON without escapes of half a character, which the platform lets pass. */
function isPlainJson(text: string): boolean {
  return isJson(text) && !/\\ud[89a-f]/iu.test(text);
}

/** What the platform reads, with whole numbers and fractions as the reader makes them. */
function platformValue(text: string): Value {
  const parsed: unknown = JSON.parse(text, (_: string, member: unknown, context?: { source?: string }) =>
    typeof member === 'number' ? new NumberText(context?.source ?? '') : member,
  );
  return valueOf(parsed);
}

class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function valueOf(parsed: unknown): Value {
  if (parsed instanceof NumberText) {
    return /^-?\d+$/u.test(parsed.text) ? BigInt(parsed.text) : new Decimal(Number(parsed.text), parsed.text);
  }
  if (Array.isArray(parsed)) return parsed.map(valueOf);
  if (typeof parsed === 'object' && parsed !== null) {
    return new Map(Object.entries(parsed).map(([name, member]) => [name, valueOf(member)]));
  }
  return typeof parsed === 'string' || typeof parsed === 'boolean' ? parsed : null;
}

function namesIn(value: Value): readonly string[] {
  if (isList(value)) return value.flatMap(namesIn);
  return isMap(value) ? [...value].flatMap(([name, member]) => [name, ...namesIn(member)]) : [];
}

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
