import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { sendRaw, startLenientUpstream, type LenientUpstream } from '../support/wire.ts';

let gateway: GatewayProcess;
let upstream: LenientUpstream;

beforeAll(async () => {
  upstream = await startLenientUpstream();
  gateway = await startGatewayProcess({
    policy: 'version: "1"\nrules:\n  - {name: everything, risk_level: low, approval: auto}\n',
    config: [
      `upstream: {allow: ["127.0.0.1:${upstream.port}"]}`,
      `routes: {shop: {upstream: "http://127.0.0.1:${upstream.port}/api"}}`,
      'limits: {body: 64KiB, headers: 4KiB, header_count: 40, url: 2KiB, headers_timeout: 1s}',
    ].join('\n'),
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** One way to write a request so that two parsers may read it differently, and the code that refuses it. */
interface Row {
  readonly name: string;
  readonly code: string;
  readonly status: number;
  readonly bytes: string;
}

const host = 'H'; // replaced by the upstream's authority
const get = (target: string, ...fields: readonly string[]): string =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines(fields)}\r\n`;
const post = (body: string, ...fields: readonly string[]): string =>
  `POST http://${host}/refunds HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${lines(fields)}\r\n${body}`;
const lines = (fields: readonly string[]): string => fields.map((field) => `${field}\r\n`).join('');
const JSON_TYPE = 'Content-Type: application/json';

const ROWS: readonly Row[] = [
  // fault:malformed-request
  { name: 'a request line that is none', code: 'malformed-request', status: 400, bytes: 'HELLO\r\n\r\n' },
  {
    name: 'a field without a colon',
    code: 'malformed-request',
    status: 400,
    bytes: get(`http://${host}/`, 'Nonsense'),
  },
  {
    name: 'a space before the colon',
    code: 'malformed-request',
    status: 400,
    bytes: get(`http://${host}/`, 'X-Thing : 1'),
  },
  {
    name: 'a chunk size that is no number',
    code: 'malformed-request',
    status: 400,
    bytes: `POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n${JSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  },
  // fault:not-a-proxy-request
  { name: 'a path without a destination', code: 'not-a-proxy-request', status: 421, bytes: get('/refunds') },
  // fault:unknown-route
  { name: 'a route that is not configured', code: 'unknown-route', status: 404, bytes: get('/routes/other/x') },
  // fault:unsupported-method
  {
    name: 'TRACE',
    code: 'unsupported-method',
    status: 405,
    bytes: `TRACE http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
  },
  {
    name: 'CONNECT with a body',
    code: 'conflicting-framing',
    status: 400,
    bytes: `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\nhi`,
  },
  // fault:unsupported-scheme
  { name: 'a scheme other than http', code: 'unsupported-scheme', status: 400, bytes: get(`ftp://${host}/x`) },
  // fault:conflicting-host
  {
    name: 'a Host that is not the authority',
    code: 'conflicting-host',
    status: 400,
    bytes: `GET http://${host}/ HTTP/1.1\r\nHost: other.example\r\n\r\n`,
  },
  {
    name: 'two Host fields',
    code: 'conflicting-host',
    status: 400,
    bytes: get(`http://${host}/`, 'Host: other.example'),
  },
  { name: 'no Host field', code: 'conflicting-host', status: 400, bytes: `GET http://${host}/ HTTP/1.1\r\n\r\n` },
  // fault:bad-host
  { name: 'a name and password in the URL', code: 'bad-host', status: 400, bytes: get(`http://user:pass@${host}/`) },
  // fault:conflicting-framing
  {
    name: 'Content-Length with Transfer-Encoding',
    code: 'conflicting-framing',
    status: 400,
    bytes: `POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  },
  {
    name: 'two Content-Lengths',
    code: 'conflicting-framing',
    status: 400,
    bytes: `POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\n{}{}`,
  },
  {
    name: 'Content_Length beside Content-Length',
    code: 'bad-header',
    status: 400,
    bytes: post('{}', JSON_TYPE, 'Content_Length: 40'),
  },
  // fault:bad-percent-encoding
  {
    name: 'a percent sign without digits',
    code: 'bad-percent-encoding',
    status: 400,
    bytes: get(`http://${host}/a%zz`),
  },
  // fault:dot-segments
  { name: 'dot segments', code: 'dot-segments', status: 400, bytes: get(`http://${host}/public/../admin`) },
  { name: 'encoded dot segments', code: 'dot-segments', status: 400, bytes: get(`http://${host}/public/%2e%2E/admin`) },
  // fault:control-characters
  { name: 'an encoded NUL in the path', code: 'control-characters', status: 400, bytes: get(`http://${host}/a%00b`) },
  // fault:bad-header
  {
    name: 'two Content-Types',
    code: 'bad-header',
    status: 400,
    bytes: post('{}', JSON_TYPE, 'Content-Type: text/plain'),
  },
  {
    name: 'a method override',
    code: 'bad-header',
    status: 400,
    bytes: post('{}', JSON_TYPE, 'X-HTTP-Method-Override: DELETE'),
  },
  // fault:unsupported-upgrade
  {
    name: 'an upgrade to h2c',
    code: 'unsupported-upgrade',
    status: 400,
    bytes: get(`http://${host}/`, 'Connection: upgrade', 'Upgrade: h2c'),
  },
  // fault:unsupported-expectation
  {
    name: 'an expectation that nobody knows',
    code: 'unsupported-expectation',
    status: 417,
    bytes: post('{}', JSON_TYPE, 'Expect: the-best'),
  },
  // fault:headers-too-large
  {
    name: 'a header section that is too large',
    code: 'headers-too-large',
    status: 431,
    bytes: get(`http://${host}/`, `X-Flood: ${'a'.repeat(8_000)}`),
  },
  {
    name: 'too many fields',
    code: 'headers-too-large',
    status: 431,
    bytes: get(`http://${host}/`, ...Array.from({ length: 60 }, (_, index) => `X-${index}: 1`)),
  },
  // fault:unsupported-encoding
  {
    name: 'a coding that nobody can open',
    code: 'unsupported-encoding',
    status: 415,
    bytes: post('{}', JSON_TYPE, 'Content-Encoding: compress'),
  },
  // fault:malformed-body
  { name: 'JSON that is none', code: 'malformed-body', status: 400, bytes: post('{"amount": 1', JSON_TYPE) },
  // fault:duplicate-key
  { name: 'a key twice', code: 'duplicate-key', status: 400, bytes: post('{"amount":1,"amount":9999}', JSON_TYPE) },
  {
    name: 'a key twice under a type that hides it',
    code: 'duplicate-key',
    status: 400,
    bytes: post('{"amount":1,"amount":9999}', 'Content-Type: text/plain'),
  },
  {
    name: 'a key twice, once escaped',
    code: 'duplicate-key',
    status: 400,
    bytes: post(String.raw`{"amount":1,"\u0061mount":9999}`, JSON_TYPE),
  },
  // fault:body-too-large
  {
    name: 'a body that is too large',
    code: 'body-too-large',
    status: 413,
    bytes: post(JSON.stringify('a'.repeat(70_000)), JSON_TYPE),
  },
  // fault:body-too-complex
  {
    name: 'a body that nests too deep',
    code: 'body-too-complex',
    status: 413,
    bytes: post(`${'['.repeat(2_000)}${']'.repeat(2_000)}`, JSON_TYPE),
  },
];

describe('a request that can be read in more than one way', () => {
  it.each(ROWS)('$name is refused as $code and never reaches a lenient upstream', async ({ bytes, code, status }) => {
    const before = upstream.connections;
    const answer = await sendRaw(
      gateway.port,
      bytes.replaceAll(/(?<=[/@ ])H(?=[/ \r])/gu, `127.0.0.1:${upstream.port}`),
    );
    expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/problem+json']);
    expect(JSON.parse(answer.body)).toMatchObject({ code, status });
    expect(upstream.connections).toBe(before);
  });

  it('is in the audit trail, one refusal for each', async () => {
    const { stdout } = await gateway.cli(
      'audit',
      'export',
      '--format',
      'jsonl',
      '--kind',
      'refusal',
      '--limit',
      '10000',
    );
    const codes = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { fault: string }).fault);
    for (const { code } of ROWS) expect(codes).toContain(code);
    expect(codes).toHaveLength(ROWS.length);
  });
});

describe('a request that can be read in one way', () => {
  it('reaches the upstream byte for byte', async () => {
    const body = '{"amount": 1.00, "order":7}';
    const bytes = `POST http://127.0.0.1:${upstream.port}/refunds?a=1&a=2 HTTP/1.1\r\nHost: 127.0.0.1:${upstream.port}\r\n${JSON_TYPE}\r\nX-Two: 1\r\nX-Two: 2\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
    const answer = await sendRaw(gateway.port, bytes);
    expect(answer.status).toBe(200);
    const received = upstream.received();
    expect(received).toContain('POST /refunds?a=1&a=2 HTTP/1.1\r\n');
    expect(received).toMatch(/x-two: 1\r\nx-two: 2\r\n/iu);
    expect(received.endsWith(`\r\n\r\n${body}`)).toBe(true);
    expect(received).not.toMatch(/x-forwarded|^via/imu);
  });
});
