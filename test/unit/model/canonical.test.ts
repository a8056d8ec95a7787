import { describe, expect, it } from 'vitest';
import { canonicalText } from '../../../src/model/canonical.ts';
import { Decimal, type Value } from '../../../src/model/value.ts';

describe('the canonical text of a value (RFC 8785)', () => {
  const rows: readonly (readonly [string, Value, string])[] = [
    [
      'sorts keys by UTF-16 code units',
      new Map<string, Value>([
        ['\u{1f600}', 1n],
        ['\ufb33', 2n],
        ['a', 3n],
      ]),
      '{"a":3,"\u{1f600}":1,"\ufb33":2}',
    ],
    ['writes no white space', [1n, [new Map([['k', null]])], true], '[1,[{"k":null}],true]'],
    ['escapes as ECMAScript does', 'a"\\\n\u0007é', '"a\\"\\\\\\n\\u0007é"'],
    ['keeps whole numbers beyond 2^53', 12345678901234567890n, '12345678901234567890'],
    ['keeps the text of a fraction', new Decimal(1, '1.00'), '1.00'],
  ];
  it.each(rows)('%s', (_name, value, expected) => {
    expect(canonicalText(value)).toBe(expected);
  });

  it('writes the items of a list by themselves, whether they are alike or not', () => {
    const item = (...keys: readonly string[]): Value => new Map(keys.map((key, at) => [key, BigInt(at)]));
    const items = [item('b', 'a'), item('b', 'a'), item('a', 'b'), item('b', 'c'), item('b'), item(), item('b', 'a')];
    expect(canonicalText(items)).toBe(
      '[{"a":1,"b":0},{"a":1,"b":0},{"a":0,"b":1},{"b":0,"c":1},{"b":0},{},{"a":1,"b":0}]',
    );
    expect(canonicalText(items)).toBe(`[${items.map(canonicalText).join()}]`);
  });

  it('tells a key that is named like a part of the language from an absent one', () => {
    expect(canonicalText(new Map([['__proto__', 1n]]))).toBe('{"__proto__":1}');
  });
});
