import { describe, expect, it } from 'vitest';
import { FaultError, type FaultCode } from '../../../src/model/fault.ts';
import { PATIENCE, KIB, gate, problemOf, startPort } from './port-fixture.ts';

const POST = 'POST http://tools.example/x HTTP/1.1\r\nHost: tools.example\r\n';
const GET = 'GET http://tools.example/x HTTP/1.1\r\nHost: tools.example\r\n';
const SMUGGLED = 'DELETE http://tools.example/all HTTP/1.1\r\nHost: tools.example\r\n\r\n';

/** What no exchange may ever be made of. */
const ATTACKS: readonly (readonly [name: string, bytes: string, code: FaultCode])[] = [
  // Where a message ends (RFC 9112 section 6): request smuggling.
  [
    'Content-Length before Transfer-Encoding',
    `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    'conflicting-framing',
  ],
  [
    'Transfer-Encoding before Content-Length',
    `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    'conflicting-framing',
  ],
  ['two equal Content-Lengths', `${POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, 'conflicting-framing'],
  [
    'two different Content-Lengths',
    `${POST}Content-Length: 0\r\nContent-Length: 70\r\n\r\n${SMUGGLED}`,
    'conflicting-framing',
  ],
  ['a list as Content-Length', `${POST}Content-Length: 1, 1\r\n\r\na`, 'conflicting-framing'],
  ['a signed Content-Length', `${POST}Content-Length: +1\r\n\r\na`, 'conflicting-framing'],
  ['a negative Content-Length', `${POST}Content-Length: -1\r\n\r\na`, 'conflicting-framing'],
  ['a hexadecimal Content-Length', `${POST}Content-Length: 0x1\r\n\r\na`, 'conflicting-framing'],
  ['an octal-looking Content-Length', `${POST}Content-Length: 010\r\n\r\n${SMUGGLED}`, 'conflicting-framing'],
  ['an empty Content-Length', `${POST}Content-Length: \r\n\r\na`, 'conflicting-framing'],
  ['a Content-Length beyond 64 bits', `${POST}Content-Length: 18446744073709551617\r\n\r\na`, 'conflicting-framing'],
  ['a Content-Length beyond 53 bits', `${POST}Content-Length: 9007199254740993\r\n\r\na`, 'conflicting-framing'],
  ['an unknown transfer coding', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 'conflicting-framing'],
  ['a transfer coding that ends in more', `${POST}Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n`, 'conflicting-framing'],
  ['a quoted transfer coding', `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`, 'conflicting-framing'],
  [
    'a transfer coding with a parameter',
    `${POST}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`,
    'conflicting-framing',
  ],
  ['a vertical tab before chunked', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`, 'malformed-request'],
  ['the coding identity', `${POST}Transfer-Encoding: identity\r\n\r\n${SMUGGLED}`, 'conflicting-framing'],
  ['an empty Transfer-Encoding', `${POST}Transfer-Encoding:\r\n\r\n`, 'conflicting-framing'],
  [
    'chunked and then another coding',
    `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    'conflicting-framing',
  ],
  [
    'another coding and then chunked',
    `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    'conflicting-framing',
  ],
  ['an empty list member before chunked', `${POST}Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n`, 'conflicting-framing'],
  [
    'two Transfer-Encodings',
    `${POST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'conflicting-framing',
  ],
  [
    'chunked twice',
    `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'conflicting-framing',
  ],
  [
    'Transfer-Encoding in HTTP/1.0',
    'POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'conflicting-framing',
  ],
  // Lines and fields (RFC 9112 sections 2.2 and 5).
  ['line ends without CR', 'GET http://a/ HTTP/1.1\nHost: a\n\n', 'malformed-request'],
  ['one field line without CR', `GET http://a/ HTTP/1.1\r\nHost: a\nX: b\r\n\r\n`, 'malformed-request'],
  ['a last line without CR', `GET http://a/ HTTP/1.1\r\nHost: a\r\n\n`, 'malformed-request'],
  ['a bare CR in a field', `GET http://a/ HTTP/1.1\r\nHost: a\rX: b\r\n\r\n`, 'malformed-request'],
  ['a bare CR after the version', 'GET http://a/ HTTP/1.1\rHost: a\r\n\r\n', 'malformed-request'],
  ['CR CR LF', `GET http://a/ HTTP/1.1\r\nHost: a\r\r\n\r\n`, 'malformed-request'],
  ['a folded field', `${GET}X: b\r\n Transfer-Encoding: chunked\r\n\r\n`, 'malformed-request'],
  ['a folded empty field', `${GET}X:\r\n b\r\n\r\n`, 'malformed-request'],
  ['white space before the first field', 'GET http://a/ HTTP/1.1\r\n Host: a\r\n\r\n', 'malformed-request'],
  ['a space before the colon', `${POST}Content-Length : 5\r\n\r\nhello`, 'malformed-request'],
  ['a tab before the colon', `${POST}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`, 'malformed-request'],
  ['a field without a colon', `${GET}Host\r\n\r\n`, 'malformed-request'],
  ['a field without a name', `${GET}: a\r\n\r\n`, 'malformed-request'],
  ['NUL in a field', `${GET}X: a\0b\r\n\r\n`, 'malformed-request'],
  ['a control character in a field', `${GET}X: a\x01b\r\n\r\n`, 'malformed-request'],
  ['DEL in a field', `${GET}X: a\x7fb\r\n\r\n`, 'malformed-request'],
  // The request line (RFC 9112 section 3).
  ['NUL in the target', 'GET http://a/\0 HTTP/1.1\r\n\r\n', 'malformed-request'],
  ['a tab in the target', 'GET http://a/\tb HTTP/1.1\r\n\r\n', 'malformed-request'],
  ['a space in the target', 'GET http://a/ b HTTP/1.1\r\n\r\n', 'malformed-request'],
  ['a byte above 127 in the target', 'GET http://a/\xe4 HTTP/1.1\r\n\r\n', 'malformed-request'],
  ['a backslash target', 'GET \\\\a\\b HTTP/1.1\r\n\r\n', 'malformed-request'],
  ['a space before the method', ' GET http://a/ HTTP/1.1\r\n\r\n', 'malformed-request'],
  ['an unknown method', 'MAKE http://a/ HTTP/1.1\r\n\r\n', 'malformed-request'],
  ['a method in lower case', 'get http://a/ HTTP/1.1\r\n\r\n', 'malformed-request'],
  ['a space after the version', 'GET http://a/ HTTP/1.1 \r\n\r\n', 'malformed-request'],
  ['a protocol name in lower case', 'GET http://a/ http/1.1\r\n\r\n', 'malformed-request'],
  ['HTTP/0.9', 'GET http://a/\r\n\r\n', 'malformed-request'],
  ['HTTP/0.9 by name', 'GET http://a/ HTTP/0.9\r\n\r\n', 'malformed-request'],
  ['HTTP/1.2', 'GET http://a/ HTTP/1.2\r\n\r\n', 'malformed-request'],
  ['HTTP/2.0 in the manner of HTTP/1.1', 'GET http://a/ HTTP/2.0\r\n\r\n', 'malformed-request'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'malformed-request'],
  ['bytes that are no text', '\x80\x81\x82\x83\r\n\r\n', 'malformed-request'],
  // Sizes.
  ['a header section that is too large', `${GET}X: ${'y'.repeat(9 * KIB)}\r\n\r\n`, 'headers-too-large'],
  ['a target that is too large', `GET http://a/${'y'.repeat(9 * KIB)} HTTP/1.1\r\n\r\n`, 'headers-too-large'],
  ['too many fields', `GET http://a/ HTTP/1.1\r\n${'a:\r\n'.repeat(65)}\r\n`, 'headers-too-large'],
  [
    'more fields than Node shows by default',
    `GET http://a/ HTTP/1.1\r\n${'a:\r\n'.repeat(2_100)}Transfer-Encoding: chunked\r\n\r\n`,
    'headers-too-large',
  ],
];

/** What is wrong in a body whose head was right: the exchange that reads it gets the fault. */
const BAD_BODIES: readonly (readonly [name: string, body: string])[] = [
  ['a chunk size of more than 64 bits', '10000000000000001\r\na\r\n0\r\n\r\n'],
  ['a negative chunk size', '-1\r\na\r\n0\r\n\r\n'],
  ['a chunk size with 0x', '0x1\r\na\r\n0\r\n\r\n'],
  ['an empty chunk size', '\r\na\r\n0\r\n\r\n'],
  ['a space after a chunk size', '1 \r\na\r\n0\r\n\r\n'],
  ['a space before a chunk size', ' 1\r\na\r\n0\r\n\r\n'],
  ['a chunk size line without CR', '1\na\r\n0\r\n\r\n'],
  ['chunk data without CR', '1\r\na\n0\r\n\r\n'],
  ['chunk data that is longer than its size', '1\r\naGET\r\n0\r\n\r\n'],
  ['chunk data without a line end', '1\r\na0\r\n\r\n'],
  ['a last chunk without CR', '1\r\na\r\n0\n\n'],
  ['a bare LF in a chunk extension', '1;a\na\r\n0\r\n\r\n'],
  ['a bare CR in a chunk extension', '1;a\rb\r\na\r\n0\r\n\r\n'],
  ['a control character in a chunk extension', '1;a\x01b\r\na\r\n0\r\n\r\n'],
  ['chunk extensions without end', `1;${'a'.repeat(20 * KIB)}\r\na\r\n0\r\n\r\n`],
  ['Content-Length in the trailer section', '1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n'],
  ['Transfer-Encoding in the trailer section', '1\r\na\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a trailer section that is too large', `1\r\na\r\n0\r\nX: ${'y'.repeat(9 * KIB)}\r\n\r\n`],
  ['a trailer line without CR', '1\r\na\r\n0\r\nX: y\n\r\n'],
];

describe('what cannot be read in exactly one way', () => {
  it.each(ATTACKS)('%s is answered, reported once and never handed over', async (_name, bytes, code) => {
    await using port = await startPort();
    using client = await port.connect();
    client.send(bytes);
    const found = await client.answer();
    expect(problemOf(found)).toMatchObject({ code, status: found.status });
    expect(found.headers.get('connection')).toBe('close');
    const everything = await client.untilEnded();
    expect(everything.match(/HTTP\/1\.1 \d{3} /gu)).toHaveLength(1);
    expect(port.refusals.map(({ fault }) => fault.code)).toEqual([code]);
    expect(port.refusals[0]?.remoteAddress).toBe('127.0.0.1');
    expect(port.seen).toHaveLength(0);
  });

  it.each(BAD_BODIES)('%s ends the exchange that reads it, and the connection', async (_name, body) => {
    const faults: string[] = [];
    await using port = await startPort(async (raw) => {
      const read = await raw.body.read(KIB);
      faults.push(read.ok ? `read ${read.value.length} bytes` : read.fault.code);
      if (raw.client.kind === 'http') raw.client.response.writeHead(400).end();
    });
    using client = await port.connect();
    client.send(`${POST}Transfer-Encoding: chunked\r\n\r\n`);
    await client.send(body).untilEnded();
    expect(client.received).toMatch(/^HTTP\/1\.1 (?:400|431) /u);
    expect(client.received.match(/HTTP\/1\.1 \d{3} /gu)).toHaveLength(1);
    expect(faults).toHaveLength(1);
    expect(['malformed-request', 'conflicting-framing', 'headers-too-large']).toContain(faults[0]);
    expect(port.refusals).toEqual([]);
  });

  it.each(BAD_BODIES)('%s ends an exchange that does not read it', async (_name, body) => {
    const aborted = gate<string>();
    await using port = await startPort(async ({ signal }) => {
      signal.addEventListener('abort', () =>
        aborted.open(signal.reason instanceof FaultError ? signal.reason.fault.code : ''),
      );
      await aborted.opened;
    });
    using client = await port.connect();
    client.send(`${POST}Transfer-Encoding: chunked\r\n\r\n`);
    await client.send(body).untilEnded();
    const code = problemOf(await client.answer()).code;
    expect(code).toBe(await aborted.opened);
    expect(port.refusals.map(({ fault, entry }) => [fault.code, entry])).toEqual([[code, 'forward-proxy']]);
    expect(client.received.match(/HTTP\/1\.1 \d{3} /gu)).toHaveLength(1);
  });

  it('shows nothing of what was sent, neither in the answer nor in the report', async () => {
    await using port = await startPort();
    using client = await port.connect();
    client.send('GET http://a/ HTTP/1.1\r\nAuthorization: Bearer s3cr3t\r\nX: a\0<script>\r\n\r\n');
    const text = await client.untilEnded();
    const told = `${text}${JSON.stringify(port.refusals)}${JSON.stringify(port.lines)}`;
    expect(told).not.toContain('s3cr3t');
    expect(told).not.toContain('script');
    expect(told).not.toContain('node:');
  });

  it('reports a connection once, however much follows', async () => {
    await using port = await startPort();
    using client = await port.connect();
    client.send('BROKEN\r\n\r\n');
    await client.answer();
    client.send(`BROKEN\r\n\r\n${SMUGGLED}`.repeat(50));
    await client.untilEnded();
    expect(port.refusals).toHaveLength(1);
    expect(port.seen).toHaveLength(0);
  });

  it('answers the request before it first when rubbish follows a complete request', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await using port = await startPort(async ({ client }) => {
      await promise;
      if (client.kind === 'http') client.response.writeHead(200, { 'Content-Length': 2 }).end('ok');
    });
    using client = await port.connect();
    client.send(`${POST}Content-Length: 1\r\n\r\naTRAILING`);
    await expect.poll(() => port.refusals.length, PATIENCE).toBe(1);
    resolve();
    const [first, second] = await client.answers(2);
    expect(first).toMatchObject({ status: 200, body: 'ok' });
    expect(second === undefined ? null : problemOf(second).code).toBe('malformed-request');
    await client.untilEnded();
    expect(port.refusals.map(({ fault }) => fault.code)).toEqual(['malformed-request']);
  });

  it('takes a request that ends in its head for malformed', async () => {
    await using port = await startPort();
    using client = await port.connect({ allowHalfOpen: true });
    client.send('GET http://a/ HTTP/1.1\r\nHos');
    client.socket.end();
    expect(problemOf(await client.answer()).code).toBe('malformed-request');
    expect(port.refusals).toHaveLength(1);
  });

  it('says nothing of a connection that never sent a byte', async () => {
    await using port = await startPort();
    using client = await port.connect({ allowHalfOpen: true });
    client.socket.end();
    await client.untilEnded();
    expect(client.received).toBe('');
    expect(port.refusals).toEqual([]);
  });

  it('takes the preface of HTTP/2 with another version for a late header section', async () => {
    await using port = await startPort(undefined, { headersTimeoutMs: 200 });
    using client = await port.connect();
    client.send('PRI * HTTP/1.1\r\n\r\n');
    expect(problemOf(await client.answer()).code).toBe('request-timeout');
    expect(port.refusals).toHaveLength(1);
  });
});

describe('what looks odd and has one meaning', () => {
  const rows: readonly (readonly [name: string, bytes: string])[] = [
    ['empty lines before a request (RFC 9112 section 2.2)', `\r\n\r\n${GET}\r\n`],
    ['white space around a value', `${GET}X: \t a \t \r\n\r\n`],
    [
      'a chunk extension (RFC 9112 section 7.1.1)',
      `${POST}Transfer-Encoding: chunked\r\n\r\n1;a="b"\r\na\r\n0\r\n\r\n`,
    ],
    ['chunked in capitals', `${POST}Transfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n`],
    ['a trailer section', `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n`],
    ['HTTP/1.0 with a length', 'POST http://a/ HTTP/1.0\r\nContent-Length: 1\r\n\r\na'],
    ['bytes above 127 in a field', `${GET}X: \xe4\xff\r\n\r\n`],
  ];
  it.each(rows)('%s is handed over', async (_name, bytes) => {
    await using port = await startPort();
    using client = await port.connect();
    client.send(bytes);
    expect((await client.answer()).status).toBe(200);
    expect(port.refusals).toEqual([]);
  });
});
