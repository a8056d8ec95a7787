import { describe, expect, it } from 'vitest';
import type { RawHead } from '../../../src/model/request.ts';
import { urlOf } from '../../../src/model/request.ts';
import { upstreamOf } from '../../../src/request/route.ts';
import { accepted, head, verdict } from './heads.ts';

const host = (value: string): readonly string[] => ['Host', value];
const route = (target: string, over: Partial<RawHead> = {}): RawHead =>
  head({ entry: 'route', target, rawHeaders: host('127.0.0.1:15001'), ...over });

describe('the forward proxy takes absolute URLs', () => {
  it.each([
    ['http://example.com/a?b=c', 'example.com', 'http://example.com/a?b=c'],
    ['http://example.com', 'example.com', 'http://example.com/'],
    ['http://example.com?b', 'example.com', 'http://example.com/?b'],
    ['HTTP://EXAMPLE.com:80/', 'example.com', 'http://example.com/'],
    ['http://example.com./', 'example.com', 'http://example.com/'],
    ['http://example.com:8080/', 'example.com:8080', 'http://example.com:8080/'],
    ['http://example.com/', 'EXAMPLE.COM:80', 'http://example.com/'],
    ['https://example.com/', 'example.com:443', 'https://example.com/'],
    ['http://[0::1]/', '[::1]', 'http://[::1]/'],
    ['http://example.com/?', 'example.com', 'http://example.com/?'],
  ])('%s with Host %s', (target, value, url) => {
    expect(urlOf(accepted(head({ target, rawHeaders: host(value) })))).toBe(url);
  });

  it('and keeps "no query" and "empty query" apart', () => {
    expect(accepted(head({ target: 'http://example.com/a' })).query).toBeNull();
    expect(accepted(head({ target: 'http://example.com/a?' })).query).toBe('');
  });

  it.each([
    ['another Host', 'http://example.com/', host('other.example'), 'conflicting-host'],
    ['another port in Host', 'http://example.com/', host('example.com:81'), 'conflicting-host'],
    ['the port of the other scheme in Host', 'http://example.com/', host('example.com:443'), 'conflicting-host'],
    ['two Host fields', 'http://example.com/', ['Host', 'example.com', 'Host', 'example.com'], 'conflicting-host'],
    ['no Host field', 'http://example.com/', [], 'conflicting-host'],
    ['an empty Host field', 'http://example.com/', host(''), 'bad-host'],
    ['a list in Host', 'http://example.com/', host('example.com, other.example'), 'bad-host'],
    ['user information in Host', 'http://example.com/', host('a@example.com'), 'bad-host'],
    ['a path in Host', 'http://example.com/', host('example.com/x'), 'bad-host'],
    ['user information', 'http://user:pass@example.com/', host('example.com'), 'bad-host'],
    ['user information that looks like a host', 'http://example.com@evil.example/', host('example.com'), 'bad-host'],
    [
      'user information behind a backslash',
      'http://evil.example\\@example.com/',
      host('evil.example'),
      'malformed-request',
    ],
    ['an encoded host', 'http://example%2ecom/', host('example.com'), 'bad-host'],
    ['no host', 'http:///a', host('example.com'), 'bad-host'],
    ['one slash', 'http:/example.com/', host('example.com'), 'bad-host'],
    ['no slash', 'http:example.com/', host('example.com'), 'bad-host'],
    ['a backslash for a slash', 'http:\\\\example.com/', host('example.com'), 'bad-host'],
    ['a fragment', 'http://example.com/#a', host('example.com'), 'malformed-request'],
    ['an integer address', 'http://2130706433/', host('2130706433'), 'bad-host'],
    ['another scheme', 'ftp://example.com/', host('example.com'), 'unsupported-scheme'],
    ['a file URL', 'file:///etc/passwd', host('example.com'), 'unsupported-scheme'],
    ['a path only', '/a', host('example.com'), 'not-a-proxy-request'],
    ['an asterisk', '*', host('example.com'), 'not-a-proxy-request'],
    ['nothing', '', host('example.com'), 'not-a-proxy-request'],
  ])('and refuses %s', (_, target, rawHeaders, code) => {
    expect(verdict(head({ target, rawHeaders }))).toBe(code);
  });

  it('lets HTTP/1.0 leave Host out', () => {
    expect(accepted(head({ httpVersion: '1.0', rawHeaders: [] })).destination.host).toBe('example.com');
  });
});

describe('a route', () => {
  it.each([
    ['/routes/tickets/items/7?x=1', 'https://api.example.com/v1/items/7?x=1'],
    ['/routes/tickets', 'https://api.example.com/v1'],
    ['/routes/tickets/', 'https://api.example.com/v1'],
    ['/routes/tickets?x=1', 'https://api.example.com/v1?x=1'],
    ['/routes/plain/', 'http://127.0.0.1:9000/'],
    ['/routes/plain', 'http://127.0.0.1:9000/'],
    ['/routes/plain/a/', 'http://127.0.0.1:9000/a/'],
    ['/routes/hook', 'https://hooks.example.com/services/T1/B2/x'],
    ['/routes/slashed', 'https://api.example.com/v2/'],
    ['/routes/slashed/a', 'https://api.example.com/v2/a'],
  ])('%s goes to %s', (target, url) => {
    const request = accepted(route(target));
    expect(urlOf(request)).toBe(url);
    expect(request.entry).toBe('route');
  });

  it('names the route, and Host chooses nothing', () => {
    const request = accepted(route('/routes/tickets/a', { rawHeaders: host('evil.example') }));
    expect(request.route).toBe('tickets');
    expect(request.destination).toEqual({ scheme: 'https', host: 'api.example.com', port: 443 });
  });

  it.each([
    ['a name that is not configured', '/routes/other/a', 'unknown-route'],
    ['an encoded name', '/routes/%74ickets/a', 'unknown-route'],
    ['a name in capitals', '/routes/Tickets/a', 'unknown-route'],
    ['no name', '/routes/', 'unknown-route'],
    ['a name of the language', '/routes/__proto__/a', 'unknown-route'],
    ['dots that leave the base path', '/routes/tickets/../admin', 'dot-segments'],
    ['encoded dots that leave the base path', '/routes/tickets/%2e%2e/admin', 'dot-segments'],
    ['an empty segment', '/routes/tickets//admin', 'malformed-request'],
    ['a fragment', '/routes/tickets/a#b', 'malformed-request'],
  ])('is refused with %s', (_, target, code) => {
    expect(verdict(route(target))).toBe(code);
  });

  it('is refused with an invalid Host, though Host chooses nothing', () => {
    expect(verdict(route('/routes/tickets/a', { rawHeaders: host('a b') }))).toBe('bad-host');
    expect(verdict(route('/routes/tickets/a', { rawHeaders: [] }))).toBe('conflicting-host');
    expect(verdict(route('/routes/tickets/a', { rawHeaders: [...host('a'), ...host('b')] }))).toBe('conflicting-host');
  });

  it('has an upstream in the spelling that requests are held to', () => {
    expect(upstreamOf(new URL('https://API.example.com./v1'))).toEqual({
      ok: true,
      value: { scheme: 'https', host: 'api.example.com', port: 443, basePath: '/v1' },
    });
    expect(upstreamOf(new URL('ftp://example.com/'))).toMatchObject({ fault: { code: 'unsupported-scheme' } });
    expect(upstreamOf(new URL('http://example.com//a'))).toMatchObject({ fault: { code: 'malformed-request' } });
    expect(upstreamOf(new URL('http://[::ffff:1.2.3.4]/'))).toMatchObject({ fault: { code: 'bad-host' } });
  });
});

describe('a request inside a tunnel or captured agrees with all that names its host', () => {
  const tunnel = {
    entry: 'connect',
    target: '/a',
    secure: true,
    tunnelAuthority: 'example.com:443',
    serverName: 'example.com',
  } as const;
  const captured = { entry: 'captured', target: '/a', secure: true, serverName: 'example.com' } as const;

  it('goes where the tunnel goes', () => {
    expect(urlOf(accepted(head(tunnel)))).toBe('https://example.com/a');
    expect(urlOf(accepted(head({ ...tunnel, serverName: 'EXAMPLE.com.' })))).toBe('https://example.com/a');
    expect(
      urlOf(
        accepted(head({ ...tunnel, serverName: null, tunnelAuthority: '[::1]:8443', rawHeaders: host('[::1]:8443') })),
      ),
    ).toBe('https://[::1]:8443/a');
  });

  it('goes there in clear text when the tunnel holds no TLS', () => {
    const clear = { ...tunnel, secure: false, serverName: null, tunnelAuthority: 'example.com:80' };
    expect(urlOf(accepted(head(clear)))).toBe('http://example.com/a');
  });

  it('goes where Host says when it is captured', () => {
    expect(urlOf(accepted(head(captured)))).toBe('https://example.com/a');
    expect(urlOf(accepted(head({ ...captured, secure: false, serverName: null })))).toBe('http://example.com/a');
  });

  it.each([
    ['Host against the tunnel', { ...tunnel, rawHeaders: host('evil.example') }, 'conflicting-host'],
    ['the port of Host against the tunnel', { ...tunnel, tunnelAuthority: 'example.com:8443' }, 'conflicting-host'],
    ['the server name against the tunnel', { ...tunnel, serverName: 'evil.example' }, 'conflicting-host'],
    ['an invalid server name', { ...tunnel, serverName: 'exa mple' }, 'bad-host'],
    ['an invalid tunnel', { ...tunnel, tunnelAuthority: '0x7f.1:443' }, 'bad-host'],
    ['no tunnel', { ...tunnel, tunnelAuthority: null }, 'malformed-request'],
    ['an absolute URL', { ...tunnel, target: 'http://example.com/a' }, 'malformed-request'],
    ['an asterisk', { ...tunnel, target: '*' }, 'malformed-request'],
    ['the server name against Host', { ...captured, rawHeaders: host('evil.example') }, 'conflicting-host'],
    ['no server name in captured TLS', { ...captured, serverName: null }, 'bad-host'],
    ['CONNECT inside the tunnel', { ...tunnel, method: 'CONNECT', target: 'example.com:443' }, 'connect-unsupported'],
    ['no Host', { ...captured, httpVersion: '1.0', rawHeaders: [] }, 'bad-host'],
  ] as const)('and is refused with %s', (_, over, code) => {
    expect(verdict(head(over))).toBe(code);
  });
});

describe('a request that came by no known entry', () => {
  it.each([
    ['/', 'not-a-proxy-request'],
    ['/healthz', 'not-a-proxy-request'],
    ['/routesx/a', 'not-a-proxy-request'],
    ['/routes', 'unknown-route'],
    ['/routes/tickets/a', 'unknown-route'],
    ['http://example.com/', 'not-a-proxy-request'],
  ])('%s is refused', (target, code) => {
    expect(verdict(head({ entry: 'unknown', target }))).toBe(code);
  });

  it('is told that CONNECT is not served', () => {
    expect(verdict(head({ entry: 'unknown', method: 'CONNECT', target: 'example.com:443' }))).toBe(
      'connect-unsupported',
    );
    expect(verdict(head({ method: 'CONNECT', target: 'example.com:443' }))).toBe('connect-unsupported');
  });
});
