import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAULTS } from '../../src/model/fault.ts';
import { urlOf, type CanonicalRequest, type RawHead } from '../../src/model/request.ts';
import { canonicalize } from '../../src/request/canonicalize.ts';
import { parseHost } from '../../src/request/host.ts';
import { canonicalPath, checkQuery } from '../../src/request/path.ts';
import { head, SETTINGS } from '../unit/request/heads.ts';

const RUNS = 2_000;

/** The counterexample that a property has; empty when it has none. */
function counterexample(property: fc.IProperty<unknown>): string {
  return fc.defaultReportMessage(fc.check(property, { numRuns: RUNS })) ?? '';
}

/** Pieces that requests are made of, and that attacks on parsers are made of. */
const PIECES = [
  '/',
  '//',
  '.',
  '..',
  '%2e',
  '%2E',
  '%252e',
  '%2f',
  '%5c',
  '%00',
  '%',
  '%zz',
  ';',
  '?',
  '#',
  '&',
  '=',
  '+',
  '@',
  ':',
  '[',
  ']',
  '\\',
  'a',
  'A',
  'admin',
  'routes',
  'tickets',
  'example.com',
  'EXAMPLE.com',
  '127.0.0.1',
  '0x7f',
  '[::1]',
  ':80',
  ':443',
  'http:',
  'https://',
  ' ',
  '\t',
  '\r\n',
  '\0',
  'é',
  '\u2028',
  '\ud800',
  '%c3%a9',
  '%ff',
  '_method',
  'chunked',
  'gzip',
  '5',
  ',',
  '"',
  '{',
  '}',
];
const pieces = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((parts) => parts.join(''));
const tame = fc
  .array(
    fc.constantFrom(
      '/a',
      '/b.c',
      '/%61',
      '/%C3%A9',
      '/%20',
      '?x=1',
      '&y=%2f',
      '/..',
      '//',
      '%2e',
      '%252e%252e',
      '%2f',
      '~',
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));
const text = fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }));
const headerName = fc.oneof(
  fc.constantFrom(
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'Upgrade',
    'Expect',
    'TE',
    'Content-Type',
    'Content-Encoding',
    'X-HTTP-Method-Override',
    'Content_Length',
    'Trailer',
    'Forwarded',
    'X-A',
    '__proto__',
  ),
  text,
);
const headerValue = fc.oneof(
  fc.constantFrom('5', 'chunked', 'close', 'websocket', 'trailers', 'text/plain', 'gzip', 'GET'),
  text,
);
const fields = fc.array(fc.tuple(headerName, headerValue), { maxLength: 2 }).map((pairs) => pairs.flat());
/** Heads that are accepted, one for each entry. */
const GOOD: readonly RawHead[] = [
  head(),
  head({ entry: 'route', target: '/routes/tickets/a?b=c' }),
  head({ entry: 'connect', target: '/a', secure: true, tunnelAuthority: 'example.com:443', serverName: 'example.com' }),
  head({ entry: 'captured', target: '/a', secure: true, serverName: 'example.com' }),
];
/** What is put in the place of parts of a good head; most often one part, so that much is still accepted. */
const change: fc.Arbitrary<Partial<RawHead>> = fc.oneof(
  fc.record({ method: fc.oneof(fc.constantFrom('GET', 'POST', 'DELETE', 'CONNECT', 'TRACE'), text) }),
  fc.record({
    target: fc.oneof(
      text,
      tame.map((rest) => `http://example.com/${rest}`),
      tame.map((rest) => `/routes/tickets${rest}`),
    ),
  }),
  fc.record({
    rawHeaders: fields.chain((more) => fc.constantFrom(more, ['Host', 'example.com', ...more], ['Host', ...more])),
  }),
  fc.record({ httpVersion: fc.constantFrom('1.1', '1.0', '2.0', '') }),
  fc.record({ serverName: fc.option(fc.oneof(text, fc.constant('EXAMPLE.com'))) }),
  fc.record({ tunnelAuthority: fc.option(fc.oneof(text, fc.constant('example.com:443'))) }),
  fc.record({ entry: fc.constantFrom('forward-proxy', 'route', 'connect', 'captured', 'unknown') }),
);
const heads = fc
  .tuple(fc.constantFrom(...GOOD), fc.array(change, { minLength: 1, maxLength: 3 }))
  .map(([good, changes]): RawHead => changes.reduce<RawHead>((raw, part) => ({ ...raw, ...part }), good));

/** Reads a head; null where it is refused, with a code of the table and a reason. */
function canonical(raw: RawHead): CanonicalRequest | null {
  const result = canonicalize(raw, SETTINGS);
  if (result.ok) return result.value;
  if (!(result.fault.code in FAULTS) || result.fault.detail === '')
    throw new Error(`fault ${JSON.stringify(result.fault)}`);
  return null;
}

/** What of a request would be read differently by the next parser; empty when nothing would. */
function ambiguities(request: CanonicalRequest): readonly string[] {
  const sent = urlOf(request);
  const url = new URL(sent);
  return [
    ...(url.href.replace(/\?.*$/su, '') === sent.replace(/\?.*$/su, '') ? [] : ['URL']),
    ...(url.username + url.password + url.hash === '' ? [] : ['user information or fragment']),
    ...(/^\/(?!\/)[\x21-\x7e]*$/u.test(request.path) ? [] : ['path']),
    ...(request.headers.every(({ name, value }) => /^[^\sA-Z:]+$/u.test(name) && !/[\r\n\0]/u.test(value))
      ? []
      : ['headers']),
  ];
}

describe('any head', () => {
  it('is read in one way or refused, never thrown at', () => {
    const property = fc.property(heads, (raw) => {
      const request = canonical(raw);
      return request === null || ambiguities(request).length === 0;
    });
    expect(counterexample(property)).toBe('');
  });

  it('is read often enough for that to mean something', () => {
    const read = fc.sample(heads, { numRuns: RUNS, seed: 1 }).filter((raw) => canonical(raw) !== null);
    expect(read.length).toBeGreaterThan(RUNS / 10);
  });

  it('that is read keeps its meaning when it is read again from what is sent', () => {
    const property = fc.property(fc.oneof(pieces, tame), (rest) => {
      const first = canonical(head({ target: `http://example.com/${rest}` }));
      if (first === null) return true;
      const again = canonical(head({ target: urlOf(first) }));
      return JSON.stringify(again) === JSON.stringify(first);
    });
    expect(counterexample(property)).toBe('');
  });

  it('never leaves the base path of its route, not even when the path is decoded twice', () => {
    const property = fc.property(fc.oneof(pieces, tame), (rest) => {
      const request = canonical(head({ entry: 'route', target: `/routes/tickets/${rest}` }));
      if (request === null) return true;
      const once = decodeURIComponent(request.path);
      const twice = once.replaceAll(/%[0-7][0-9a-f]/giu, (escape) => decodeURIComponent(escape));
      const inside = new URL(urlOf(request)).pathname.startsWith('/v1');
      return (
        inside &&
        request.destination.host === 'api.example.com' &&
        ![once, twice].some((path) => /[/\\]\.\.?(?:[/\\]|$)/u.test(path))
      );
    });
    expect(counterexample(property)).toBe('');
  });
});

describe('hosts, paths and queries', () => {
  it('have a spelling that stays as it is', () => {
    const property = fc.property(fc.oneof(text, tame), (given) => {
      const host = parseHost(given);
      const path = canonicalPath(`/${given}`);
      const query = checkQuery(given);
      const again = { host: host.ok ? parseHost(host.value) : host, path: path.ok ? canonicalPath(path.value) : path };
      return JSON.stringify(again) === JSON.stringify({ host, path }) && (!query.ok || query.value === given);
    });
    expect(counterexample(property)).toBe('');
  });

  it('that are names are left by URL parsers as they are read here', () => {
    const label = fc.string({
      unit: fc.constantFrom('a', 'z', '0', '9', '-', '_', 'x', 'xn--', 'K'),
      minLength: 1,
      maxLength: 6,
    });
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
    const property = fc.property(name, (given) => {
      const host = parseHost(given);
      return !host.ok || URL.parse(`http://${host.value}/`)?.hostname === host.value;
    });
    expect(counterexample(property)).toBe('');
  });

  it('is an IPv4 address exactly where the URL standard leaves it as it is', () => {
    const number = fc.oneof(fc.nat(255), fc.nat(400), fc.constantFrom('00', '01', '010', '0x1', '256'));
    const property = fc.property(fc.tuple(number, number, number, number), (numbers) => {
      const address = numbers.join('.');
      return parseHost(address).ok === (URL.parse(`http://${address}/`)?.hostname === address);
    });
    expect(counterexample(property)).toBe('');
  });

  it('are read by URL parsers as they are read here', () => {
    const property = fc.property(fc.webAuthority(), fc.webPath(), (authority, webPath) => {
      const host = parseHost(authority);
      const path = canonicalPath(webPath === '' ? '/' : webPath);
      return (
        (!host.ok || new URL(`http://${authority}/`).hostname.replace(/\.$/u, '') === host.value) &&
        (!path.ok || new URL(`http://h${path.value}`).pathname === path.value)
      );
    });
    expect(counterexample(property)).toBe('');
  });
});
