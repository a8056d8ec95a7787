import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectRecord } from '../support/audit-trail.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpServer, type HttpServer } from '../support/http-server.ts';
import { WireClient } from '../support/wire-client.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

const POLICY = `version: "1"
rules:
  - {name: rest, risk_level: low, approval: auto}
`;
const MIB = 1024 * 1024;

let upstream: HttpServer;
let gateway: GatewayProcess;
let listener: Listener;

beforeAll(async () => {
  upstream = await startHttpServer((request, response) => listener(request, response));
  gateway = await startGatewayProcess({
    policy: POLICY,
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nroutes: {shop: {upstream: "${upstream.origin}"}}`,
  });
});
beforeEach(() => {
  listener = (_request, response) => response.writeHead(500).end('this test did not say what to answer');
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** A head that asks the proxy, or the route, for a path. */
function head(
  method: string,
  path: string,
  fields: readonly string[] = [],
  entry: 'proxy' | 'route' = 'proxy',
): string {
  const [target, host] =
    entry === 'proxy'
      ? [`${upstream.origin}${path}`, `127.0.0.1:${upstream.port}`]
      : [`/routes/shop${path}`, `127.0.0.1:${gateway.port}`];
  return [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...fields, '', ''].join('\r\n');
}

describe.each(['proxy', 'route'] as const)('streaming through the %s', (entry) => {
  it('hands on server-sent events one by one, each before the next is sent', async () => {
    const { promise: answering, resolve: answered } = Promise.withResolvers<ServerResponse>();
    listener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 0\n\n');
      answered(response);
    };
    using client = await WireClient.open(gateway.port);
    client.send(head('GET', '/events', ['Accept: text/event-stream'], entry));
    const response = await answering;
    for (let event = 0; event < 5; event += 1) {
      await client.until(`data: ${event}\n\n`);
      response.write(`data: ${event + 1}\n\n`);
    }
    response.end();
    await client.until('\r\n0\r\n\r\n');
  });

  it.each([
    ['of a known length', ['Content-Length: 10'], '01234', '56789'],
    ['in chunks', ['Transfer-Encoding: chunked'], '5\r\n01234\r\n', '5\r\n56789\r\n0\r\n\r\n'],
  ])('hands on an upload %s while it is being sent', async (_how, framing, first, last) => {
    const { promise: begun, resolve: begins } = Promise.withResolvers<string>();
    listener = (request, response) => {
      let body = '';
      request.setEncoding('latin1');
      request.on('data', (chunk: string) => begins((body += chunk)));
      request.on('end', () => response.end(`whole: ${body}`));
    };
    using client = await WireClient.open(gateway.port);
    client.send(head('POST', '/upload', ['Content-Type: application/octet-stream', ...framing], entry) + first);
    expect(await begun).toBe('01234');
    client.send(last);
    await client.until('whole: 0123456789');
  });
});

describe('a download', () => {
  it('of more than fits into memory waits for a slow reader, and arrives whole', async () => {
    const chunk = Buffer.alloc(MIB, 'aegis');
    const total = 256;
    let sent = 0;
    listener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      const pump = (): void => {
        while (sent < total) {
          sent += 1;
          if (!response.write(chunk)) return void response.once('drain', pump);
        }
        response.end();
      };
      pump();
    };
    const response = await download('/big');
    // Nobody reads: what the gateway takes until both sides' socket buffers are full is all it takes.
    let before = -1;
    while (sent !== before) {
      before = sent;
      await sleep(300);
    }
    expect(sent).toBeLessThan(64);
    const resident = await residentMib();
    const digest = createHash('sha256');
    let received = 0;
    for await (const part of response as AsyncIterable<Buffer>) {
      digest.update(part);
      received += part.byteLength;
    }
    expect(received).toBe(total * MIB);
    const expected = createHash('sha256');
    for (let n = 0; n < total; n += 1) expected.update(chunk);
    expect(digest.digest('hex')).toBe(expected.digest('hex'));
    expect((await residentMib()) - resident).toBeLessThan(128);
  });

  async function download(path: string): Promise<IncomingMessage> {
    const request = httpRequest({
      host: '127.0.0.1',
      port: gateway.port,
      path: `${upstream.origin}${path}`,
      headers: { host: `127.0.0.1:${upstream.port}` },
      agent: false,
    }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return response;
  }

  async function residentMib(): Promise<number> {
    const status = await readFile(`/proc/${gateway.process.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/mu.exec(status)?.[1]) / 1024;
  }
});

describe('an end before the end', () => {
  it('of the client cancels the request to the upstream at once', async () => {
    const { promise: asked, resolve: asks } = Promise.withResolvers<ServerResponse>();
    listener = (_request, response) => asks(response);
    const client = await WireClient.open(gateway.port);
    client.send(head('GET', '/slow'));
    const response = await asked;
    const cancelled = once(response, 'close');
    client.socket.destroy();
    await cancelled;
    await expectRecord(gateway, 'outcome', { result: 'aborted', status: null });
  });

  it('of the client in the middle of an upload reaches the upstream', async () => {
    const { promise: cut, resolve: cuts } = Promise.withResolvers<boolean>();
    listener = (request) => {
      request.resume();
      request.on('error', () => undefined);
      request.on('close', () => cuts(!request.complete));
    };
    const client = await WireClient.open(gateway.port);
    const fields = ['Content-Type: application/octet-stream', 'Content-Length: 1000'];
    client.send(`${head('POST', '/upload', fields)}only this`);
    await once(upstream.server, 'request');
    client.socket.destroy();
    expect(await cut).toBe(true);
    await expectRecord(gateway, 'outcome', { result: 'aborted' });
  });

  it.each([
    ['of a known length', { 'content-length': '1000' }],
    ['in chunks', {}],
  ])('of the upstream in the middle of a body %s is an end for the client too', async (_how, fields) => {
    listener = (_request, response) => {
      response.writeHead(200, fields).write('half of ');
      response.on('close', () => undefined);
    };
    using client = await WireClient.open(gateway.port);
    const asked = once(upstream.server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    client.send(head('GET', '/broken'));
    const [, response] = await asked;
    await client.until('half of ');
    response.destroy();
    const received = await client.closed();
    expect(received).not.toMatch(/\r\n0\r\n/u);
    await expectRecord(gateway, 'outcome', { result: 'failed', status: 200 });
  });
});
