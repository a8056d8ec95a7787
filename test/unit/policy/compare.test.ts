import { describe, expect, it } from 'vitest';
import { Timestamp } from '../../../src/document/timestamp.ts';
import { Decimal } from '../../../src/model/value.ts';
import { compareValues, containsValue, equalValues } from '../../../src/policy/compare.ts';
import type { CompareOperator } from '../../../src/policy/policy.ts';
import { valueOf } from '../../support/policies.ts';

const BIG = 2n ** 53n;

describe('comparing as Python does', () => {
  it.each([
    [true, 1],
    [false, 0],
    [true, 1.0],
    [BIG, new Decimal(2 ** 53, '9007199254740992.0')],
    [
      [1, 'a'],
      [true, 'a'],
    ],
    [
      { a: 1, b: [2] },
      { b: [2], a: true },
    ],
    [-0, 0],
  ])('%s equals %s', (left, right) => {
    expect(equalValues(valueOf(left), valueOf(right))).toBe(true);
    expect(equalValues(valueOf(right), valueOf(left))).toBe(true);
  });

  it.each([
    ['1', 1],
    ['', false],
    [null, false],
    [BIG + 1n, new Decimal(2 ** 53, '9007199254740992.0')],
    [[1], [1, 2]],
    [{ a: 1 }, { a: 1, b: 1 }],
    [{ a: 1 }, { b: 1 }],
    ['A', 'a'],
  ])('%s does not equal %s', (left, right) => {
    expect(equalValues(valueOf(left), valueOf(right))).toBe(false);
  });

  it('finds a date equal to no text, and NaN equal to nothing', () => {
    const nan = new Decimal(Number.NaN, 'nan');
    expect(equalValues('2026-01-01', new Timestamp('2026-01-01'))).toBe(false);
    expect(equalValues(20_260_101n, new Timestamp('20260101'))).toBe(false);
    expect(equalValues(nan, nan)).toBe(false);
  });

  it.each<[CompareOperator, unknown, unknown, boolean]>([
    ['param_gt', BIG + 1n, 2 ** 53, true],
    ['param_gt', BIG + 1n, BIG, true],
    ['param_lt', 0.1, 1n, true],
    ['param_gte', true, 1, true],
    ['param_lt', 'a', 'b', true],
    ['param_lt', 'B', 'a', true],
    ['param_lt', 'a', 'aa', true],
    ['param_lt', '\uffff', '😀', true],
    ['param_gt', '😀', '\ue000', true],
    ['param_lt', [1, 1], [1, 2], true],
    ['param_lt', [1], [1, 0], true],
    ['param_gt', [2], [1, 'x'], true],
    ['param_lte', [1, null], [1, null], true],
    ['param_gt', 5, 5, false],
  ])('%s of %s and %s is %s', (operator, actual, expected, answer) => {
    expect(compareValues(operator, valueOf(actual), valueOf(expected))).toBe(answer);
  });

  it('orders NaN with nothing, without an error', () => {
    const nan = new Decimal(Number.NaN, '.nan');
    for (const operator of ['param_gt', 'param_lt', 'param_gte', 'param_lte'] as const) {
      expect(compareValues(operator, 5n, nan)).toBe(false);
    }
  });

  it.each([
    ['5', 5],
    [5, '5'],
    [5, null],
    [{ a: 1 }, { a: 1 }],
    [[1], ['a']],
    [[1], 1],
    [[null], [1]],
  ])('cannot order %s and %s', (actual, expected) => {
    expect(() => compareValues('param_gt', valueOf(actual), valueOf(expected))).toThrow('cannot order');
  });

  it('cannot order a date, not even with a date', () => {
    const date = new Timestamp('2026-01-01');
    expect(() => compareValues('param_gt', 5n, date)).toThrow('cannot order a whole number and a date');
    expect(() => compareValues('param_gt', date, date)).toThrow('cannot order a date and a date');
  });

  it.each([
    [[1, 2], true, true],
    [['a'], 'A', false],
    [[[1]], [1], true],
    ['superadmin', 'admin', true],
    ['', '', true],
    [{ a: 1 }, 'a', true],
    [{ a: 1 }, 1, false],
    [{ a: 1 }, null, false],
  ])('%s contains %s: %s', (actual, expected, answer) => {
    expect(containsValue(valueOf(actual), valueOf(expected))).toBe(answer);
  });

  it.each([
    ['12', 1],
    [12, 1],
    [true, true],
    [{ a: 1 }, ['a']],
    [{ a: 1 }, { a: 1 }],
  ])('cannot say whether %s contains %s', (actual, expected) => {
    expect(() => containsValue(valueOf(actual), valueOf(expected))).toThrow(/contain|key/u);
  });

  it('names kinds and never values in its errors', () => {
    expect(() => compareValues('param_gt', 'secret-token', 1n)).toThrow(/^cannot order text and a whole number$/u);
  });
});
