import { describe, expect, it } from 'vitest';
import { parseAuthority, parseHost } from '../../../src/request/host.ts';

describe('a host has one spelling', () => {
  it.each([
    ['example.com', 'example.com'],
    ['EXAMPLE.Com', 'example.com'],
    ['example.com.', 'example.com'],
    ['localhost', 'localhost'],
    ['my_service.default.svc', 'my_service.default.svc'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[0:0:0:0:0:0:0:1]', '[::1]'],
    ['[2001:DB8::00A]', '[2001:db8::a]'],
    ['0x.example', '0x.example'],
  ])('%s is %s', (text, host) => {
    expect(parseHost(text)).toEqual({ ok: true, value: host });
  });
});

describe('a host that parsers read differently is refused', () => {
  it.each([
    ['nothing', ''],
    ['a dot alone', '.'],
    ['two trailing dots', 'example.com..'],
    ['an empty label', 'a..example'],
    ['a label of 64 characters', `${'a'.repeat(64)}.example`],
    ['a name of 254 characters', `${'a.'.repeat(126)}aa`],
    ['a leading hyphen', '-a.example'],
    ['a trailing hyphen', 'a-.example'],
    ['an octal IPv4 address', '0177.0.0.1'],
    ['a hexadecimal IPv4 part', '0x7f.1'],
    ['a hexadecimal IPv4 address', '0x7f000001'],
    ['a number as IPv4 address', '2130706433'],
    ['a short IPv4 address', '127.1'],
    ['an IPv4 part beyond 255', '127.0.0.256'],
    ['an IPv4 address of five parts', '1.2.3.4.5'],
    ['an IPv4 address with a trailing dot', '127.0.0.1.'],
    ['a name that ends in a number', 'example.1'],
    ['a name that ends in 0x', 'example.0x'],
    ['IPv4 inside IPv6', '[::ffff:127.0.0.1]'],
    ['IPv4 inside IPv6, in hexadecimal', '[::ffff:7f00:1]'],
    ['IPv4-compatible IPv6', '[::127.0.0.1]'],
    ['an IPv6 zone', '[fe80::1%25eth0]'],
    ['IPv6 without its end', '[::1'],
    ['IPv6 without brackets', '::1'],
    ['an IPvFuture address', '[v1.fe80]'],
    ['an international name', 'bücher.example'],
    ['a fullwidth dot', 'example\uff0ecom'],
    ['an ideographic full stop', 'example\u3002com'],
    ['a Kelvin sign', '\u212aube.example'],
    ['a soft hyphen', 'exam\u00adple.com'],
    ['an empty xn-- label', 'xn--.example'],
    ['user information', 'user@example.com'],
    ['percent-encoding', 'example%2ecom'],
    ['a space', 'example .com'],
    ['a tab', 'exa\tmple.com'],
    ['a NUL', 'example.com\0'],
    ['a line end', 'example.com\n'],
    ['a backslash', 'example.com\\'],
    ['a slash', 'example.com/'],
    ['a question mark', 'example.com?'],
    ['a comma', 'a.example,b.example'],
    ['an asterisk', '*.example.com'],
  ])('%s', (_, text) => {
    const result = parseHost(text);
    expect(result.ok ? result.value : result.fault.code).toBe('bad-host');
  });
});

describe('a port', () => {
  it.each([
    ['example.com', 443],
    ['example.com:443', 443],
    ['example.com:8443', 8443],
    ['[::1]:65535', 65_535],
  ])('of %s is %i', (text, port) => {
    expect(parseAuthority(text, 443)).toMatchObject({ ok: true, value: { port } });
  });

  it.each([
    'example.com:',
    'example.com:0',
    'example.com:080',
    'example.com:65536',
    'example.com:+80',
    'example.com:8 0',
  ])('is refused in %s', (text) => {
    expect(parseAuthority(text, 443)).toMatchObject({ ok: false, fault: { code: 'bad-host' } });
  });

  it('is refused when there are two', () => {
    expect(parseAuthority('example.com:80:90', 443)).toMatchObject({ ok: false, fault: { code: 'bad-host' } });
    expect(parseAuthority('[::1]80', 443)).toMatchObject({ ok: false, fault: { code: 'bad-host' } });
  });
});
