import { describe, expect, it } from 'vitest';
import { forwardLimits } from '../../../src/forward/limits.ts';
import { limitsSchema } from '../../../src/config/limits-schema.ts';
import { cannedServer, destination, Gateway, httpServer, RawClient, tcpServer } from './support.ts';

const POST = ['POST /x HTTP/1.1', ['Content-Length: 2'], '{}'] as const;
const SHORT = 200;

function limits(further: Partial<ReturnType<typeof forwardLimits>>): { limits: ReturnType<typeof forwardLimits> } {
  return { limits: { ...forwardLimits(limitsSchema.parse({})), ...further } };
}

describe.each(['buffered', 'streamed'] as const)('a failure of the upstream, %s', (body) => {
  it('that refuses the connection is upstream-unreachable, and nothing was sent', async () => {
    const closed = await tcpServer(() => undefined);
    const { port } = closed;
    await closed[Symbol.asyncDispose]();
    await using gateway = await Gateway.start({ to: destination(port), body });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    const text = await client.until('"code"');
    expect(text).toContain('HTTP/1.1 502 Bad Gateway');
    expect(await gateway.next()).toMatchObject({
      result: 'not-sent',
      status: null,
      answered: false,
      fault: { code: 'upstream-unreachable' },
    });
  });

  it.each([
    ['closes', 'end'],
    ['resets', 'resetAndDestroy'],
  ] as const)('that %s before it answers is upstream-unreachable, failed, and not tried again', async (_name, how) => {
    let requests = 0;
    await using upstream = await tcpServer((socket) => {
      socket.on('data', () => {
        requests += 1;
        socket[how]();
      });
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('tag:aegis.dev,2026:fault:upstream-unreachable');
    expect(await gateway.next()).toMatchObject({ result: 'failed', answered: false, bytesSent: 2 });
    expect(requests).toBe(1);
  });

  it('that closes a kept connection just as the next request goes out sees that request at most once', async () => {
    let requests = 0;
    await using upstream = await tcpServer((socket) => {
      let first = true;
      socket.on('data', (chunk) => {
        if (!chunk.includes('POST')) return;
        requests += 1;
        if (first) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else socket.resetAndDestroy();
        first = false;
      });
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using one = new RawClient(gateway.port);
    one.request(...POST);
    await one.until('ok');
    await gateway.next();
    using two = new RawClient(gateway.port);
    two.request(...POST);
    await two.until('tag:aegis.dev,2026:fault:upstream-unreachable');
    expect(await gateway.next()).toMatchObject({ result: 'failed', fault: { code: 'upstream-unreachable' } });
    expect(requests).toBe(2);
  });

  it('that never answers is upstream-timeout', async () => {
    await using upstream = await tcpServer((socket) => void socket.resume());
    await using gateway = await Gateway.start({
      to: destination(upstream.port),
      body,
      settings: limits({ responseTimeoutMs: SHORT }),
    });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    const text = await client.until('"code"');
    expect(text).toContain('HTTP/1.1 504 Gateway Timeout');
    expect(await gateway.next()).toMatchObject({
      result: 'failed',
      answered: false,
      fault: { code: 'upstream-timeout' },
    });
  });

  it('that falls silent in its answer cuts it off as upstream-timeout', async () => {
    await using upstream = await cannedServer('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    await using gateway = await Gateway.start({
      to: destination(upstream.port),
      body,
      settings: limits({ idleTimeoutMs: SHORT }),
    });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('half');
    expect(await gateway.next()).toMatchObject({
      result: 'failed',
      status: 200,
      answered: true,
      fault: { code: 'upstream-timeout' },
    });
    expect(await client.untilClosed()).toMatch(/half$/u);
  });

  it('whose TLS handshake never ends is upstream-timeout, and nothing was sent', async () => {
    await using upstream = await tcpServer((socket) => void socket.resume());
    const to = destination(upstream.port, '127.0.0.1', 'https');
    await using gateway = await Gateway.start({ to, body, settings: limits({ connectTimeoutMs: SHORT }) });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('tag:aegis.dev,2026:fault:upstream-timeout');
    expect(await gateway.next()).toMatchObject({ result: 'not-sent', fault: { code: 'upstream-timeout' } });
  });

  it('is not waited for in a connection too many', async () => {
    await using upstream = await httpServer((_request, response) => response.write('open'));
    await using gateway = await Gateway.start({
      to: destination(upstream.port),
      body,
      settings: limits({ upstreamConnections: 1 }),
    });
    using one = new RawClient(gateway.port);
    one.request(...POST);
    await one.until('open');
    using two = new RawClient(gateway.port);
    two.request(...POST);
    await two.until('tag:aegis.dev,2026:fault:too-many-connections');
    expect(await gateway.next()).toMatchObject({ result: 'not-sent', fault: { code: 'too-many-connections' } });
  });
});

describe.each(['buffered', 'streamed'] as const)('a client that goes away, %s', (body) => {
  it('while the upstream thinks cancels it at once', async () => {
    const { promise: received, resolve: receive } = Promise.withResolvers<void>();
    const { promise: cancelled, resolve: cancel } = Promise.withResolvers<void>();
    await using upstream = await tcpServer((socket) => {
      socket.once('data', () => receive());
      socket.once('close', () => cancel());
      socket.once('end', () => cancel());
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await received;
    client.socket.destroy();
    await cancelled;
    expect(await gateway.next()).toMatchObject({
      result: 'aborted',
      status: null,
      answered: false,
      fault: { code: 'client-gone' },
    });
  });

  it('in the middle of the answer cancels the upstream at once', async () => {
    const { promise: cancelled, resolve: cancel } = Promise.withResolvers<void>();
    await using upstream = await httpServer((_request, response) => {
      response.write('begin');
      response.once('close', cancel);
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('begin');
    client.socket.resetAndDestroy();
    await cancelled;
    expect(await gateway.next()).toMatchObject({ result: 'aborted', status: 200, answered: true, bytesReceived: 5 });
  });

  it('while the connection is being made sends nothing', async () => {
    const { promise: lookup, resolve: found } = Promise.withResolvers<readonly { address: string; family: number }[]>();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    await using upstream = await cannedServer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    await using gateway = await Gateway.start({
      to: destination(upstream.port, 'upstream.test'),
      body,
      world: {
        lookup: () => {
          ask();
          return lookup;
        },
      },
    });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await asked;
    client.socket.destroy();
    expect(await gateway.next()).toMatchObject({ result: 'aborted', bytesSent: 0 });
    found([{ address: '127.0.0.1', family: 4 }]);
    // The next request proves that the first had its chance: it goes over the same engine and comes second.
    using other = new RawClient(gateway.port);
    other.request('POST /second HTTP/1.1', ['Content-Length: 2'], '{}');
    await other.until('ok');
    expect(upstream.heads.join('')).not.toContain('POST /x');
  });
});

describe('a streamed request', () => {
  it('whose client goes away in the middle of its body is cut off at the upstream, which never sees it complete', async () => {
    const { promise: began, resolve: begin } = Promise.withResolvers<void>();
    const { promise: cut, resolve } = Promise.withResolvers<boolean>();
    await using upstream = await httpServer((request) => {
      request.once('data', () => begin());
      request.on('error', () => undefined);
      request.once('close', () => resolve(request.complete));
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body: 'streamed' });
    using client = new RawClient(gateway.port);
    client.request('POST /x HTTP/1.1', ['Transfer-Encoding: chunked'], '4\r\nhalf\r\n');
    await began;
    client.socket.destroy();
    expect(await cut).toBe(false);
    expect(await gateway.next()).toMatchObject({ result: 'aborted', bytesSent: 4 });
  });

  it('that is answered before it is complete gets its answer at once', async () => {
    await using upstream = await cannedServer('HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno');
    await using gateway = await Gateway.start({ to: destination(upstream.port), body: 'streamed' });
    using client = new RawClient(gateway.port);
    client.request('POST /x HTTP/1.1', ['Content-Length: 1000'], 'a part');
    expect(await client.until('\r\n\r\nno')).toContain('413');
    expect(await gateway.next()).toMatchObject({ result: 'success', status: 413, bytesSent: 6 });
  });
});

describe('a request whose client is gone already', () => {
  it('is not sent', async () => {
    await using upstream = await tcpServer(() => {
      throw new Error('expected no connection');
    });
    const forward = { signal: AbortSignal.abort() };
    await using gateway = await Gateway.start({ to: destination(upstream.port), body: 'buffered', forward });
    using client = new RawClient(gateway.port);
    client.request('GET / HTTP/1.1');
    expect(await client.untilClosed()).toBe('');
    expect(await gateway.next()).toMatchObject({ result: 'not-sent', fault: { code: 'client-gone' } });
  });
});

describe('a client that reads slowly', () => {
  const SIZE_BYTES = 64 * 1024 * 1024;

  it.each(['buffered', 'streamed'] as const)('slows the upstream down instead of filling memory, %s', async (body) => {
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    let written = 0;
    const { promise: full, resolve: becameFull } = Promise.withResolvers<void>();
    await using upstream = await httpServer((_request, response) => {
      response.writeHead(200, { 'Content-Length': String(SIZE_BYTES) });
      const fill = (): void => {
        while (written < SIZE_BYTES) {
          written += chunk.length;
          if (!response.write(chunk)) break;
        }
        if (written < SIZE_BYTES) setTimeout(becameFull, SHORT);
        else response.end();
      };
      response.on('drain', fill);
      fill();
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port, { paused: true });
    client.request('GET /x HTTP/1.1');
    await full;
    // What fits into the socket buffers of two connections, and nothing near the whole.
    expect(written).toBeLessThan(SIZE_BYTES / 2);
    const { promise: whole, resolve } = Promise.withResolvers<void>();
    let received = 0;
    client.socket.on('data', (piece) => {
      received += piece.length;
      if (received > SIZE_BYTES) resolve();
    });
    expect(await gateway.next()).toMatchObject({ result: 'success', bytesReceived: SIZE_BYTES });
    await whole;
  });

  it.each(['buffered', 'streamed'] as const)('and not at all loses its connection, %s', async (body) => {
    await using upstream = await httpServer((_request, response) => {
      response.end(Buffer.alloc(SIZE_BYTES));
    });
    await using gateway = await Gateway.start({
      to: destination(upstream.port),
      body,
      settings: limits({ idleTimeoutMs: SHORT }),
    });
    using client = new RawClient(gateway.port, { paused: true });
    client.request('GET /x HTTP/1.1');
    const outcome = await gateway.next();
    expect(outcome).toMatchObject({ result: 'aborted', status: 200, fault: { code: 'client-gone' } });
    expect(outcome.bytesReceived).toBeLessThan(SIZE_BYTES / 2);
  });
});

describe('an upstream that does not read', () => {
  it('slows a streaming client down, and is given up when nothing moves', async () => {
    await using upstream = await tcpServer((socket) => void socket.pause());
    const settings = limits({ responseTimeoutMs: 5 * SHORT });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body: 'streamed', settings });
    using client = new RawClient(gateway.port);
    const total = 64 * 1024 * 1024;
    client.request('POST /x HTTP/1.1', [`Content-Length: ${total}`]);
    client.socket.write(Buffer.alloc(total));
    const outcome = await gateway.next();
    expect(outcome).toMatchObject({ result: 'failed', answered: false, fault: { code: 'upstream-timeout' } });
    // What fits into the socket buffers of two connections, and nothing near the whole.
    expect(outcome.bytesSent).toBeLessThan(total / 2);
  });
});
