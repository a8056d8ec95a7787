import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { forwardLimits } from '../../../src/forward/limits.ts';
import { limitsSchema } from '../../../src/config/limits-schema.ts';
import { webSocketAccept } from '../../../src/forward/upgrade-handshake.ts';
import { destination, Gateway, httpServer, RawClient, tcpServer, type TestServer } from './support.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
];
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';

async function echoServer(): Promise<TestServer & { readonly seen: string[] }> {
  const seen: string[] = [];
  const server = await httpServer((_request, response) => response.writeHead(426).end());
  const sockets = new WebSocketServer({ server: server.server });
  sockets.on('connection', (socket, request) => {
    seen.push(...request.rawHeaders);
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  return Object.assign(server, { seen });
}

/** A gateway for upgrades in front of one upstream. */
function gatewayTo(port: number, further: object = {}): Promise<Gateway> {
  return Gateway.start({ to: destination(port), body: 'streamed', ...further });
}

describe('a WebSocket', () => {
  it('carries messages both ways, and its outcome comes with its end', async () => {
    await using upstream = await echoServer();
    await using gateway = await gatewayTo(upstream.port);
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/chat?room=1`, { headers: { 'X-Agent': 'a' } });
    await once(socket, 'open');
    socket.send('hello');
    expect(String((await once(socket, 'message'))[0])).toBe('hello');
    const big = Buffer.alloc(4 * 1024 * 1024, 7);
    socket.send(big);
    const [echoed] = await once(socket, 'message');
    expect(Buffer.isBuffer(echoed) && big.equals(echoed)).toBe(true);
    expect(gateway.outcomes).toEqual([]);
    socket.close(1000);
    const outcome = await gateway.next();
    expect(outcome).toMatchObject({ result: 'success', status: 101, answered: true, fault: null });
    expect(outcome.bytesSent).toBeGreaterThan(big.length);
    expect(outcome.bytesReceived).toBeGreaterThan(big.length);
  });

  it('is asked for as judged, with nothing of a library', async () => {
    await using upstream = await tcpServer((socket) => {
      socket.once('data', (head) =>
        socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${head.length}\r\n\r\n${head.toString('latin1')}`),
      );
    });
    await using gateway = await gatewayTo(upstream.port);
    using client = new RawClient(gateway.port);
    client.request('GET /chat?x=1 HTTP/1.1', [...HANDSHAKE, 'X-A: 1', 'X-B: 2', 'X-A: 3']);
    const text = await client.untilClosed();
    const asked = text.slice(text.indexOf('\r\n\r\n') + 4).split('\r\n');
    expect(asked).toEqual([
      'GET /chat?x=1 HTTP/1.1',
      `host: 127.0.0.1:${upstream.port}`,
      `sec-websocket-key: ${KEY}`,
      'sec-websocket-version: 13',
      'x-a: 1',
      'x-b: 2',
      'x-a: 3',
      'connection: Upgrade',
      'upgrade: websocket',
      '',
      '',
    ]);
  });

  it('that the upstream refuses gets its answer, and no byte more goes up', async () => {
    const received: string[] = [];
    await using upstream = await tcpServer((socket) => {
      socket.on('data', (chunk) => received.push(chunk.toString('latin1')));
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Why: no\r\n\r\nno'));
    });
    await using gateway = await gatewayTo(upstream.port);
    using client = new RawClient(gateway.port);
    client.request('GET /chat HTTP/1.1', HANDSHAKE, 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.until('X-Why: no');
    client.send('GET /smuggled-later HTTP/1.1', 'Host: x', '', '');
    const text = await client.untilClosed();
    expect(text).toContain('HTTP/1.1 200 OK');
    expect(text).toMatch(/Connection: close/iu);
    expect(text.endsWith('\r\n\r\nno')).toBe(true);
    expect(await gateway.next()).toMatchObject({ result: 'success', status: 200, answered: true, bytesSent: 0 });
    expect(received.join('')).not.toContain('smuggled');
  });

  it.each([
    ['no accept value', `${SWITCH}\r\n`],
    [
      'the accept value of another key',
      `${SWITCH}Sec-WebSocket-Accept: ${webSocketAccept('AAAAAAAAAAAAAAAAAAAAAA==')}\r\n\r\n`,
    ],
    ['two accept values', `${SWITCH}${`Sec-WebSocket-Accept: ${webSocketAccept(KEY)}\r\n`.repeat(2)}\r\n`],
    [
      'another protocol',
      `HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: ${webSocketAccept(KEY)}\r\n\r\n`,
    ],
  ])('is no tunnel when the upstream switches with %s', async (_name, answer) => {
    const received: string[] = [];
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    await using upstream = await tcpServer((socket) => {
      socket.on('data', (chunk) => received.push(chunk.toString('latin1')));
      socket.once('data', () => socket.write(answer));
      socket.once('end', resolve).once('close', () => resolve());
    });
    await using gateway = await gatewayTo(upstream.port);
    using client = new RawClient(gateway.port);
    client.request('GET /chat HTTP/1.1', HANDSHAKE, 'early bytes');
    const text = await client.untilClosed();
    await closed;
    expect(text).toContain('HTTP/1.1 502 Bad Gateway');
    expect(text).toContain('tag:aegis.dev,2026:fault:upstream-protocol');
    expect(text).not.toContain('101');
    expect(received.join('')).not.toContain('early bytes');
    expect(await gateway.next()).toMatchObject({
      result: 'failed',
      answered: false,
      fault: { code: 'upstream-protocol' },
    });
  });

  it('sends on what came early, once the handshake is accepted', async () => {
    await using upstream = await tcpServer((socket) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (text.endsWith('\r\n\r\n')) {
          socket.write(
            `${SWITCH}Sec-WebSocket-Accept: ${webSocketAccept(KEY)}\r\nConnection: X-Drop\r\nX-Drop: 1\r\n\r\nfirst`,
          );
        } else if (text.endsWith('early')) socket.write('got it');
      });
    });
    await using gateway = await gatewayTo(upstream.port);
    using client = new RawClient(gateway.port);
    client.request('GET /chat HTTP/1.1', HANDSHAKE, 'early');
    const text = await client.until('got it');
    expect(text).toBe(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${webSocketAccept(KEY)}\r\n\r\nfirstgot it`,
    );
  });

  it.each(['', 'short', `${KEY}, ${KEY}`])('with the key %j is refused before anything is sent', async (key) => {
    await using upstream = await tcpServer(() => {
      throw new Error('expected no connection');
    });
    await using gateway = await gatewayTo(upstream.port);
    using client = new RawClient(gateway.port);
    client.request('GET /chat HTTP/1.1', ['Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Key: ${key}`]);
    expect(await client.untilClosed()).toContain('tag:aegis.dev,2026:fault:bad-header');
    expect(await gateway.next()).toMatchObject({ result: 'not-sent', fault: { code: 'bad-header' } });
  });

  it('that stays silent too long is closed', async () => {
    await using upstream = await echoServer();
    await using gateway = await gatewayTo(upstream.port, {
      settings: { limits: { ...forwardLimits(limitsSchema.parse({})), idleTimeoutMs: 200 } },
    });
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/`);
    const [code] = await once(socket, 'close');
    expect(code).toBe(1006);
    expect(await gateway.next()).toMatchObject({ result: 'failed', status: 101, fault: { code: 'upstream-timeout' } });
  });

  it('whose client breaks off ends at the upstream as well', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    await using server = await httpServer(() => undefined);
    new WebSocketServer({ server: server.server }).on('connection', (socket) => socket.once('close', () => resolve()));
    await using gateway = await gatewayTo(server.port);
    using client = new RawClient(gateway.port);
    client.request('GET / HTTP/1.1', HANDSHAKE);
    await client.until('101');
    client.socket.resetAndDestroy();
    await closed;
    expect(await gateway.next()).toMatchObject({ result: 'aborted', status: 101, fault: { code: 'client-gone' } });
  });

  it('whose upstream breaks off ends at the client as well', async () => {
    await using upstream = await tcpServer((socket) => {
      socket.once('data', () => {
        socket.write(`${SWITCH}Sec-WebSocket-Accept: ${webSocketAccept(KEY)}\r\n\r\n`);
        socket.once('data', () => socket.resetAndDestroy());
      });
    });
    await using gateway = await gatewayTo(upstream.port);
    using client = new RawClient(gateway.port);
    client.request('GET / HTTP/1.1', HANDSHAKE);
    await client.until('101');
    client.send('x');
    await client.untilClosed();
    expect(await gateway.next()).toMatchObject({
      result: 'failed',
      status: 101,
      fault: { code: 'upstream-unreachable' },
    });
  });

  it('with a client that does not read slows the upstream down', async () => {
    let written = 0;
    const size = 64 * 1024 * 1024;
    const { promise: full, resolve: becameFull } = Promise.withResolvers<void>();
    await using upstream = await tcpServer((socket) => {
      socket.once('data', () => {
        socket.write(`${SWITCH}Sec-WebSocket-Accept: ${webSocketAccept(KEY)}\r\n\r\n`);
        const fill = (): void => {
          while (written < size) {
            written += 1024 * 1024;
            if (!socket.write(Buffer.alloc(1024 * 1024))) break;
          }
          setTimeout(becameFull, 200);
        };
        socket.on('drain', fill);
        fill();
      });
    });
    await using gateway = await gatewayTo(upstream.port);
    using client = new RawClient(gateway.port, { paused: true });
    client.request('GET / HTTP/1.1', HANDSHAKE);
    await full;
    expect(written).toBeLessThan(size / 2);
  });

  it('is never opened for a request that asked for none', async () => {
    await using upstream = await tcpServer((socket) => {
      socket.once('data', () => socket.write(`${SWITCH}Sec-WebSocket-Accept: ${webSocketAccept(KEY)}\r\n\r\nraw`));
    });
    await using gateway = await gatewayTo(upstream.port);
    using client = new RawClient(gateway.port);
    client.request('GET / HTTP/1.1', [`Sec-WebSocket-Key: ${KEY}`]);
    expect(await client.until('"code"')).toContain('tag:aegis.dev,2026:fault:upstream-protocol');
  });
});
