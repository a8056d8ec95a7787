import { describe, expect, test } from 'vitest';
import { coversHost, HostIndex, parseHostPattern, type HostPattern } from '../../../src/action/host-pattern.ts';

function pattern(text: string): HostPattern {
  const parsed = parseHostPattern(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.pattern;
}

describe('a host pattern', () => {
  test.each([
    ['api.example.com', 'api.example.com', true],
    ['API.Example.com', 'api.example.com', true],
    ['api.example.com', 'xapi.example.com', false],
    ['api.example.com', 'api.example.com.evil.test', false],
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'a.b.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', 'badexample.com', false],
    ['s3.*.example.com', 's3.eu.example.com', true],
    ['s3.*.example.com', 's3.eu.west.example.com', false],
    ['*', 'anything.test', true],
    ['*', '[::1]', true],
    ['localhost', 'localhost', true],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.*', '10.0.0.7', true],
    ['[::1]', '[::1]', true],
    ['api.example.com:8443', 'api.example.com', false],
    ['_dns.example.com', '_dns.example.com', true],
  ])('%s covers %s: %s', (text, host, covered) => {
    expect(coversHost(pattern(text), host, 443)).toBe(covered);
    const index = new HostIndex<string>();
    index.at(pattern(text), () => text);
    expect(index.covering(host, 443)).toEqual(covered ? [text] : []);
  });

  test('with a port is for that port only', () => {
    expect(coversHost(pattern('[::1]:8080'), '[::1]', 8080)).toBe(true);
    expect(coversHost(pattern('*.example.com:8080'), 'a.example.com', 8080)).toBe(true);
    expect(coversHost(pattern('*.example.com:8080'), 'a.example.com', 80)).toBe(false);
  });

  test.each([
    ['https://api.example.com', 'a host without scheme and path'],
    ['api.example.com/v1', 'a host without scheme and path'],
    ['api.example.com.', 'a host without a dot at its end'],
    ['a*.example.com', '* for a whole label'],
    ['müller.example', 'xn-- form'],
    ['', 'labels of letters'],
    ['a..b', 'labels of letters'],
    ['127.1', 'an IPv4 address in dotted decimal'],
    ['256.1.1.1', 'an IPv4 address in dotted decimal'],
    ['api.example.com:0', 'a port from 1 to 65535'],
    ['api.example.com:99999', 'a port from 1 to 65535'],
  ])('%j is refused: expected %s', (text, expected) => {
    expect(parseHostPattern(text)).toMatchObject({ ok: false, problem: expect.stringContaining(expected) });
  });
});

test('the most specific of several patterns comes first: labels from the right, named before *, one port before all', () => {
  const index = new HostIndex<string>();
  const texts = ['*', '*.com', '*.example.com', 'a.*.com', 'a.example.com', 'a.example.com:443', '*.a.example.com'];
  for (const text of texts) index.at(pattern(text), () => text);
  expect(index.covering('a.example.com', 443)).toEqual([
    'a.example.com:443',
    'a.example.com',
    '*.example.com',
    'a.*.com',
    '*.com',
    '*',
  ]);
  expect(index.covering('b.a.example.com', 80)).toEqual(['*.a.example.com', '*.example.com', '*.com', '*']);
});
