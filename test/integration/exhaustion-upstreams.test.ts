import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as immediately, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { throughProxy } from '../support/agent.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpServer, type HttpServer } from '../support/http-server.ts';
import { all, expectServed, refusalsOf, strainOf } from '../support/strain.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';

const ALLOW_ALL = 'version: "1"\nrules:\n  - {name: everything, risk_level: low, approval: auto}\n';
const KIB = 1024;
const MIB = 1024 * KIB;
const MANY = 100;
const MOST_GROWN_MIB = 200;

let good: HttpUpstream;
let hostile: Server;
let gateway: GatewayProcess;
const open = new Set<Socket>();
/** What the hostile upstream does with a connection once a request came. */
let behave: (socket: Socket) => Promise<void>;

beforeAll(async () => {
  good = await startHttpUpstream();
  // This process plays the attackers too and stands still while they write: an idle connection that the server ends
  // just then takes a request with it, which says nothing about the gateway.
  good.server.keepAliveTimeout = 60_000;
  hostile = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    socket.once('data', () => void behave(socket));
  });
  await new Promise<void>((done) => hostile.listen({ host: '127.0.0.1', port: 0 }, done));
  gateway = await startGatewayProcess({
    policy: ALLOW_ALL,
    config: `upstream: {allow: ["127.0.0.1:${good.port}", "127.0.0.1:${port()}"]}\nlimits: {response_timeout: 2s, idle_timeout: 2s}`,
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await good[Symbol.asyncDispose]();
  for (const socket of open) socket.destroy();
  await new Promise<void>((done) => hostile.close(() => done()));
});

const port = (): number => (hostile.address() as AddressInfo).port;
const strain = async (attack: () => Promise<unknown>): ReturnType<typeof strainOf> =>
  await strainOf(gateway, `${good.origin}/other`, attack);

/** Writes as fast as the other side reads, until it is gone. */
async function pour(socket: Socket, piece: string | Buffer): Promise<void> {
  while (socket.writable) {
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A byte now and then, until the other side is gone. */
async function drip(socket: Socket, piece: string, everyMs: number): Promise<void> {
  while (socket.writable) {
    socket.write(piece);
    await sleep(everyMs);
  }
}

describe('an upstream that answers without end', () => {
  it.each<[string, string, (socket: Socket) => Promise<void>]>([
    [
      'with header fields',
      'upstream-protocol',
      async (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        await pour(socket, `X-More: ${'y'.repeat(1_000)}\r\n`);
      },
    ],
    [
      'with one header field',
      'upstream-protocol',
      async (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nX-Long: ');
        await pour(socket, 'y'.repeat(KIB));
      },
    ],
    [
      'with interim answers',
      'upstream-protocol',
      async (socket) => await pour(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n'),
    ],
    [
      'with a head that drips',
      'upstream-timeout',
      async (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nX-Slow: ');
        await drip(socket, 'y', 100);
      },
    ],
    ['with nothing', 'upstream-timeout', async () => undefined],
  ])(`%s, ${MANY} times at once, is refused as %s and counted, and others are served`, async (_what, code, how) => {
    behave = how;
    const found = await strain(async () => {
      const answers = await all(MANY, async () => await throughProxy(gateway.port, `http://127.0.0.1:${port()}/`));
      expect(new Set(answers.map(({ json }) => json['code']))).toEqual(new Set([code]));
    });
    expect(found.counted(refusalsOf(code))).toBe(MANY);
    expectServed(found, MOST_GROWN_MIB);
    await expect.poll(() => open.size, { timeout: 10_000 }).toBe(0);
  });

  it('with a body, to clients that do not read it, is held up and takes no memory', async () => {
    let sent = 0;
    behave = async (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n');
      const piece = Buffer.alloc(64 * KIB);
      while (socket.writable) {
        sent += piece.length;
        if (!socket.write(piece))
          await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined);
      }
    };
    const found = await strain(async () => {
      await all(MANY, async () => {
        const host = `127.0.0.1:${port()}`;
        const request = httpRequest({ port: gateway.port, path: `http://${host}/`, headers: { host } });
        request.on('error', () => undefined);
        request.end();
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        response.on('error', () => undefined);
        // Longer than the idle timeout: whoever does not read is given up.
        await Promise.race([once(response, 'close'), sleep(8_000)]);
        request.destroy();
      });
    });
    expectServed(found, MOST_GROWN_MIB);
    // Socket buffers of the system on both sides, a few MiB for each, and nothing without end.
    expect(sent / MANY / MIB).toBeLessThan(16);
    await expect.poll(() => open.size, { timeout: 10_000 }).toBe(0);
  });
});

describe('a flood of WebSockets', () => {
  let server: HttpServer;
  const sockets = new WebSocketServer({ noServer: true });
  beforeAll(async () => {
    server = await startHttpServer((_request, response) => response.end());
    server.server.on('upgrade', (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (accepted) => {
        accepted.on('error', () => undefined);
        if (request.url === '/deaf') accepted.pause();
        else accepted.on('message', (data) => accepted.send(data));
      });
    });
  });
  afterAll(async () => {
    for (const accepted of sockets.clients) accepted.terminate();
    await server[Symbol.asyncDispose]();
  });

  it('whose upstream does not read slows its clients down, and takes no memory', async () => {
    await using own = await startGatewayProcess({
      policy: ALLOW_ALL,
      config: `upstream: {allow: ["127.0.0.1:${good.port}"]}\nroutes: {chat: {upstream: "${server.origin}"}}\nlimits: {idle_timeout: 6s}`,
    });
    const piece = Buffer.alloc(MIB);
    let waiting = 0;
    const found = await strainOf(own, `${good.origin}/other`, async () => {
      await all(20, async () => {
        const client = new WebSocket(`ws://127.0.0.1:${own.port}/routes/chat/deaf`);
        client.on('error', () => undefined);
        await once(client, 'open');
        for (let sent = 0; sent < 50; sent += 1) {
          client.send(piece);
          waiting = Math.max(waiting, client.bufferedAmount);
          await immediately();
        }
        await sleep(2_000);
        client.terminate();
      });
    });
    // What the gateway does not take stays with the clients.
    expect(waiting).toBeGreaterThan(0);
    expectServed(found, MOST_GROWN_MIB);
  });

  it('of 100,000 small messages is carried, and others are served', async () => {
    await using own = await startGatewayProcess({
      policy: ALLOW_ALL,
      config: `upstream: {allow: ["127.0.0.1:${good.port}"]}\nroutes: {chat: {upstream: "${server.origin}"}}\nlimits: {idle_timeout: 6s}`,
    });
    let received = 0;
    const found = await strainOf(own, `${good.origin}/other`, async () => {
      await all(20, async () => {
        const client = new WebSocket(`ws://127.0.0.1:${own.port}/routes/chat/echo`);
        await once(client, 'open');
        const { promise: all5000, resolve } = Promise.withResolvers<void>();
        let own5000 = 0;
        client.on('message', () => {
          received += 1;
          own5000 += 1;
          if (own5000 === 5_000) resolve();
        });
        for (let sent = 0; sent < 5_000; sent += 1) client.send('x');
        await all5000;
        client.close();
        await once(client, 'close');
      });
    });
    expect(received).toBe(100_000);
    expectServed(found, MOST_GROWN_MIB);
  });
});
