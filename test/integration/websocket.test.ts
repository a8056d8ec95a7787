import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { throughProxy } from '../support/agent.ts';
import { expectRecord } from '../support/audit-trail.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpServer, type HttpServer } from '../support/http-server.ts';
import { WireClient } from '../support/wire-client.ts';

const POLICY = `version: "1"
rules:
  - {name: no-admin-socket, match: {type: read}, conditions: {param_eq: {path: /admin}}, risk_level: high, approval: block}
  - {name: desk-socket, match: {type: read}, conditions: {param_eq: {path: /desk}}, risk_level: high, approval: approve}
  - {name: rest, risk_level: low, approval: auto}
`;

let upstream: HttpServer;
let gateway: GatewayProcess;
/** What reached the upstream: paths of handshakes, and bytes on connections that it refused to switch. */
const handshakes: string[] = [];
let plain = '';

const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });

beforeAll(async () => {
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  upstream = await startHttpServer((_request, response) => response.end('no socket here'));
  upstream.server.on('upgrade', (request: IncomingMessage, socket: Duplex, rest: Buffer) => {
    handshakes.push(request.url ?? '');
    // Node leaves the second half of an upgraded connection to whoever took it.
    socket.on('end', () => socket.end());
    if (request.url === '/refuses') {
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 8\r\nWWW-Authenticate: Bearer\r\n\r\nno token');
    } else if (request.url === '/ignores') {
      socket.on('data', (chunk: Buffer) => (plain += chunk.toString('latin1')));
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain');
    } else sockets.handleUpgrade(request, socket, rest, (client) => sockets.emit('connection', client, request));
  });
  gateway = await startGatewayProcess({
    policy: POLICY,
    config: [
      `upstream: {allow: ["127.0.0.1:${upstream.port}"]}`,
      `routes: {chat: {upstream: "${upstream.origin}"}}`,
      'limits: {approval_wait: 0s}',
    ].join('\n'),
  });
});
beforeEach(() => {
  handshakes.splice(0);
  plain = '';
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

type Entry = 'proxy' | 'route';

/** What the `ws` package connects with: a route by its URL; a proxy by asking it for an absolute URL. */
function open(entry: Entry, path: string, protocols: readonly string[] = []): WebSocket {
  const authority = `127.0.0.1:${upstream.port}`;
  if (entry === 'route') return new WebSocket(`ws://127.0.0.1:${gateway.port}/routes/chat${path}`, [...protocols]);
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/`, [...protocols], {
    headers: { host: authority },
    finishRequest: (request) => {
      request.path = `http://${authority}${path}`;
      request.end();
    },
  });
  return socket;
}

/** The answer to a handshake that was not accepted. */
async function refusal(socket: WebSocket): Promise<{ readonly status: number; readonly text: string }> {
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  return { status: response.statusCode ?? 0, text };
}

describe.each(['proxy', 'route'] as const)('a WebSocket through the %s', (entry) => {
  it('carries text and binary both ways, and is recorded when it ends', async () => {
    const socket = open(entry, '/echo?room=1', ['chat.v1', 'chat.v2']);
    await once(socket, 'open');
    expect(socket.protocol).toBe('chat.v1');
    socket.send('hello');
    expect(String((await once(socket, 'message'))[0])).toBe('hello');
    const bytes = Buffer.alloc(300_000, 5);
    socket.send(bytes);
    expect(bytes.equals((await once(socket, 'message'))[0] as Buffer)).toBe(true);
    socket.close(1000, 'done');
    expect((await once(socket, 'close'))[0]).toBe(1000);
    expect(handshakes).toEqual(['/echo?room=1']);
    await expectRecord(gateway, 'outcome', { result: 'success', status: 101 });
  });

  it('is refused by policy before the upstream hears of it', async () => {
    const { status, text } = await refusal(open(entry, '/admin'));
    expect([status, JSON.parse(text)]).toMatchObject([
      403,
      { code: 'policy-block', decision: { rule: 'no-admin-socket' } },
    ]);
    expect(handshakes).toEqual([]);
  });

  it('that needs a human is told to come back, opens once after the approval, and asks anew for a second', async () => {
    const first = await refusal(open(entry, '/desk'));
    expect(first.status).toBe(403);
    const { code, approval } = JSON.parse(first.text) as { code: string; approval: { name: string } };
    expect(code).toBe('approval-pending');
    expect(handshakes).toEqual([]);
    expect((await gateway.cli('approvals', 'approve', approval.name, '--yes')).code).toBe(0);
    const socket = open(entry, '/desk');
    await once(socket, 'open');
    socket.send('approved');
    expect(String((await once(socket, 'message'))[0])).toBe('approved');
    socket.terminate();
    const second = JSON.parse((await refusal(open(entry, '/desk'))).text) as { code: string };
    expect(second.code).toBe('approval-pending');
    expect(handshakes).toEqual(['/desk']);
  });

  it('that the upstream refuses gets the answer of the upstream', async () => {
    expect(await refusal(open(entry, '/refuses'))).toEqual({ status: 401, text: 'no token' });
    await expectRecord(gateway, 'outcome', { result: 'success', status: 401 });
  });

  it.each([
    ['the client', (ends: { client: WebSocket; server: WebSocket }) => ends.client.terminate()],
    ['the upstream', (ends: { client: WebSocket; server: WebSocket }) => ends.server.terminate()],
  ])('ends on both sides when %s goes', async (_who, end) => {
    const client = open(entry, '/echo');
    const [server] = (await once(sockets, 'connection')) as [WebSocket];
    if (client.readyState !== WebSocket.OPEN) await once(client, 'open');
    const closed = Promise.all([once(client, 'close'), once(server, 'close')]);
    end({ client, server });
    await closed;
    await expectRecord(gateway, 'outcome', { status: 101 });
  });
});

describe('an upgrade that is answered with 200', () => {
  it('leaves no tunnel: what the client sends behind it goes nowhere', async () => {
    const authority = `127.0.0.1:${upstream.port}`;
    using client = await WireClient.open(gateway.port);
    const fields = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
    ];
    client.send([`GET http://${authority}/ignores HTTP/1.1`, `Host: ${authority}`, ...fields, '', ''].join('\r\n'));
    await client.until('plain');
    client.send(`DELETE /everything HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    const text = await client.closed();
    expect(text).toMatch(/^HTTP\/1\.1 200 OK/u);
    expect(text.match(/HTTP\/1\.1 /gu)).toHaveLength(1);
    const next = await throughProxy(gateway.port, `${upstream.origin}/next`);
    expect([next.status, next.text]).toEqual([200, 'no socket here']);
    expect(plain).toBe('');
  });

  it('is the only thing on its connection: bytes sent with the handshake are not taken for a request', async () => {
    const authority = `127.0.0.1:${upstream.port}`;
    using client = await WireClient.open(gateway.port);
    const handshake = [
      `GET http://${authority}/ignores HTTP/1.1`,
      `Host: ${authority}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
    ].join('\r\n');
    client.send(`${handshake}\r\n\r\nDELETE http://${authority}/everything HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    expect((await client.closed()).match(/HTTP\/1\.1 /gu)).toHaveLength(1);
    const next = await throughProxy(gateway.port, `${upstream.origin}/next`);
    expect([next.status, next.text]).toEqual([200, 'no socket here']);
    expect(plain).toBe('');
  });

  it('to another protocol is refused (fault:unsupported-upgrade)', async () => {
    const authority = `127.0.0.1:${upstream.port}`;
    using client = await WireClient.open(gateway.port);
    client.send(
      `GET http://${authority}/x HTTP/1.1\r\nHost: ${authority}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
    );
    await client.until('"code":"unsupported-upgrade"');
    expect(handshakes).toEqual([]);
  });
});
