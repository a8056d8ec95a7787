import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { forwardLimits } from '../../../src/forward/limits.ts';
import { limitsSchema } from '../../../src/config/limits-schema.ts';
import { cannedServer, destination, Gateway, httpServer, RawClient, tcpServer } from './support.ts';

const POST = ['POST /x HTTP/1.1', ['Content-Length: 2'], '{}'] as const;

describe.each(['buffered', 'streamed'] as const)('the answer, %s', (body) => {
  async function answered(
    canned: string,
    request: readonly [string, readonly string[], string] = POST,
  ): Promise<string> {
    await using upstream = await cannedServer(canned);
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    client.request(...request);
    await gateway.next();
    client.socket.end();
    return await client.untilClosed();
  }

  it('goes back with its status, reason, field order, letter case and duplicates', async () => {
    const fields =
      'X-One: 1\r\nSet-Cookie: a=1\r\nX-Two: 2\r\nset-cookie: b=2\r\nDate: Tue, 24 Nov 2026 10:00:00 GMT\r\n';
    const text = await answered(`HTTP/1.1 207 All Good\r\n${fields}Content-Length: 2\r\n\r\nok`);
    expect(text.startsWith(`HTTP/1.1 207 All Good\r\n${fields}Content-Length: 2\r\n`)).toBe(true);
    expect(text.endsWith('\r\n\r\nok')).toBe(true);
  });

  it('loses the fields that belong to the connection, and those that Connection nominates', async () => {
    const fields =
      'Connection: keep-alive, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=77\r\nProxy-Authenticate: x\r\nTE: x\r\nX-Kept: 1\r\n';
    const text = await answered(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`);
    expect(text).toContain('X-Kept: 1');
    expect(text).not.toMatch(/X-Private|timeout=77|Proxy-Authenticate|\r\nTE:/u);
  });

  it('to HEAD has the length and no body', async () => {
    const text = await answered('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n', ['HEAD /x HTTP/1.1', [], '']);
    expect(text).toContain('Content-Length: 500');
    expect(text).toMatch(/\r\n\r\n$/u);
  });

  it.each(['204 No Content', '304 Not Modified'])('%s has no body and no chunked framing', async (status) => {
    const text = await answered(`HTTP/1.1 ${status}\r\nETag: "1"\r\n\r\n`);
    expect(text).toContain(status);
    expect(text).toContain('ETag: "1"');
    expect(text).not.toMatch(/transfer-encoding/iu);
    expect(text).toMatch(/\r\n\r\n$/u);
  });

  it('swallows 100 though nobody asked for it, and passes 103 on', async () => {
    const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';
    const text = await answered(`${interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
    expect(text.startsWith('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n')).toBe(
      true,
    );
    expect(text).not.toContain('100 Continue');
    expect(text).not.toContain('199');
  });

  it.each([
    [
      'after another interim answer',
      ['HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 200 OK\r\n'],
    ],
    [
      'twice, each by itself',
      ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 200 OK\r\n'],
    ],
  ])('swallows 100 %s, and leaves a body that looks like one alone', async (_name, heads) => {
    const body100 = 'HTTP/1.1 100 Continue\r\n\r\n';
    await using upstream = await tcpServer((socket) => {
      const send = async (): Promise<void> => {
        for (const piece of [...heads, `Content-Length: ${body100.length}\r\n\r\n`, body100]) {
          socket.write(piece);
          // Long enough for each piece to be read by itself, and harmless when it is not.
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      socket.setNoDelay(true).once('data', () => void send());
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    expect(await gateway.next()).toMatchObject({ result: 'success', status: 200, bytesReceived: body100.length });
    const text = await client.until(body100);
    expect(text.split('100 Continue')).toHaveLength(2);
    expect(text.endsWith(`\r\n\r\n${body100}`)).toBe(true);
  });

  it('refuses interim answers without end', async () => {
    const text = await answered('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(40));
    expect(text).toContain('502 Bad Gateway');
    expect(text).toContain('tag:aegis.dev,2026:fault:upstream-protocol');
  });

  it('carries trailers, but none that would change its head', async () => {
    const head = 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n';
    const text = await answered(`${head}2\r\nok\r\n0\r\nX-Sum: 7\r\nSet-Cookie: a=1\r\n\r\n`);
    expect(text).toContain('Trailer: X-Sum');
    expect(text.endsWith('2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n')).toBe(true);
  });

  it('without a length is chunked, and the client keeps its connection', async () => {
    await using upstream = await tcpServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'));
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    const text = await client.until('0\r\n\r\n');
    expect(text).toContain('Transfer-Encoding: chunked');
    expect(text).toContain('until the end');
    expect(await gateway.next()).toMatchObject({ result: 'success', status: 200, bytesReceived: 13 });
  });

  it('of server-sent events goes out head first, then event by event', async () => {
    const { promise: seen, resolve: next } = Promise.withResolvers<void>();
    await using upstream = await httpServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.flushHeaders();
      void seen.then(() => response.write('data: 1\n\n'));
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('text/event-stream');
    next();
    await client.until('data: 1\n\n');
    expect(gateway.outcomes).toEqual([]);
  });

  it.each([
    ['a second length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ],
    ['a coding nobody removes', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
    ['a control character in a field', 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 2\r\n\r\nok'],
    ['a bare line feed in a field', 'HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok'],
    ['a field name with a space', 'HTTP/1.1 200 OK\r\nX Y: a\r\nContent-Length: 2\r\n\r\nok'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    [
      'a protocol switch nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw',
    ],
    ['a status beyond 599', 'HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\nok'],
  ])('with %s is refused as upstream-protocol', async (_name, canned) => {
    await using upstream = await cannedServer(canned);
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    const text = await client.until('"code"');
    expect(text).toContain('tag:aegis.dev,2026:fault:upstream-protocol');
    expect(text).toContain('HTTP/1.1 502 Bad Gateway');
    expect(text).not.toContain('200 OK');
    expect(await gateway.next()).toMatchObject({
      result: 'failed',
      answered: false,
      fault: { code: 'upstream-protocol' },
    });
  });

  it('with more header bytes than allowed is refused as upstream-protocol', async () => {
    await using upstream = await cannedServer(
      `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(8_000)}\r\nContent-Length: 2\r\n\r\nok`,
    );
    const settings = { limits: { ...forwardLimits(limitsSchema.parse({})), responseHeaderBytes: 4_096 } };
    await using gateway = await Gateway.start({ to: destination(upstream.port), body, settings });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('tag:aegis.dev,2026:fault:upstream-protocol');
    expect(await gateway.next()).toMatchObject({ result: 'failed', fault: { code: 'upstream-protocol' } });
  });

  it.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ])('that ends too early, with %s, cuts the connection and never ends cleanly', async (_name, canned) => {
    await using upstream = await tcpServer((socket) => {
      socket.once('data', () => socket.end(canned));
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    const request = httpRequest({ port: gateway.port, method: 'POST', path: '/x', agent: false });
    request.end('{}');
    const [response] = await once(request, 'response');
    await expect(response.toArray()).rejects.toThrow('aborted');
    const outcome = await gateway.next();
    expect(outcome).toMatchObject({ result: 'failed', status: 200, answered: true, bytesReceived: 4 });
    expect(outcome.fault?.code).toMatch(/^upstream-(?:protocol|unreachable)$/u);
  });

  it('that ends too early resets the connection of an HTTP/1.0 client, which could not tell otherwise', async () => {
    await using upstream = await tcpServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'));
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    const failure = once(client.socket, 'error');
    client.send('POST /x HTTP/1.0', 'Host: gateway', 'Content-Length: 2', '', '{}');
    expect(await failure).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('keeps the connection to the upstream for the next request', async () => {
    await using upstream = await httpServer((request, response) => {
      request.resume();
      request.on('end', () => response.end('ok'));
    });
    let connections = 0;
    upstream.server.on('connection', () => (connections += 1));
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    for (let index = 0; index < 3; index += 1) {
      using client = new RawClient(gateway.port);
      client.request(...POST);
      await client.until('ok');
      await gateway.next();
    }
    expect(connections).toBe(1);
  });
});

describe('TE: trailers', () => {
  it.each(['buffered', 'streamed'] as const)('of the client is said to the upstream anew, %s', async (body) => {
    await using upstream = await cannedServer(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 7\r\n\r\n',
    );
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    client.request('POST /x HTTP/1.1', ['TE: deflate, trailers', 'Connection: TE', 'Content-Length: 2'], '{}');
    const text = await client.until('X-Sum: 7\r\n\r\n');
    expect(text).toContain('200 OK');
    const sent = upstream.heads.join('');
    expect(sent).toContain('te: trailers\r\nconnection: te, keep-alive\r\n');
    expect(sent.endsWith('content-length: 2\r\n\r\n{}')).toBe(true);
    expect(sent).not.toContain('deflate');
  });
});
