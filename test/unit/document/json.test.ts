import { describe, expect, it } from 'vitest';
import { readJson } from '../../../src/document/json.ts';
import { Decimal } from '../../../src/model/value.ts';

const LIMITS = { maxDepth: 8, maxValues: 100 };

function refusal(text: string): string {
  const read = readJson(text, LIMITS);
  return read.ok ? 'read' : `${read.problem} at ${read.offset}`;
}

describe('reading JSON', () => {
  it('keeps whole numbers exact, fractions with their text, and the order of members', () => {
    const read = readJson(' {"b": 9007199254740993, "a": [1.50, -0, 1E2, true, null, "x"]} ', LIMITS);
    expect(read).toEqual({
      ok: true,
      evenNames: true,
      value: new Map<string, unknown>([
        ['b', 9_007_199_254_740_993n],
        ['a', [new Decimal(1.5, '1.50'), 0n, new Decimal(100, '1E2'), true, null, 'x']],
      ]),
    });
  });

  it.each([
    '{}',
    '[]',
    '""',
    '0',
    '-1',
    '[[]]',
    '{"a":{}}',
    '"\\u0041\\n\\/"',
    '"é😀"',
    '"\\ud83d\\ude00"',
    '[1 , 2]\n',
    '\t1\r\n',
  ])('reads %s as JSON.parse does', (text) => {
    const read = readJson(text, LIMITS);
    const plain = JSON.stringify(read.ok ? read.value : null, (_, value: unknown) => {
      if (value instanceof Map) return Object.fromEntries(value);
      return typeof value === 'bigint' ? Number(value) : value;
    });
    expect(plain).toBe(JSON.stringify(JSON.parse(text)));
  });

  it.each([
    ['', 'syntax at 0'],
    ['nul', 'syntax at 0'],
    ['nulll', 'syntax at 4'],
    ['{"a":1,}', 'syntax at 7'],
    ['[1,]', 'syntax at 3'],
    ['[1 2]', 'syntax at 3'],
    ['{"a" 1}', 'syntax at 5'],
    ['{a:1}', 'syntax at 1'],
    ["'a'", 'syntax at 0'],
    ['01', 'syntax at 0'],
    ['-', 'syntax at 1'],
    ['1.', 'syntax at 2'],
    ['1e', 'syntax at 2'],
    ['.5', 'syntax at 0'],
    ['+1', 'syntax at 0'],
    ['NaN', 'syntax at 0'],
    ['Infinity', 'syntax at 0'],
    ['"a', 'syntax at 2'],
    ['"a\nb"', 'syntax at 2'],
    ['"\\x41"', 'syntax at 1'],
    ['"\\u12"', 'syntax at 1'],
    ['"\\ud800"', 'syntax at 1'],
    ['"\\udc00\\ud800"', 'syntax at 1'],
    ['"\ud800"', 'syntax at 1'],
    ['"\\', 'syntax at 2'],
    ['// c\n1', 'syntax at 0'],
    ['\uFEFF1', 'syntax at 0'],
    ['1 2', 'syntax at 2'],
    [']', 'syntax at 0'],
    ['{"a":1]', 'syntax at 6'],
    ['{"a":1,"a":2}', 'duplicate-key at 7'],
    ['{"a":1,"\\u0061":2}', 'duplicate-key at 7'],
    ['[{"x":{"a":1,"a":1}}]', 'duplicate-key at 13'],
    ['1e400', 'number-range at 0'],
    ['[-1e999]', 'number-range at 1'],
    [`[${'9'.repeat(4_301)}]`, 'number-range at 1'],
    ['['.repeat(9), 'too-deep at 8'],
    ['[[[[[[[[{}]]]]]]]]', 'too-deep at 8'],
    [`[${'0,'.repeat(100)}0]`, 'too-many-values at 199'],
  ])('refuses %j: %s', (text, problem) => {
    expect(refusal(text)).toBe(problem);
  });

  it('takes a name that means something to the language as any other', () => {
    const read = readJson('{"__proto__":{"polluted":true}}', LIMITS);
    expect(read).toEqual({ ok: true, evenNames: true, value: new Map([['__proto__', new Map([['polluted', true]])]]) });
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('reads depth without recursion', () => {
    const deep = 200_000;
    const read = readJson('['.repeat(deep) + ']'.repeat(deep), { maxDepth: deep, maxValues: deep });
    expect(read.ok).toBe(true);
  });

  it('is done soon with a large text', () => {
    const text = JSON.stringify(
      Array.from({ length: 50_000 }, (_, id) => ({ id, name: 'x'.repeat(30), escaped: '\n"' })),
    );
    expect(readJson(text, { maxDepth: 8, maxValues: 1_000_000 }).ok).toBe(true);
  });
});
