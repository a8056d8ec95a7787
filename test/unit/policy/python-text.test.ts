import { describe, expect, it } from 'vitest';
import { pythonFloat } from '../../../src/document/python-number.ts';
import { Timestamp } from '../../../src/document/timestamp.ts';
import { Decimal } from '../../../src/model/value.ts';
import { firstCodePoints, pythonText } from '../../../src/policy/python-text.ts';
import { valueOf } from '../../support/policies.ts';

describe("Python's text of a value", () => {
  it.each([
    [true, 'True'],
    [false, 'False'],
    [null, 'None'],
    [12345678901234567890n, '12345678901234567890'],
    ['as it is\n', 'as it is\n'],
    [[1, 'a', true, null], "[1, 'a', True, None]"],
    [{ a: 1, b: { c: [] } }, "{'a': 1, 'b': {'c': []}}"],
    [["it's"], '["it\'s"]'],
    [['say "hi"'], '[\'say "hi"\']'],
    [['it\'s "both"'], "['it\\'s \"both\"']"],
    [['a\n\t\r\\b'], "['a\\n\\t\\r\\\\b']"],
    [['\u0000\u007f\u0085\u200b\u2028\ue000\u{e0001}'], "['\\x00\\x7f\\x85\\u200b\\u2028\\ue000\\U000e0001']"],
    [['é 읽😀'], "['é 읽😀']"],
    [['\u00a0'], "['\\xa0']"],
    [{ "k'": 1 }, '{"k\'": 1}'],
  ])('of %s is %s', (value, text) => {
    expect(pythonText(valueOf(value))).toBe(text);
  });

  it.each([
    [1, '1.0'],
    [1.5, '1.5'],
    [0.1, '0.1'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [123456789012345680000, '1.2345678901234568e+20'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [1.5e-7, '1.5e-07'],
    [1e-100, '1e-100'],
    [-2.5, '-2.5'],
    [-0, '-0.0'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
    [Number.NaN, 'nan'],
  ])('of the fraction %d is %s', (number, text) => {
    expect(pythonFloat(number)).toBe(text);
    expect(pythonText(new Decimal(number, 'as written'))).toBe(text);
  });

  it('of a date is the date', () => {
    expect(pythonText(new Timestamp('2026-01-01 10:00:00+00:00'))).toBe('2026-01-01 10:00:00+00:00');
  });

  it('ends soon after the limit, whatever the size of the value', () => {
    const list = Array.from({ length: 100_000 }, () => 'x'.repeat(1_000));
    expect(pythonText(list, 100).length).toBeLessThan(400);
    expect(pythonText('x'.repeat(1_000), 100)).toHaveLength(100);
  });

  it('is cut by code points', () => {
    expect(firstCodePoints('a😀b', 2)).toBe('a😀');
    expect(firstCodePoints('a😀b', 3)).toBe('a😀b');
    expect(firstCodePoints('ab', 5)).toBe('ab');
  });
});
