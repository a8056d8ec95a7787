import { rm, writeFile } from 'node:fs/promises';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { throughProxy, throughRoute } from '../support/agent.ts';
import { startGatewayProcess, type GatewayFiles, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream } from '../support/upstream.ts';
import { sendRaw } from '../support/wire.ts';

const ALLOW_ALL = 'version: "1"\nrules:\n  - {name: everything, risk_level: low, approval: auto}\n';
const ended: AsyncDisposable[] = [];
afterEach(async () => {
  for (const part of ended.splice(0).toReversed()) await part[Symbol.asyncDispose]();
});

async function start(config: string, files: GatewayFiles = {}): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess({ policy: ALLOW_ALL, config, ...files });
  ended.push(gateway);
  return gateway;
}

/** A server that does with each connection what it is told. */
async function startSocketUpstream(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    onConnection(socket);
  });
  await new Promise<void>((done) => server.listen({ host: '127.0.0.1', port: 0 }, done));
  ended.push({
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  });
  return (server.address() as AddressInfo).port;
}

const allow = (port: number, more = ''): string => `upstream: {allow: ["127.0.0.1:${port}"]}\n${more}`;

/** The newest outcome or refusal of the audit trail. */
async function lastRecord(
  gateway: GatewayProcess,
  kind: 'outcome' | 'refusal',
): Promise<{ readonly [member: string]: unknown }> {
  const { stdout } = await gateway.cli('audit', 'export', '--format', 'jsonl', '--kind', kind);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}') as { readonly [member: string]: unknown };
}

describe('an upstream that cannot be had', () => {
  it('is refused by address when it is loopback and not listed (fault:upstream-address-refused)', async () => {
    const gateway = await start('');
    const answer = await throughProxy(gateway.port, 'http://127.0.0.1:9/');
    expect([answer.status, answer.json['code']]).toEqual([403, 'upstream-address-refused']);
    expect(await lastRecord(gateway, 'outcome')).toMatchObject({
      result: 'not-sent',
      fault: 'upstream-address-refused',
    });
  });

  it('may never be the gateway itself, listed or not', async () => {
    const gateway = await start('upstream: {allow: ["127.0.0.0/8:1"]}');
    for (const port of [gateway.port, gateway.adminPort]) {
      const answer = await throughProxy(gateway.port, `http://127.0.0.1:${port}/healthz`);
      expect(answer.json['code']).toBe('upstream-address-refused');
    }
  });

  it('has no address (fault:upstream-unresolved)', async () => {
    const gateway = await start('');
    const answer = await throughProxy(gateway.port, 'http://nothing.invalid/');
    expect([answer.status, answer.json['code']]).toEqual([502, 'upstream-unresolved']);
  });

  it('does not listen (fault:upstream-unreachable)', async () => {
    const upstream = await startHttpUpstream();
    await upstream[Symbol.asyncDispose]();
    const gateway = await start(allow(upstream.port));
    const answer = await throughProxy(gateway.port, `${upstream.origin}/`);
    expect([answer.status, answer.json['code']]).toEqual([502, 'upstream-unreachable']);
    expect(await lastRecord(gateway, 'outcome')).toMatchObject({ result: 'not-sent', fault: 'upstream-unreachable' });
  });

  it('does not answer (fault:upstream-timeout)', async () => {
    const port = await startSocketUpstream(() => undefined);
    const gateway = await start(allow(port, 'limits: {response_timeout: 200ms}'));
    const answer = await throughProxy(gateway.port, `http://127.0.0.1:${port}/`);
    expect([answer.status, answer.json['code']]).toEqual([504, 'upstream-timeout']);
    expect(await lastRecord(gateway, 'outcome')).toMatchObject({ result: 'failed', fault: 'upstream-timeout' });
  });

  it('does not speak HTTP (fault:upstream-protocol)', async () => {
    const port = await startSocketUpstream((socket) => socket.on('data', () => socket.end('NOT HTTP AT ALL\r\n\r\n')));
    const gateway = await start(allow(port));
    const answer = await throughProxy(gateway.port, `http://127.0.0.1:${port}/`);
    expect([answer.status, answer.json['code']]).toEqual([502, 'upstream-protocol']);
  });

  it('has no certificate that can be verified (fault:upstream-tls)', async () => {
    // A TLS hello answered with anything but TLS fails the handshake, as a wrong certificate does.
    const port = await startSocketUpstream((socket) =>
      socket.on('data', () => socket.end('HTTP/1.1 400 no TLS here\r\n\r\n')),
    );
    const gateway = await start(`routes: {shop: {upstream: "https://127.0.0.1:${port}"}}`);
    const answer = await throughRoute(gateway.port, '/routes/shop/x');
    expect([answer.status, answer.json['code']]).toEqual([502, 'upstream-tls']);
  });

  it('needs a credential whose file is gone (fault:credential-unavailable)', async () => {
    const upstream = await startHttpUpstream();
    ended.push(upstream);
    const gateway = await start(`routes: {shop: {upstream: "${upstream.origin}", credential: {file: token}}}`, {
      files: { token: 'sesame-open-1\n' },
    });
    expect((await throughRoute(gateway.port, '/routes/shop/x')).status).toBe(200);
    expect(upstream.seen[0]?.headers['authorization']).toBe('Bearer sesame-open-1');
    await writeFile(join(gateway.folder, 'token'), 'sesame-open-2\n');
    let sent = '';
    while (sent !== 'Bearer sesame-open-2') {
      await throughRoute(gateway.port, '/routes/shop/x', { headers: { authorization: 'Bearer of-the-agent' } });
      sent = String(upstream.seen.at(-1)?.headers['authorization']);
      expect(sent).not.toContain('of-the-agent');
    }
    await rm(join(gateway.folder, 'token'));
    let code: unknown = null;
    while (code !== 'credential-unavailable') code = (await throughRoute(gateway.port, '/routes/shop/x')).json['code'];
    const output = JSON.stringify(gateway.log) + (await gateway.cli('audit', 'export', '--format', 'jsonl')).stdout;
    expect(output).not.toContain('sesame-open');
  });
});

describe('limits of the data port', () => {
  it('answers a header section that does not come (fault:request-timeout)', async () => {
    const gateway = await start('limits: {headers_timeout: 1s}');
    const answer = await sendRaw(gateway.port, 'GET http://example.com/ HTTP/1.1\r\nHost: exam');
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([408, { code: 'request-timeout' }]);
  });

  it('answers a connection too many (fault:too-many-connections)', async () => {
    const gateway = await start('limits: {connections: 1}');
    const first = connect({ host: '127.0.0.1', port: gateway.port });
    await new Promise<void>((done) => first.once('connect', done));
    const answer = await sendRaw(gateway.port, 'GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n');
    first.destroy();
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([503, { code: 'too-many-connections' }]);
  });

  it('answers when all bodies together are too large (fault:too-many-requests-held)', async () => {
    const gateway = await start('limits: {buffered: 1MiB, body: 1MiB}');
    const head = (length: number): string =>
      `POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
    const first = connect({ host: '127.0.0.1', port: gateway.port });
    await new Promise<void>((done) => first.write(head(1_000_000) + ' '.repeat(900_000), () => done()));
    const metric = async (): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
      return Number(/^aegis_buffered_bytes (\d+)/mu.exec(text)?.[1] ?? 0);
    };
    while ((await metric()) < 900_000);
    const answer = await sendRaw(gateway.port, head(500_000) + ' '.repeat(500_000));
    first.destroy();
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([503, { code: 'too-many-requests-held' }]);
  });

  it('refuses new requests while it shuts down, and ends with exit code 0 (fault:draining)', async () => {
    let finish: () => void = () => undefined;
    const upstream = await startHttpUpstream((request, response) => {
      if (request.url === '/quick') response.end('quick');
      else finish = () => response.end('done');
    });
    ended.push(upstream);
    const gateway = await start(allow(upstream.port));
    const socket = connect({ host: '127.0.0.1', port: gateway.port });
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    const closed = new Promise<void>((done) => socket.on('close', () => done()));
    const line = (path: string): string =>
      `GET ${upstream.origin}${path} HTTP/1.1\r\nHost: 127.0.0.1:${upstream.port}\r\n\r\n`;
    socket.write(line('/slow'));
    while (upstream.seen.length < 1) await new Promise((done) => setImmediate(done));
    const stopped = gateway.stop('SIGTERM');
    await gateway.logged('gateway.stopping');
    socket.write(line('/quick'));
    finish();
    await closed;
    expect(await stopped).toBe(0);
    expect(text).toContain('done');
    expect(text).not.toContain('quick');
    expect(upstream.seen).toHaveLength(1);
  });
});
