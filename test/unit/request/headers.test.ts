import { describe, expect, it } from 'vitest';
import { accepted, head, verdict, withHeaders } from './heads.ts';

type Header = readonly [string, string];
const KEY: Header = ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='];
const VERSION: Header = ['Sec-WebSocket-Version', '13'];
const HANDSHAKE: readonly Header[] = [['Connection', 'Upgrade'], ['Upgrade', 'websocket'], KEY, VERSION];

describe('the request line', () => {
  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'VERSION-CONTROL', 'QUERY'])(
    'may have the method %s',
    (method) => {
      expect(accepted(head({ method })).method).toBe(method);
    },
  );

  it.each(['get', 'Get', 'TRACE', 'TRACK', 'PRI', '', 'GET ', 'GE\tT', 'GÉT', 'G_T', 'A'.repeat(33)])(
    'may not have the method %j',
    (method) => {
      expect(verdict(head({ method }))).toBe('unsupported-method');
    },
  );

  it.each(['0.9', '2.0', '1.2', ''])('may not have the version %j', (httpVersion) => {
    expect(verdict(head({ httpVersion }))).toBe('malformed-request');
  });

  it('may not be longer than the limit', () => {
    expect(verdict(head({ target: 'http://example.com/'.padEnd(8192, 'a') }))).toBe('accepted');
    expect(verdict(head({ target: 'http://example.com/'.padEnd(8193, 'a') }))).toBe('headers-too-large');
  });
});

describe('the header section', () => {
  it('is kept in order, names in lower case, values without space around them, Host taken out', () => {
    const request = accepted(
      withHeaders([
        ['X-B', ' \t2 '],
        ['X-A', '1'],
        ['X-B', '3\t4'],
        ['Accept', 'é'],
      ]),
    );
    expect(request.headers).toEqual([
      { name: 'x-b', value: '2' },
      { name: 'x-a', value: '1' },
      { name: 'x-b', value: '3\t4' },
      { name: 'accept', value: 'é' },
    ]);
  });

  it.each([
    ['a name with a space', [['X A', '1']], 'bad-header'],
    ['a name with a colon', [['X:A', '1']], 'bad-header'],
    ['an empty name', [['', '1']], 'bad-header'],
    ['a name beyond ASCII', [['X-É', '1']], 'bad-header'],
    ['a pseudo-header', [[':authority', 'evil.example']], 'bad-header'],
    ['a line end in a value', [['X-A', '1\r\nX-B: 2']], 'control-characters'],
    ['a folded value', [['X-A', '1\r\n 2']], 'control-characters'],
    ['a NUL in a value', [['X-A', '1\0']], 'control-characters'],
    ['a vertical tab in a value', [['X-A', '1\v']], 'control-characters'],
    ['a character beyond one byte', [['X-A', '\u2028']], 'control-characters'],
  ] as const)('is refused with %s', (_, headers, code) => {
    expect(verdict(withHeaders(headers))).toBe(code);
  });

  it.each([
    'Authorization',
    'Content-Type',
    'Content-Encoding',
    'Cookie',
    'Expect',
    'Idempotency-Key',
    'If-Match',
    'If-None-Match',
    'If-Range',
    'If-Modified-Since',
    'If-Unmodified-Since',
    'Origin',
    'Proxy-Authorization',
    'Range',
    'Referer',
    'User-Agent',
    'X-Api-Key',
  ])('is refused with %s twice, even with one value', (name) => {
    expect(
      verdict(
        withHeaders([
          [name, 'text/plain'],
          [name.toLowerCase(), 'text/plain'],
        ]),
      ),
    ).toBe('bad-header');
  });

  it.each([
    'Content_Length',
    'Transfer_Encoding',
    'transfer.encoding',
    'Content_Type',
    'X_HTTP_Method_Override',
    'idempotency.key',
  ])('is refused with %s where servers fold it onto another name', (name) => {
    const code = verdict(withHeaders([[name, '1']]));
    expect(['Authorization_'].includes(name) ? 'bad-header' : code).toBe('bad-header');
  });

  it('is refused with two spellings of one name, and takes underscores otherwise', () => {
    expect(
      verdict(
        withHeaders([
          ['X-Danger', '0'],
          ['X_Danger', '1'],
        ]),
      ),
    ).toBe('bad-header');
    expect(accepted(withHeaders([['user_token', '1']])).headers).toEqual([{ name: 'user_token', value: '1' }]);
  });

  it('is refused beyond the limits', () => {
    const many = Array.from({ length: 64 }, (_, index): Header => [`X-${index}`, '1']);
    expect(verdict(withHeaders(many.slice(0, 63)))).toBe('accepted');
    expect(verdict(withHeaders(many))).toBe('headers-too-large');
    expect(verdict(withHeaders([['X-A', 'a'.repeat(16_384)]]))).toBe('headers-too-large');
    expect(verdict(head({ rawHeaders: ['Host'] }))).toBe('malformed-request');
  });
});

describe('fields that make a request another one', () => {
  it.each([
    ['X-HTTP-Method-Override', 'DELETE'],
    ['X-HTTP-Method', 'DELETE'],
    ['X-Method-Override', 'DELETE'],
    ['X-HTTP-Method-Override', 'get'],
    ['X-Original-URL', '/admin'],
    ['X-Rewrite-URL', '/admin'],
    ['X-Original-URI', '/admin'],
    ['X-Forwarded-Uri', '/admin'],
    ['X-Forwarded-Method', 'DELETE'],
    ['X-Forwarded-Host', 'evil.example'],
    ['X-Host', 'evil.example'],
    ['X-HTTP-Host-Override', 'evil.example'],
    ['X-Original-Host', 'evil.example'],
    ['Forwarded', 'for=1.2.3.4; Host=evil.example'],
  ])('%s: %s is refused', (name, value) => {
    expect(verdict(withHeaders([[name, value]]))).toBe('bad-header');
  });

  it.each([
    ['X-HTTP-Method-Override', 'GET'],
    ['X-Forwarded-Host', 'EXAMPLE.com:80'],
    ['X-Forwarded-For', '10.0.0.1'],
    ['X-Forwarded-Proto', 'https'],
    ['Forwarded', 'for=1.2.3.4'],
    ['Via', '1.1 other'],
  ])('%s: %s is passed on as the agent sent it', (name, value) => {
    expect(accepted(withHeaders([[name, value]])).headers).toEqual([{ name: name.toLowerCase(), value }]);
  });
});

describe('the length of the body', () => {
  it.each([
    [[], { kind: 'none' }],
    [[['Content-Length', '0']], { kind: 'length', bytes: 0 }],
    [[['Content-Length', ' 42 ']], { kind: 'length', bytes: 42 }],
    [[['Transfer-Encoding', 'chunked']], { kind: 'chunked' }],
  ] as const)('of %j is known', (headers, framing) => {
    expect(accepted(withHeaders(headers, { method: 'POST' })).framing).toEqual(framing);
  });

  it.each([
    [
      'both',
      [
        ['Content-Length', '3'],
        ['Transfer-Encoding', 'chunked'],
      ],
    ],
    [
      'a repeated Content-Length',
      [
        ['Content-Length', '3'],
        ['Content-Length', '3'],
      ],
    ],
    ['a list as Content-Length', [['Content-Length', '3, 3']]],
    ['a sign', [['Content-Length', '+5']]],
    ['a negative length', [['Content-Length', '-5']]],
    ['leading zeros', [['Content-Length', '05']]],
    ['hexadecimal', [['Content-Length', '0x5']]],
    ['an exponent', [['Content-Length', '1e3']]],
    ['a fraction', [['Content-Length', '5.0']]],
    ['an underscore', [['Content-Length', '1_000']]],
    ['nothing', [['Content-Length', '']]],
    ['a length beyond what is exact', [['Content-Length', '9'.repeat(16)]]],
    ['a no-break space', [['Content-Length', '5\u00a0']]],
    ['two codings', [['Transfer-Encoding', 'gzip, chunked']]],
    ['chunked twice', [['Transfer-Encoding', 'chunked, chunked']]],
    [
      'a repeated Transfer-Encoding',
      [
        ['Transfer-Encoding', 'chunked'],
        ['Transfer-Encoding', 'chunked'],
      ],
    ],
    ['identity', [['Transfer-Encoding', 'identity']]],
    ['another letter case', [['Transfer-Encoding', 'Chunked']]],
    ['a parameter', [['Transfer-Encoding', 'chunked;q=1']]],
    ['quotes', [['Transfer-Encoding', '"chunked"']]],
    ['a no-break space behind chunked', [['Transfer-Encoding', 'chunked\u00a0']]],
    ['an empty Transfer-Encoding', [['Transfer-Encoding', '']]],
  ] as const)('is refused with %s', (_, headers) => {
    expect(verdict(withHeaders(headers, { method: 'POST' }))).toBe('conflicting-framing');
  });

  it('is refused with Transfer-Encoding in HTTP/1.0', () => {
    expect(verdict(withHeaders([['Transfer-Encoding', 'chunked']], { httpVersion: '1.0' }))).toBe(
      'conflicting-framing',
    );
  });
});

describe('what concerns the connection', () => {
  it('is taken off, with what Connection names', () => {
    const request = accepted(
      withHeaders(
        [
          ['Connection', 'keep-alive, X-Private'],
          ['X-Private', '1'],
          ['Keep-Alive', 'timeout=5'],
          ['Proxy-Connection', 'keep-alive'],
          ['Proxy-Authorization', 'Basic Z2F0ZTp3YXk='],
          ['Transfer-Encoding', 'chunked'],
          ['TE', 'gzip'],
          ['X-Public', '2'],
        ],
        { method: 'POST' },
      ),
    );
    expect(request.headers).toEqual([{ name: 'x-public', value: '2' }]);
  });

  it('leaves Content-Length, which concerns the other end, and takes TE off', () => {
    const request = accepted(
      withHeaders([
        ['TE', 'trailers, deflate;q=0.5'],
        ['Connection', 'TE'],
        ['Content-Length', '2'],
      ]),
    );
    expect(request.headers).toEqual([{ name: 'content-length', value: '2' }]);
  });

  it.each([
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Authorization',
    'Cookie',
    'Content-Type',
    'Content-Encoding',
    'Idempotency-Key',
    'Expect',
    'X-HTTP-Method-Override',
    'X-Forwarded-For',
    'Content_Length',
    'If-Match',
    'Accept',
    'Cache-Control',
    'Proxy-Authorization',
  ])('may not name the end-to-end field %s', (name) => {
    expect(verdict(withHeaders([['Connection', `close, ${name}`]]))).toBe('bad-header');
  });

  it.each(['a b', ',', 'close,,x', 'close;x', '"close"'])('may not be the malformed list %j', (value) => {
    expect(verdict(withHeaders([['Connection', value]]))).toBe('bad-header');
  });

  it.each(['Content-Length', 'Host', 'Authorization', 'Transfer-Encoding', 'Content_Type'])(
    'has no trailer %s',
    (name) => {
      expect(verdict(withHeaders([['Trailer', `X-Sum, ${name}`]]))).toBe('bad-header');
      expect(verdict(withHeaders([['Trailer', 'X-Sum']]))).toBe('accepted');
    },
  );
});

describe('an upgrade', () => {
  it('to websocket is governed', () => {
    const request = accepted(withHeaders(HANDSHAKE));
    expect(request.upgrade).toBe('websocket');
    expect(request.headers.map(({ name }) => name)).toEqual(['sec-websocket-key', 'sec-websocket-version']);
  });

  it('is none when Connection alone says so', () => {
    expect(accepted(withHeaders([['Connection', 'upgrade']])).upgrade).toBeNull();
  });

  it.each([
    [
      'to h2c',
      [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'h2c'],
      ],
      {},
    ],
    ['to one of two protocols', [['Connection', 'Upgrade'], ['Upgrade', 'websocket, h2c'], KEY, VERSION], {}],
    ['with HTTP2-Settings', [...HANDSHAKE, ['HTTP2-Settings', 'AAMAAABkAAQAAP__']], {}],
    ['that Connection does not name', [['Upgrade', 'websocket'], KEY, VERSION], {}],
    ['without a key', [['Connection', 'Upgrade'], ['Upgrade', 'websocket'], VERSION], {}],
    [
      'with a short key',
      [['Connection', 'Upgrade'], ['Upgrade', 'websocket'], ['Sec-WebSocket-Key', 'YQ=='], VERSION],
      {},
    ],
    [
      'of another version',
      [['Connection', 'Upgrade'], ['Upgrade', 'websocket'], KEY, ['Sec-WebSocket-Version', '8']],
      {},
    ],
    ['of a POST', HANDSHAKE, { method: 'POST' }],
    ['over HTTP/1.0', HANDSHAKE, { httpVersion: '1.0' }],
    ['with a body', [...HANDSHAKE, ['Content-Length', '5']], {}],
    ['with an empty body', [...HANDSHAKE, ['Content-Length', '0']], {}],
    ['with a chunked body', [...HANDSHAKE, ['Transfer-Encoding', 'chunked']], {}],
  ] as const)('%s is refused', (_, headers, over) => {
    expect(verdict(withHeaders(headers as readonly Header[], over))).toBe('unsupported-upgrade');
  });
});

describe('an expectation', () => {
  const body: Header = ['Content-Length', '5'];

  it('of 100-continue is noted and taken off', () => {
    const request = accepted(withHeaders([body, ['Expect', '100-Continue']], { method: 'POST' }));
    expect(request.expectsContinue).toBe(true);
    expect(request.headers).toEqual([{ name: 'content-length', value: '5' }]);
  });

  it('is ignored in HTTP/1.0 and without a body', () => {
    expect(accepted(withHeaders([body, ['Expect', '100-continue']], { httpVersion: '1.0' })).expectsContinue).toBe(
      false,
    );
    expect(accepted(withHeaders([['Expect', '100-continue']])).expectsContinue).toBe(false);
  });

  it.each(['200-ok', '100-continue, x', ''])('of %j is refused', (value) => {
    expect(verdict(withHeaders([body, ['Expect', value]]))).toBe('unsupported-expectation');
  });
});
