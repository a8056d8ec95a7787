import { describe, expect, it } from 'vitest';
import { readForm } from '../../../src/request/form.ts';
import { codeOf } from './heads.ts';

function fields(text: string): unknown {
  const result = readForm(Buffer.from(text));
  return result.ok ? [...result.value] : result.fault.code;
}

describe('a form', () => {
  it.each([
    [
      'a=1&b=2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['a=1&a=2&a=3', [['a', ['1', '2', '3']]]],
    ['a+b=c+d%20e', [['a b', 'c d e']]],
    ['a', [['a', '']]],
    ['a=', [['a', '']]],
    ['=b', [['', 'b']]],
    ['a=b=c', [['a', 'b=c']]],
    ['&a=1&&', [['a', '1']]],
    ['a=%E2%82%AC', [['a', '€']]],
    ['name=é', [['name', 'é']]],
    ['a=%0D%0Ab', [['a', '\r\nb']]],
    ['a=%3B', [['a', ';']]],
    ['expand[]=x&expand[]=y', [['expand[]', ['x', 'y']]]],
    [
      'user[name]=x&user[age]=3',
      [
        ['user[name]', 'x'],
        ['user[age]', '3'],
      ],
    ],
    ['_method=delete', [['_method', 'delete']]],
    [
      '__proto__=1&constructor=2',
      [
        ['__proto__', '1'],
        ['constructor', '2'],
      ],
    ],
    ['', []],
  ])('%s is read', (text, expected) => {
    expect(fields(text)).toEqual(expected);
  });

  it.each([
    ['a percent sign alone', 'a=100%'],
    ['a bad escape', 'a=%zz'],
    ['a bad escape in a name', '%4=1'],
    ['octets that are not UTF-8', 'a=%ff'],
    ['an overlong form', 'a=%c0%80'],
    ['an encoded NUL in a value', 'a=1%00'],
    ['an encoded NUL in a name', 'a%00b=1'],
    ['a line end', 'a=1\r\n'],
    ['a NUL', 'a=\0'],
    ['a second separator', 'amount=1;amount=5000'],
    ['names that differ in letter case', 'amount=1&Amount=5000'],
    ['names that PHP folds', 'a.b=1&a_b=5000'],
    ['names that PHP folds by spaces', 'a+b=1&a_b=5000'],
    ['a name with and without brackets', 'amount=1&amount[]=5000'],
    ['a name behind white space', 'amount=1&%20amount=5000'],
    ['a byte order mark', '\ufeffamount=5000'],
    ['a name that PHP folds onto _method', '.method=delete'],
  ])('is refused with %s', (_, text) => {
    expect(fields(text)).toBe('malformed-body');
  });

  it('is refused when it is not UTF-8', () => {
    expect(codeOf(readForm(Buffer.from([0x61, 0x3d, 0xff])))).toBe('malformed-body');
  });

  it('has at most 1000 fields', () => {
    expect(fields(Array.from({ length: 1000 }, (_, index) => `a${index}=1`).join('&'))).toHaveLength(1000);
    expect(fields('a=1&'.repeat(1001))).toBe('body-too-complex');
    expect(fields('&'.repeat(5_000_000))).toBe('body-too-complex');
  });
});
