import { gzipSync, brotliCompressSync, zstdCompressSync } from 'node:zlib';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { throughProxy } from '../support/agent.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { scrape, seriesOf } from '../support/measures.ts';
import { all, expectServed, refusalsOf, strainOf } from '../support/strain.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { sendRaw } from '../support/wire.ts';

const POLICY = `version: "1"
rules:
  - {name: evil-text, match: {type: create}, conditions: {param_matches: {text: "(x+x+)+y$"}}, risk_level: high, approval: block}
  - {name: costly, match: {type: create}, conditions: {when: 'has(action.params.list) && action.params.list.all(a, action.params.list.exists(b, a == b))'}, risk_level: high, approval: block}
  - {name: rest, risk_level: low, approval: auto}
`;
const KIB = 1024;
const MIB = 1024 * KIB;
const BUFFERED = 8 * MIB;
const FLOOD = 40;
/** Many requests at the same time; some hundreds of KiB each and what reading them takes, garbage included. */
const MOST_GROWN_MIB = 300;

let upstream: HttpUpstream;
let gateway: GatewayProcess;
beforeAll(async () => {
  upstream = await startHttpUpstream();
  gateway = await startGatewayProcess({
    policy: POLICY,
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nlimits: {buffered: 8MiB, body: 2MiB}`,
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const strain = async (attack: () => Promise<unknown>): ReturnType<typeof strainOf> =>
  await strainOf(gateway, `${upstream.origin}/other`, attack);
const head = (method: string, path: string, fields: readonly string[]): string =>
  [`${method} http://example.com${path} HTTP/1.1`, 'Host: example.com', ...fields, '', ''].join('\r\n');
const post = (body: string | Buffer, fields: readonly string[] = []): Buffer =>
  Buffer.concat([
    Buffer.from(
      head('POST', '/x', ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`, ...fields]),
    ),
    Buffer.from(body),
  ]);
const codeOf = ({ body }: { readonly body: string }): string => (JSON.parse(body) as { readonly code: string }).code;

/** Few enough that bodies of up to 1.8 MB stay within the bound on all of them. */
const AT_ONCE = 4;

/** Sends the same again and again, some at a time. */
async function flood(bytes: string | Buffer, count: number): Promise<ReadonlySet<string>> {
  const codes = new Set<string>();
  await all(AT_ONCE, async () => {
    for (let sent = 0; sent < count / AT_ONCE; sent += 1) codes.add(codeOf(await sendRaw(gateway.port, bytes)));
  });
  return codes;
}

describe('a flood of requests that are too much to read', () => {
  it.each([
    ['a header section of 1 MiB', 'headers-too-large', head('GET', '/', [`X: ${'y'.repeat(MIB)}`])],
    [
      'a header section without end',
      'headers-too-large',
      `${head('GET', '/', []).trimEnd()}\r\n${'X-Many: fields\r\n'.repeat(10_000)}`,
    ],
    [
      '500 fields',
      'headers-too-large',
      head(
        'GET',
        '/',
        Array.from({ length: 500 }, (_, n) => `X-${n}: y`),
      ),
    ],
    [
      'one field 500 times',
      'headers-too-large',
      head(
        'GET',
        '/',
        Array.from({ length: 500 }, () => 'Accept: y'),
      ),
    ],
    ['a URL of 20 KiB', 'headers-too-large', head('GET', `/${'p'.repeat(20 * KIB)}`, [])],
    ['a URL of 1 MiB', 'headers-too-large', head('GET', `/${'p'.repeat(MIB)}`, [])],
    ['a query of 2,000 names', 'headers-too-large', head('GET', `/?${'a=1&'.repeat(5_000)}`, [])],
    ['JSON that nests 500,000 levels deep', 'body-too-complex', post('['.repeat(500_000) + ']'.repeat(500_000))],
    [
      'objects that nest 100,000 levels deep',
      'body-too-complex',
      post('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)),
    ],
    ['a number of a million digits', 'malformed-body', post(`{"amount":${'9'.repeat(1_000_000)}}`)],
    ['a number beyond every range', 'malformed-body', post('{"amount":1e999999999}')],
    ['one key 100,000 times', 'duplicate-key', post(`{${'"a":1,'.repeat(100_000)}"a":1}`)],
    ['a million values', 'body-too-complex', post(`[${'1,'.repeat(900_000)}1]`)],
    ['a key of 1 MiB, twice', 'duplicate-key', post(`{"${'k'.repeat(MIB / 2)}":1,"${'k'.repeat(MIB / 2)}":2}`)],
    ['32 MiB in gzip', 'body-too-complex', post(gzipSync(Buffer.alloc(32 * MIB)), ['Content-Encoding: gzip'])],
    [
      '32 MiB in gzip in gzip',
      'body-too-complex',
      post(gzipSync(gzipSync(Buffer.alloc(32 * MIB))), ['Content-Encoding: gzip, gzip']),
    ],
    [
      '32 MiB in brotli',
      'body-too-complex',
      post(brotliCompressSync(Buffer.alloc(32 * MIB)), ['Content-Encoding: br']),
    ],
    ['32 MiB in zstd', 'body-too-complex', post(zstdCompressSync(Buffer.alloc(32 * MIB)), ['Content-Encoding: zstd'])],
  ])('(%s) is refused as %s and counted, and others are served', async (_what, code, bytes) => {
    const found = await strain(async () => expect(await flood(bytes, FLOOD)).toEqual(new Set([code])));
    expect(found.counted(refusalsOf(code))).toBe(FLOOD);
    expectServed(found, MOST_GROWN_MIB);
  });
});

describe('requests that are costly to judge', () => {
  it('by a pattern that makes others backtrack for years, are judged in linear time', async () => {
    const found = await strain(async () => {
      const bodies = [`${'x'.repeat(9_999)}y`, 'x'.repeat(10_000)];
      for (const [index, status] of [403, 200].entries()) {
        const answers = await all(
          50,
          async () =>
            (await throughProxy(gateway.port, `${upstream.origin}/x`, { body: { text: bodies[index] } })).status,
        );
        expect(new Set(answers)).toEqual(new Set([status]));
      }
    });
    expect(found.counted(refusalsOf('policy-block'))).toBe(50);
    expectServed(found, MOST_GROWN_MIB);
  });

  it('by an expression whose cost grows with the square of a list, are blocked within its budget, with the reason', async () => {
    const body = { list: Array.from({ length: 20_000 }, (_, index) => index) };
    const found = await strain(async () => {
      await all(20, async () => {
        const answer = await throughProxy(gateway.port, `${upstream.origin}/x`, { body });
        expect([answer.status, answer.json['code']]).toEqual([403, 'policy-block']);
        expect(answer.json['detail']).toMatch(/costly.*cost/u);
      });
    });
    expect(found.counted(refusalsOf('policy-block'))).toBe(20);
    expectServed(found, MOST_GROWN_MIB);
  });
});

it('bodies that come all at once never take more than the bound, and those beyond it are refused and counted', async () => {
  const body = Buffer.from(JSON.stringify({ note: 'n'.repeat(1_500_000) }));
  const codes: string[] = [];
  const found = await strain(async () => {
    // Half of each is sent, so that all of them wait at the same time.
    const halves = await all(60, async () => {
      const socket = connect({ host: '127.0.0.1', port: gateway.port });
      socket.on('error', () => undefined);
      let text = '';
      const refused = new Promise<boolean>((done) => {
        socket.on('data', (chunk: Buffer) => {
          text += chunk.toString('latin1');
          if (!text.includes('"too-many-requests-held"')) return;
          codes.push('too-many-requests-held');
          done(true);
        });
        socket.on('close', () => done(true));
        setTimeout(() => done(false), 3_000);
      });
      socket.write(head('POST', '/x', ['Content-Type: application/json', `Content-Length: ${body.length}`]));
      socket.write(body.subarray(0, body.length - 10));
      return { socket, refused: await refused };
    });
    expect(halves.some(({ refused }) => !refused)).toBe(true);
    for (const { socket } of halves) socket.destroy();
  });
  expect(codes.length).toBeGreaterThan(40);
  expect(found.counted(refusalsOf('too-many-requests-held'))).toBe(codes.length);
  expect(found.bufferedBytes).toBeGreaterThan(BUFFERED / 2);
  expect(found.bufferedBytes).toBeLessThanOrEqual(BUFFERED);
  expectServed(found, MOST_GROWN_MIB);
});

it('nothing that a client chooses becomes a time series', async () => {
  const hostile = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 1) {
      const own = `h${n}-\u00e9".test`;
      await Promise.all([
        sendRaw(
          gateway.port,
          `GET http://h${n}.invalid/p${n}?q${n}=v${n} HTTP/1.1\r\nHost: h${n}.invalid\r\nX-${n}: ${n}\r\nConnection: close\r\n\r\n`,
        ),
        sendRaw(gateway.port, `M${n} http://h${n}.invalid/ HTTP/1.1\r\nHost: h${n}.invalid\r\n\r\n`),
        sendRaw(gateway.port, `CONNECT h${n}.invalid:${n} HTTP/1.1\r\nHost: ${own}\r\n\r\n`),
        sendRaw(gateway.port, `GET /routes/r${n}/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`),
        throughProxy(gateway.port, `${upstream.origin}/p${n}`, {
          method: 'POST',
          body: { [`k${n}`]: n },
          headers: { [`x-${n}`]: `${n}` },
        }),
      ]);
    }
  };
  await hostile(1, 20);
  const few = seriesOf(await scrape(gateway));
  await hostile(20, 80);
  const many = seriesOf(await scrape(gateway));
  expect(many.filter((series) => !few.includes(series) && series.startsWith('aegis_'))).toEqual([]);
  expect(many.length).toBeLessThan(1_000);
});
