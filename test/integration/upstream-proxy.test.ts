import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { throughProxy, throughRoute } from '../support/agent.ts';
import { expectRecord } from '../support/audit-trail.ts';
import { startCorporateProxy, type CorporateProxy } from '../support/corporate-proxy.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { sendConnect, tlsThrough } from '../support/tunnel.ts';
import { callOn } from '../support/tls-call.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { TestAuthority } from '../unit/forward/certificates.ts';

const ALLOW_ALL = 'version: "1"\nrules:\n  - {name: everything, risk_level: low, approval: auto}\n';
const authority = new TestAuthority();
let plain: HttpUpstream;
let secure: HttpUpstream;
let proxy: CorporateProxy;
let gateway: GatewayProcess;
let ca: string;

/** Names that only the proxy can resolve. */
const NAMES = ['tools.test', 'tunnel.test'];

beforeAll(async () => {
  plain = await startHttpUpstream();
  secure = await startHttpUpstream(undefined, authority.issue(NAMES.map((name) => `DNS:${name}`).join(',')));
  proxy = await startCorporateProxy('gateway:sesame');
  gateway = await startGatewayProcess({
    policy: ALLOW_ALL,
    files: { 'upstream-ca.pem': authority.cert, 'proxy-user': 'gateway:sesame\n' },
    config: [
      `upstream: {proxy: "http://127.0.0.1:${proxy.port}", proxy_credential_file: proxy-user, ca_files: [upstream-ca.pem]}`,
      `routes: {shop: {upstream: "https://tools.test:${secure.port}/api"}}`,
      `tunnel: ["tunnel.test:${secure.port}"]`,
    ].join('\n'),
  });
  ca = await readFile(join(gateway.dataDir, 'agent', 'ca.pem'), 'utf8');
});
beforeEach(() => {
  for (const list of [plain.seen, secure.seen, proxy.seen]) list.splice(0);
});
afterAll(async () => {
  for (const part of [gateway, proxy, secure, plain]) await part[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
});

const AUTHORIZATION = `Basic ${Buffer.from('gateway:sesame').toString('base64')}`;

describe('behind an upstream proxy', () => {
  it('http goes in absolute form, with the credential, and the upstream sees none of it', async () => {
    const url = `http://tools.test:${plain.port}/orders?page=2`;
    expect((await throughProxy(gateway.port, url)).status).toBe(200);
    expect((await throughProxy(gateway.port, url, { body: { a: 1 } })).status).toBe(200);
    const host = `tools.test:${plain.port}`;
    expect(proxy.seen).toEqual([
      { method: 'GET', target: url, host, authorization: AUTHORIZATION },
      { method: 'POST', target: url, host, authorization: AUTHORIZATION },
    ]);
    expect(plain.seen.map(({ method, url: path, body }) => [method, path, body])).toEqual([
      ['GET', '/orders?page=2', ''],
      ['POST', '/orders?page=2', '{"a":1}'],
    ]);
    expect(JSON.stringify(plain.seen)).not.toContain(AUTHORIZATION);
  });

  it('a body that streams does so as well', async () => {
    const url = `http://tools.test:${plain.port}/upload`;
    const headers = { 'content-type': 'application/octet-stream' };
    expect((await throughProxy(gateway.port, url, { body: 'x'.repeat(200_000), headers })).status).toBe(200);
    expect(proxy.seen[0]?.target).toBe(url);
    expect(plain.seen[0]?.body).toHaveLength(200_000);
  });

  it('https goes through a tunnel of the proxy, and its certificate is verified end to end', async () => {
    const target = `tools.test:${secure.port}`;
    for (const answer of [
      await throughRoute(gateway.port, '/routes/shop/orders'),
      await throughRoute(gateway.port, '/routes/shop/orders', { body: { a: 1 } }),
    ]) {
      expect([answer.status, answer.text]).toEqual([200, '{"ok":true}']);
    }
    const tls = await tlsThrough(gateway.port, target, { servername: 'tools.test', ca });
    expect((await callOn(tls, target)).status).toBe(200);
    // The connection is kept and used again.
    expect(proxy.seen).toEqual([{ method: 'CONNECT', target, host: target, authorization: AUTHORIZATION }]);
    expect(secure.seen.map(({ url }) => url)).toEqual(['/api/orders', '/api/orders', '/orders']);
    const other = await throughProxy(gateway.port, `https://127.0.0.2:${secure.port}/`);
    expect(other.json['code']).toBe('upstream-address-refused');
  });

  it('a certificate for another name is refused', async () => {
    const answer = await throughProxy(gateway.port, `https://other.test:${secure.port}/`);
    expect([answer.status, answer.json['code']]).toEqual([502, 'upstream-tls']);
  });

  it('a tunnel goes through a tunnel', async () => {
    const target = `tunnel.test:${secure.port}`;
    const tls = await tlsThrough(gateway.port, target, { servername: 'tunnel.test', ca: authority.cert });
    expect((await callOn(tls, target)).status).toBe(200);
    expect(proxy.seen.map(({ method, target: asked }) => [method, asked])).toEqual([['CONNECT', target]]);
    await expectRecord(gateway, 'outcome', { result: 'success', status: 200 });
  });

  it.each([
    ['http', () => plain],
    ['https', () => secure],
  ])('a WebSocket over %s goes through one as well', async (scheme, upstream) => {
    const server = new WebSocketServer({ server: upstream().server });
    server.on('connection', (socket) => socket.on('message', (text) => socket.send(`echo ${String(text)}`)));
    const authorityText = `tools.test:${upstream().port}`;
    const socket =
      scheme === 'https'
        ? await tlsThrough(gateway.port, authorityText, { servername: 'tools.test', ca })
        : (await sendConnect(gateway.port, authorityText)).socket.resume();
    const client = new WebSocket(`ws://${authorityText}/live`, { createConnection: () => socket });
    await once(client, 'open');
    client.send('hello');
    const [message] = (await once(client, 'message')) as [Buffer];
    expect(String(message)).toBe('echo hello');
    client.close();
    await once(client, 'close');
    server.close();
    expect(proxy.seen.map(({ method, target }) => [method, target])).toEqual([['CONNECT', authorityText]]);
  });

  it.each([
    'http://127.0.0.1:9/',
    'http://[::1]:9/',
    'http://169.254.169.254/latest/meta-data/',
    'http://localhost:9/',
    'http://a.localhost:9/',
    'http://metadata.google.internal/',
    'https://kubernetes.default.svc/',
  ])('%s is refused, by its name or address, and the proxy is not asked', async (url) => {
    const answer = await throughProxy(gateway.port, url);
    expect([answer.status, answer.json['code']]).toEqual([403, 'upstream-address-refused']);
    expect(proxy.seen).toEqual([]);
  });

  it('the proxy itself is no destination that is listed', async () => {
    const answer = await throughProxy(gateway.port, `http://127.0.0.1:${proxy.port}/`);
    expect(answer.json['code']).toBe('upstream-address-refused');
  });
});

describe('an upstream proxy', () => {
  const url = (): string => `https://tools.test:${secure.port}/`;

  it('that refuses is named, and what it was told is not', async () => {
    await writeFile(join(gateway.folder, 'proxy-user'), 'gateway:wrong\n');
    await using own = await gateway.stop().then(async () => await gateway.restart());
    const answer = await throughProxy(own.port, url());
    expect([answer.status, answer.json['code']]).toEqual([502, 'upstream-unreachable']);
    expect(answer.json['detail']).toContain(`refused tools.test:${secure.port} with status 407`);
    expect(JSON.stringify([answer.text, own.log])).not.toMatch(/wrong|Z2F0ZXdheQ/u);
  });

  it('that does not listen is named', async () => {
    const gone = await startCorporateProxy();
    await gone[Symbol.asyncDispose]();
    await using own = await startGatewayProcess({
      policy: ALLOW_ALL,
      config: `upstream: {proxy: "http://127.0.0.1:${gone.port}"}`,
    });
    for (const target of [url(), `http://tools.test:${plain.port}/`]) {
      const answer = await throughProxy(own.port, target);
      expect([answer.status, answer.json['code']]).toEqual([502, 'upstream-unreachable']);
      expect(answer.json['detail']).toContain('the proxy 127.0.0.1');
    }
  });

  it('is written without a password', async () => {
    const config = 'upstream: {proxy: "http://user:secret@127.0.0.1:3128"}';
    await expect(startGatewayProcess({ policy: ALLOW_ALL, config })).rejects.toThrow(/proxy_credential_file/u);
  });
});
