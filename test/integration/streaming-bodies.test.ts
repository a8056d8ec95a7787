import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpServer, type HttpServer } from '../support/http-server.ts';

const POLICY = `version: "1"
rules:
  - {name: no-wipe, match: {type: create}, conditions: {param_eq: {mode: wipe}}, risk_level: critical, approval: block}
  - {name: no-upload-field, match: {type: create}, conditions: {when: '"evil" in action.params'}, risk_level: high, approval: block}
  - {name: rest, risk_level: low, approval: auto}
`;
const KIB = 1024;

interface Seen {
  readonly fields: IncomingMessage['headers'];
  readonly digest: string;
}
const seen: Seen[] = [];
let upstream: HttpServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  upstream = await startHttpServer((request, response) => {
    const hash = createHash('sha256');
    request.on('data', (chunk: Buffer) => hash.update(chunk));
    request.on('end', () => {
      seen.push({ fields: request.headers, digest: hash.digest('hex') });
      response.end('done');
    });
  });
  gateway = await startGatewayProcess({
    policy: POLICY,
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nlimits: {body: 64KiB}`,
  });
});
beforeEach(() => void seen.splice(0));
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** Posts bytes, in one chunk or with their length, and returns the status and the refusing rule or code. */
async function post(
  body: Uint8Array,
  headers: { readonly [name: string]: string },
  chunked = false,
): Promise<readonly [number, string]> {
  const request = httpRequest({
    host: '127.0.0.1',
    port: gateway.port,
    method: 'POST',
    path: `${upstream.origin}/orders`,
    agent: false,
    headers: {
      host: `127.0.0.1:${upstream.port}`,
      ...headers,
      ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.byteLength) }),
    },
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  if (response.statusCode === 200) return [200, text];
  const { code, decision } = JSON.parse(text) as { code: string; decision?: { rule: string } };
  return [response.statusCode ?? 0, decision?.rule ?? code];
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const JSON_TYPE = { 'content-type': 'application/json' };

describe.each([
  ['identity', (bytes: Buffer) => bytes],
  ['gzip', (bytes: Buffer) => gzipSync(bytes)],
  ['deflate', (bytes: Buffer) => deflateSync(bytes)],
  ['br', (bytes: Buffer) => brotliCompressSync(bytes)],
  ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
  ['gzip, br', (bytes: Buffer) => brotliCompressSync(gzipSync(bytes))],
] as const)('a JSON body in %s', (coding, encode) => {
  const headers = coding === 'identity' ? JSON_TYPE : { ...JSON_TYPE, 'content-encoding': coding };

  it.each([
    ['with a length', false],
    ['in chunks', true],
  ])('%s is judged by what is in it', async (_how, chunked) => {
    expect(await post(encode(json({ mode: 'wipe' })), headers, chunked)).toEqual([403, 'no-wipe']);
    expect(seen).toEqual([]);
  });

  it.each([
    ['with a length', false],
    ['in chunks', true],
  ])('%s is forwarded byte for byte as it came', async (_how, chunked) => {
    const body = encode(json({ mode: 'keep', note: 'ä'.repeat(2_000) }));
    expect(await post(body, headers, chunked)).toEqual([200, 'done']);
    expect(seen).toMatchObject([{ digest: sha256(body) }]);
    expect(seen[0]?.fields['content-encoding']).toBe(coding === 'identity' ? undefined : coding);
  });
});

describe('a body that cannot be judged', () => {
  it.each([
    [
      'a gzip bomb',
      { ...JSON_TYPE, 'content-encoding': 'gzip' },
      gzipSync(Buffer.alloc(16 * KIB * KIB, ' ')),
      413,
      'body-too-complex',
    ],
    [
      'a zstd bomb',
      { ...JSON_TYPE, 'content-encoding': 'zstd' },
      zstdCompressSync(Buffer.alloc(16 * KIB * KIB, ' ')),
      413,
      'body-too-complex',
    ],
    [
      'many layers',
      { ...JSON_TYPE, 'content-encoding': 'gzip, gzip, gzip, gzip, gzip' },
      layers(5),
      413,
      'body-too-complex',
    ],
    ['another coding', { ...JSON_TYPE, 'content-encoding': 'compress' }, json({ a: 1 }), 415, 'unsupported-encoding'],
    ['gzip that is none', { ...JSON_TYPE, 'content-encoding': 'gzip' }, json({ a: 1 }), 400, 'malformed-body'],
    [
      'a byte behind the gzip',
      { ...JSON_TYPE, 'content-encoding': 'gzip' },
      Buffer.concat([gzipSync(json({ a: 1 })), Buffer.from('x')]),
      400,
      'malformed-body',
    ],
    ['a body over the limit', JSON_TYPE, Buffer.alloc(65 * KIB, ' '), 413, 'body-too-large'],
    ['a key that is written twice', JSON_TYPE, Buffer.from('{"mode":"keep","mode":"wipe"}'), 400, 'duplicate-key'],
  ] as const)('is refused: %s', async (_what, headers, body, status, code) => {
    expect(await post(body, headers)).toEqual([status, code]);
    expect(await post(body, headers, true)).toEqual([status, code]);
    expect(seen).toEqual([]);
  });

  function layers(count: number): Buffer {
    let body = json({ a: 1 });
    for (let layer = 0; layer < count; layer += 1) body = gzipSync(body);
    return body;
  }
});

describe('the fields of a form', () => {
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
  const MULTIPART = { 'content-type': 'multipart/form-data; boundary=xyz' };
  const part = (name: string, value: string, more = ''): string =>
    `--xyz\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;

  it.each([
    ['urlencoded, its value', FORM, 'order=7&mode=wipe', 'no-wipe'],
    ['urlencoded, its name in percent-encoding', FORM, 'm%6Fde=wip%65', 'no-wipe'],
    ['urlencoded, its name', FORM, 'order=7&evil=', 'no-upload-field'],
    ['multipart, its name', MULTIPART, `${part('order', '7')}${part('evil', 'x')}--xyz--\r\n`, 'no-upload-field'],
    [
      'multipart, the name of a file',
      MULTIPART,
      `${part('evil', 'x', '; filename="a.txt"')}--xyz--\r\n`,
      'no-upload-field',
    ],
  ])('are parameters: %s', async (_what, headers, body, rule) => {
    expect(await post(Buffer.from(body), headers)).toEqual([403, rule]);
    expect(await post(Buffer.from(body), headers, true)).toEqual([403, rule]);
    expect(seen).toEqual([]);
  });

  it.each([
    ['urlencoded', FORM, 'order=7&mode=keep'],
    ['multipart', MULTIPART, `${part('order', '7')}${part('file', 'x', '; filename="a.txt"')}--xyz--\r\n`],
  ])('are forwarded byte for byte as they came: %s', async (_what, headers, text) => {
    const body = Buffer.from(text);
    expect(await post(body, headers)).toEqual([200, 'done']);
    expect(seen).toMatchObject([{ digest: sha256(body), fields: headers }]);
  });
});
