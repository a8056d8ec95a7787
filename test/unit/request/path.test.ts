import { describe, expect, it } from 'vitest';
import { canonicalPath, checkQuery } from '../../../src/request/path.ts';

describe('a path has one spelling', () => {
  it.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/', '/a/'],
    ['/%61dmin', '/admin'],
    ['/a%7Eb', '/a~b'],
    ['/a%e2%82%ac', '/a%E2%82%AC'],
    ['/a%20b', '/a%20b'],
    ['/file%2etxt', '/file.txt'],
    ['/...', '/...'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a..b', '/a..b'],
    ['/100%25', '/100%25'],
    ['/a%3Bb', '/a%3Bb'],
    ['/a:b@c,d=e+f', '/a:b@c,d=e+f'],
    ['/job/x/job/feature%252Fone', '/job/x/job/feature%252Fone'],
  ])('%s is %s', (raw, path) => {
    expect(canonicalPath(raw)).toEqual({ ok: true, value: path });
  });
});

describe('a path that servers read differently is refused', () => {
  it.each([
    ['a dot segment', '/a/./b', 'dot-segments'],
    ['a double-dot segment', '/a/../b', 'dot-segments'],
    ['a double-dot at the end', '/a/..', 'dot-segments'],
    ['an encoded dot segment', '/a/%2e%2e/b', 'dot-segments'],
    ['a half-encoded dot segment', '/a/.%2E/b', 'dot-segments'],
    ['a doubly encoded dot segment', '/a/%252e%252e/b', 'dot-segments'],
    ['a triply encoded dot segment', '/a/%25252e%25252e/b', 'dot-segments'],
    ['dots behind a doubly encoded slash', '/a/x%252f..%252fb', 'dot-segments'],
    ['dots behind a doubly encoded backslash', '/a/x%255c..%255cb', 'dot-segments'],
    ['a dot segment with an encoded parameter', '/a/..%3bx/b', 'dot-segments'],
    ['a dot segment with an encoded space', '/a/..%20/b', 'dot-segments'],
    ['a dot segment with a parameter', '/a/..;/b', 'malformed-request'],
    ['a path parameter', '/admin;x=1/delete', 'malformed-request'],
    ['a backslash', '/a\\..\\b', 'malformed-request'],
    ['an encoded backslash', '/a%5c..%5cb', 'bad-percent-encoding'],
    ['an encoded slash', '/a%2fb', 'bad-percent-encoding'],
    ['an encoded slash in capitals', '/a%2Fb', 'bad-percent-encoding'],
    ['an encoded NUL', '/a%00b', 'control-characters'],
    ['a doubly encoded NUL', '/a%2500b', 'control-characters'],
    ['an encoded line end', '/a%0d%0ab', 'control-characters'],
    ['a raw control character', '/a\u0001b', 'control-characters'],
    ['a raw DEL', '/a\u007fb', 'control-characters'],
    ['a space', '/a b', 'control-characters'],
    ['raw bytes beyond ASCII', '/caf\u00e9', 'malformed-request'],
    ['a percent sign alone', '/100%', 'bad-percent-encoding'],
    ['an escape that is not hexadecimal', '/a%zz', 'bad-percent-encoding'],
    ['an escape of %u', '/a%u002e', 'bad-percent-encoding'],
    ['octets that are not UTF-8', '/a%ff', 'bad-percent-encoding'],
    ['an overlong slash', '/a%c0%afb', 'bad-percent-encoding'],
    ['an overlong dot', '/%c0%ae%c0%ae/b', 'bad-percent-encoding'],
    ['an encoded surrogate', '/%ed%a0%80', 'bad-percent-encoding'],
    ['encoding on encoding on encoding', `/%${'25'.repeat(8)}41`, 'bad-percent-encoding'],
    ['an empty segment', '/a//b', 'malformed-request'],
    ['an empty first segment', '//a', 'malformed-request'],
    ['two final slashes', '/a//', 'malformed-request'],
    ['a brace', '/users/{id}', 'malformed-request'],
    ['no slash', 'a', 'malformed-request'],
    ['nothing', '', 'malformed-request'],
  ])('%s', (_, raw, code) => {
    const result = canonicalPath(raw);
    expect(result.ok ? result.value : result.fault.code).toBe(code);
  });
});

describe('a query', () => {
  it.each([
    '',
    'a=1',
    'a=1&a=2',
    'a%20b=c+d',
    'filter[x]=1&filter[y]=2',
    'ids[]=1&ids[]=2',
    'q={"a":1}|^`',
    '_method=DELETE',
    '&&',
    'a=%0A',
  ])('is kept as sent: %s', (query) => {
    expect(checkQuery(query)).toEqual({ ok: true, value: query });
  });

  it.each([
    ['a percent sign alone', 'a=100%', 'bad-percent-encoding'],
    ['a bad escape in a name', '%zz=1', 'bad-percent-encoding'],
    ['octets that are not UTF-8', 'a=%ff', 'bad-percent-encoding'],
    ['an encoded NUL', 'a=1%00', 'control-characters'],
    ['a raw control character', 'a=\u0000', 'control-characters'],
    ['a space', 'a=b c', 'control-characters'],
    ['raw bytes beyond ASCII', 'a=\u00e9', 'malformed-request'],
    ['a second separator', 'amount=1;amount=5000', 'malformed-request'],
    ['names that differ in letter case', 'amount=1&Amount=5000', 'malformed-request'],
    ['names that PHP folds', 'a.b=1&a_b=2', 'malformed-request'],
    ['a name with and without brackets', 'amount=1&amount[]=5000', 'malformed-request'],
    ['a name behind white space', 'amount=1&+amount=5000', 'malformed-request'],
    ['a name that PHP folds onto _method', '.method=DELETE', 'unsupported-method'],
    ['_method in capitals', '_METHOD=DELETE', 'unsupported-method'],
    ['_method with a bracket', '_method[=DELETE', 'unsupported-method'],
  ])('is refused with %s', (_, query, code) => {
    const result = checkQuery(query);
    expect(result.ok ? 'accepted' : result.fault.code).toBe(code);
  });
});
