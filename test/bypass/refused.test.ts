import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBypassPort, type BypassPort } from '../support/bypass-port.ts';

let port: BypassPort;
beforeAll(async () => {
  port = await startBypassPort();
});
afterAll(async () => await port[Symbol.asyncDispose]());

/** One attempt that was always refused: what was tried, and the code that it must go on being refused with. */
type Row = readonly [name: string, code: string, bytes: () => string | Buffer];

const JSON_TYPE = 'Content-Type: application/json';
const LARGE = '{"amount":9999}';

/** A POST of JSON, where only fields and body differ. */
function post(name: string, code: string, body: string | Buffer, ...fields: readonly string[]): Row {
  return [name, code, () => port.request('POST /refunds', fields.length === 0 ? [JSON_TYPE] : fields, body)];
}

/** A request in lines of one's own. */
function wire(name: string, code: string, ...lines: readonly string[]): Row {
  return [name, code, () => lines.join('\r\n').replaceAll('AUTHORITY', port.authority)];
}

function chunked(name: string, code: string, body: string, ...fields: readonly string[]): Row {
  const head = ['POST http://AUTHORITY/refunds HTTP/1.1', 'Host: AUTHORITY', JSON_TYPE, ...fields];
  return wire(name, code, ...head, 'Transfer-Encoding: chunked', '', body);
}

const path = (name: string, code: string, target: string): Row => [name, code, () => port.request(`POST ${target}`)];

function host(name: string, code: string): Row {
  return [
    `the host ${name}`,
    code,
    () => `GET http://${name}:${port.upstream.port}/ HTTP/1.1\r\nHost: ${name}:${port.upstream.port}\r\n\r\n`,
  ];
}

const FRAMING: readonly Row[] = [
  wire(
    'a folded field',
    'malformed-request',
    'POST http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'X: 1',
    ' Content-Length: 5',
    '',
    '',
  ),
  wire(
    'a bare line feed in the head',
    'malformed-request',
    'POST http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'X: 1\nContent-Length: 5',
    '',
    '12345',
  ),
  wire(
    'a bare carriage return in the head',
    'malformed-request',
    'POST http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'X: 1\rX-HTTP-Method-Override: DELETE',
    '',
    '',
  ),
  wire(
    'a vertical tab before chunked',
    'malformed-request',
    'POST http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'Transfer-Encoding: \x0bchunked',
    '',
    '0',
    '',
    '',
  ),
  wire(
    'two transfer codings',
    'conflicting-framing',
    'POST http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'Transfer-Encoding: gzip, chunked',
    '',
    '0',
    '',
    '',
  ),
  wire(
    'chunked twice',
    'conflicting-framing',
    'POST http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked',
    '',
    '0',
    '',
    '',
  ),
  wire(
    'Transfer_Encoding',
    'bad-header',
    'POST http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'Transfer_Encoding: chunked',
    'Content-Length: 0',
    '',
    '',
  ),
  wire(
    'chunked in HTTP/1.0',
    'conflicting-framing',
    'POST http://AUTHORITY/ HTTP/1.0',
    'Host: AUTHORITY',
    'Transfer-Encoding: chunked',
    '',
    '0',
    '',
    '',
  ),
  wire(
    'a sign before Content-Length',
    'conflicting-framing',
    'POST http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'Content-Length: +2',
    '',
    '{}',
  ),
  wire(
    'a list as Content-Length',
    'conflicting-framing',
    'POST http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'Content-Length: 2, 2',
    '',
    '{}',
  ),
  wire('a lower-case method', 'malformed-request', 'post http://AUTHORITY/ HTTP/1.1', 'Host: AUTHORITY', '', ''),
  wire('HTTP/0.9', 'malformed-request', 'GET http://AUTHORITY/', '', ''),
  wire('HTTP/2 in clear text', 'malformed-request', 'PRI * HTTP/2.0', '', 'SM', '', ''),
  chunked('an unterminated chunk extension', 'malformed-request', '2;a="\r\n{}\r\n0\r\n\r\n'),
  chunked('a chunk size ended by a line feed', 'malformed-request', '2\n{}\r\n0\r\n\r\n'),
  chunked('a chunk longer than it says', 'malformed-request', '1\r\n{}\r\n0\r\n\r\n'),
  chunked('a chunk size beyond all bounds', 'malformed-request', 'fffffffffffffffff\r\n{}\r\n0\r\n\r\n'),
  chunked('Content-Length in a trailer', 'conflicting-framing', '2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n'),
  chunked('Trailer naming the method', 'bad-header', '2\r\n{}\r\n0\r\n\r\n', 'Trailer: X-HTTP-Method-Override'),
];

const BODIES: readonly Row[] = [
  post('an amount that is large', 'policy-block', LARGE),
  post('an amount with an exponent', 'policy-block', '{"amount":1e4}'),
  post('an amount beyond doubles', 'malformed-body', '{"amount":1e400}'),
  post('an amount of a thousand digits', 'policy-block', `{"amount":1${'0'.repeat(1_000)}}`),
  post('an amount that is text', 'policy-block', '{"amount":"9999"}'),
  post('an amount in a list', 'policy-block', '{"amount":[9999]}'),
  post('an amount behind an escape', 'policy-block', String.raw`{"\u0061mount":9999}`),
  post('an amount twice, once in capitals', 'duplicate-key', '{"amount":1,"AMOUNT":9999}'),
  post(
    'an amount in the body of a form and in JSON',
    'malformed-body',
    LARGE,
    'Content-Type: application/x-www-form-urlencoded',
  ),
  post('an amount in JSON that says it is text', 'policy-block', LARGE, 'Content-Type: text/plain'),
  post('an amount in JSON that says nothing', 'policy-block', LARGE, 'X-Other: 1'),
  post(
    'an amount in JSON that says it is a query language',
    'policy-block',
    LARGE,
    'Content-Type: application/graphql',
  ),
  post('an amount that is compressed', 'policy-block', gzipSync(LARGE), JSON_TYPE, 'Content-Encoding: gzip'),
  post(
    'an amount that is compressed twice',
    'policy-block',
    gzipSync(gzipSync(LARGE)),
    JSON_TYPE,
    'Content-Encoding: gzip, gzip',
  ),
  post(
    'an amount that is compressed and says that it is not',
    'malformed-body',
    gzipSync(LARGE),
    JSON_TYPE,
    'Content-Encoding: identity',
  ),
  post('an amount that says it is compressed and is not', 'malformed-body', LARGE, JSON_TYPE, 'Content-Encoding: gzip'),
  post(
    'an amount behind a second gzip member',
    'malformed-body',
    Buffer.concat([gzipSync('{}'), gzipSync(LARGE)]),
    JSON_TYPE,
    'Content-Encoding: gzip',
  ),
  post('an amount in UTF-16', 'malformed-body', Buffer.from(LARGE, 'utf16le'), 'Content-Type: text/plain'),
  post(
    'an amount in UTF-16 that says so',
    'unsupported-encoding',
    Buffer.from(LARGE, 'utf16le'),
    `${JSON_TYPE};charset=utf-16`,
  ),
  post(
    'an amount in UTF-7',
    'unsupported-encoding',
    '+AHs-"amount":9999+AH0-',
    'Content-Type: text/plain; charset=utf-7',
  ),
  post('an amount behind a byte order mark', 'malformed-body', `\ufeff${LARGE}`),
  post('JSON with a comment', 'malformed-body', '{"a":1/*,*/,"amount":9999}'),
  post('JSON with text behind it', 'malformed-body', `{"a":1}${LARGE}`),
  post('half a surrogate pair in a name', 'malformed-body', String.raw`{"\ud800amount":9999}`),
  post('two types', 'bad-header', LARGE, JSON_TYPE, 'Content-Type: text/plain'),
  post('two types in one', 'bad-header', LARGE, 'Content-Type: application/json, text/plain'),
  post(
    'a form with ; between its fields',
    'malformed-body',
    'a=1;amount=9999',
    'Content-Type: application/x-www-form-urlencoded',
  ),
  post(
    'a multipart body with a preamble',
    'malformed-body',
    'x\r\n--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
    'Content-Type: multipart/form-data; boundary=b',
  ),
  post(
    'a multipart body with two boundaries',
    'bad-header',
    '--b--',
    'Content-Type: multipart/form-data; boundary=b; boundary=c',
  ),
  [
    'an amount in the query and another in the body',
    'ambiguous-action',
    () => port.request('POST /refunds?amount=9999', [JSON_TYPE], '{"amount":1}'),
  ],
  ['an amount in the body of a GET', 'policy-block', () => port.request('GET /refunds', [JSON_TYPE], LARGE)],
];

const HEADS: readonly Row[] = [
  path('a mapped path in capitals', 'ambiguous-action', '/CANCEL'),
  path('a mapped path with a format', 'ambiguous-action', '/cancel.json'),
  path('a mapped path with a dot', 'ambiguous-action', '/cancel.'),
  path('a mapped path with a space', 'ambiguous-action', '/cancel%20'),
  path('a mapped path with an encoded ;', 'ambiguous-action', '/cancel%3Bx'),
  path('a mapped path with a final slash', 'policy-block', '/cancel/'),
  path('a mapped path, encoded', 'policy-block', '/%63ancel'),
  path('a mapped path behind two slashes', 'malformed-request', '//cancel'),
  path('a mapped path with parameters', 'malformed-request', '/cancel;x=1'),
  path('an encoded slash', 'bad-percent-encoding', '/x%2fcancel'),
  path('a dot segment, encoded twice', 'dot-segments', '/x/%252e%252e/cancel'),
  path('a NUL in a path', 'control-characters', '/cancel%00'),
  path('an overlong encoding', 'bad-percent-encoding', '/%c1%a3ancel'),
  path('; in a query', 'malformed-request', '/refunds?a=1;amount=9999'),
  path('a name with and without brackets', 'malformed-request', '/refunds?amount=1&amount[]=9999'),
  path('_method as PHP folds it', 'unsupported-method', '/orders?.method=DELETE'),
  post('a method override', 'bad-header', '{}', JSON_TYPE, 'X-Method-Override: DELETE'),
  post('a method override with an underscore', 'bad-header', '{}', JSON_TYPE, 'X_HTTP_Method_Override: DELETE'),
  post('another URL', 'bad-header', '{}', JSON_TYPE, 'X-Original-URL: /cancel'),
  post('another host', 'bad-header', '{}', JSON_TYPE, 'X-Forwarded-Host: other.example'),
  post('Connection naming the credential', 'bad-header', '{}', JSON_TYPE, 'Connection: authorization'),
  wire(
    'a Host that is not that of the URL',
    'conflicting-host',
    'GET http://AUTHORITY/ HTTP/1.1',
    'Host: other.example',
    '',
    '',
  ),
  wire(
    'a backslash behind the host',
    'malformed-request',
    'GET http://AUTHORITY\\@other.example/ HTTP/1.1',
    'Host: AUTHORITY',
    '',
    '',
  ),
  wire(
    'a user name before the host',
    'bad-host',
    'GET http://other.example@AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    '',
    '',
  ),
  wire('a route in another spelling', 'unknown-route', 'GET /routes/%73hop/x HTTP/1.1', 'Host: AUTHORITY', '', ''),
  wire('a route that climbs', 'dot-segments', 'GET /routes/shop/../x HTTP/1.1', 'Host: AUTHORITY', '', ''),
  wire(
    'an upgrade to h2c',
    'unsupported-upgrade',
    'GET http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'Connection: upgrade, http2-settings',
    'Upgrade: h2c',
    'HTTP2-Settings: AA',
    '',
    '',
  ),
  wire(
    'a WebSocket with a body',
    'unsupported-upgrade',
    'GET http://AUTHORITY/ HTTP/1.1',
    'Host: AUTHORITY',
    'Connection: upgrade',
    'Upgrade: websocket',
    'Content-Length: 0',
    '',
    '',
  ),
  wire('PROPFIND', 'policy-block', 'PROPFIND http://AUTHORITY/ HTTP/1.1', 'Host: AUTHORITY', '', ''),
];

const ADDRESSES: readonly Row[] = [
  host('0.0.0.0', 'upstream-address-refused'),
  host('[::]', 'upstream-address-refused'),
  host('[::1]', 'upstream-address-refused'),
  host('127.0.0.2', 'upstream-address-refused'),
  host('[64:ff9b::7f00:1]', 'upstream-address-refused'),
  host('[2002:7f00:1::]', 'upstream-address-refused'),
  host('[fe80::1]', 'upstream-address-refused'),
  host('169.254.169.254', 'upstream-address-refused'),
  host('[fd00:ec2::254]', 'upstream-address-refused'),
  host('[::ffff:127.0.0.1]', 'bad-host'),
  host('[::ffff:7f00:1]', 'bad-host'),
  host('[::1%25lo]', 'bad-host'),
  host('2130706433', 'bad-host'),
  host('0x7f000001', 'bad-host'),
  host('0177.0.0.1', 'bad-host'),
  host('127.1', 'bad-host'),
  host('127.0.0.1..', 'bad-host'),
  [
    'the gateway itself, through itself',
    'upstream-address-refused',
    () =>
      `GET http://127.0.0.1:${port.gateway.port}/routes/shop/ HTTP/1.1\r\nHost: 127.0.0.1:${port.gateway.port}\r\n\r\n`,
  ],
  [
    'the admin listener, by name',
    'upstream-address-refused',
    () =>
      `GET http://localhost:${port.gateway.adminPort}/ HTTP/1.1\r\nHost: localhost:${port.gateway.adminPort}\r\n\r\n`,
  ],
];

describe.each([
  ['framing', FRAMING],
  ['a body', BODIES],
  ['a head', HEADS],
  ['an address', ADDRESSES],
])('an attempt to get past the verdict by %s', (_group, rows) => {
  it.each(rows)('is refused: %s (%s)', async (_name, code, bytes) => {
    expect(await port.attempt(bytes())).toMatchObject({ code, forwarded: false });
  });
});
