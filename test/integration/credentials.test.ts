import { once } from 'node:events';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { throughProxy, throughRoute } from '../support/agent.ts';
import { expectRecord, journalOf } from '../support/audit-trail.ts';
import { describeWith } from '../support/counterparts.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { TestAuthority, type KeyPair } from '../unit/forward/certificates.ts';

const ALLOW_ALL = 'version: "1"\nrules:\n  - {name: everything, risk_level: low, approval: auto}\n';
const SECRET = 'sesame-open-1';

describeWith(['openssl'], 'a route to an HTTPS upstream', () => {
  let authority: TestAuthority;
  const ended: AsyncDisposable[] = [];

  beforeAll(() => {
    authority = new TestAuthority();
  });
  afterAll(() => authority[Symbol.dispose]());
  afterEach(async () => {
    for (const one of ended.splice(0).toReversed()) await one[Symbol.asyncDispose]();
  });

  interface TlsUpstream {
    readonly port: number;
    /** What arrived: method and path, the credential, and the server name of the handshake. */
    readonly seen: (readonly [request: string, authorization: string | undefined])[];
  }

  async function startTls(pair: KeyPair, options: ServerOptions = {}): Promise<TlsUpstream> {
    const seen: TlsUpstream['seen'] = [];
    const server: Server = createServer({ ...pair, ...options }, (request, response) => {
      seen.push([`${request.method} ${request.url}`, request.headers.authorization]);
      response.end('over TLS');
    });
    // A handshake that the gateway breaks off.
    server.on('tlsClientError', () => undefined);
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    ended.push({
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections();
        await new Promise<void>((done) => server.close(() => done()));
      },
    });
    return { port: (server.address() as AddressInfo).port, seen };
  }

  async function start(port: number, trusted: boolean, host = '127.0.0.1'): Promise<GatewayProcess> {
    const gateway = await startGatewayProcess({
      policy: ALLOW_ALL,
      files: { 'ca.pem': authority.cert, token: `${SECRET}\n` },
      config: [
        `routes: {shop: {upstream: "https://${host}:${port}", credential: {file: token}}}`,
        `upstream: {allow: ["127.0.0.1:${port}"]${trusted ? ', ca_files: [ca.pem]' : ''}}`,
      ].join('\n'),
      // What an agent or a careless operator may set must not weaken the check.
      env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    });
    ended.push(gateway);
    return gateway;
  }

  it('is trusted by an authority of ca_files, and gets the credential that the agent never had', async () => {
    const upstream = await startTls(authority.issue('IP:127.0.0.1'));
    const gateway = await start(upstream.port, true);
    const answer = await throughRoute(gateway.port, '/routes/shop/orders', {
      headers: { authorization: 'Bearer mine' },
    });
    expect([answer.status, answer.text]).toEqual([200, 'over TLS']);
    expect(upstream.seen).toEqual([['GET /orders', `Bearer ${SECRET}`]]);
    expect(answer.text + JSON.stringify(answer.headers)).not.toContain(SECRET);
    await expectRecord(gateway, 'outcome', { result: 'success', status: 200 });
    expect(JSON.stringify([await journalOf(gateway), gateway.log])).not.toContain(SECRET);
  });

  it('is found by its name where the route has one, and the certificate must have that name', async () => {
    const upstream = await startTls(authority.issue('DNS:localhost'));
    const gateway = await start(upstream.port, true, 'localhost');
    expect((await throughRoute(gateway.port, '/routes/shop/x')).status).toBe(200);
  });

  it.each([
    ['the certificate is for another name', () => authority.issue('DNS:other.example'), true, /another name/u],
    ['the certificate is for another address', () => authority.issue('IP:127.0.0.2'), true, /another name/u],
    [
      'the certificate has expired',
      () => authority.issue('IP:127.0.0.1', { from: '20200101000000Z', to: '20210101000000Z' }),
      true,
      /expired/u,
    ],
    ['the authority is not trusted', () => authority.issue('IP:127.0.0.1'), false, /unknown authority/u],
    ['the certificate is signed by itself', () => authority.selfSigned('IP:127.0.0.1'), true, /unknown authority/u],
  ])('is not spoken to when %s (fault:upstream-tls)', async (_what, pair, trusted, reason) => {
    const upstream = await startTls(pair());
    const gateway = await start(upstream.port, trusted);
    const answer = await throughRoute(gateway.port, '/routes/shop/x', { body: { a: 1 } });
    expect([answer.status, answer.json['code']]).toEqual([502, 'upstream-tls']);
    expect(answer.json['detail']).toMatch(reason);
    expect(upstream.seen).toEqual([]);
    await expectRecord(gateway, 'outcome', { result: 'not-sent', fault: 'upstream-tls' });
  });

  it('is not spoken to when it knows no more than TLS 1.1 (fault:upstream-tls)', async () => {
    const upstream = await startTls(authority.issue('IP:127.0.0.1'), {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const gateway = await start(upstream.port, true);
    const answer = await throughRoute(gateway.port, '/routes/shop/x');
    expect([answer.status, answer.json['code']]).toEqual([502, 'upstream-tls']);
    expect(upstream.seen).toEqual([]);
  });

  it('gives its credential to nobody else: the same host through the proxy goes without', async () => {
    const upstream = await startTls(authority.issue('IP:127.0.0.1'));
    const gateway = await start(upstream.port, true);
    const url = `https://127.0.0.1:${upstream.port}/orders`;
    expect((await throughProxy(gateway.port, url)).status).toBe(200);
    expect(upstream.seen).toEqual([['GET /orders', undefined]]);
  });

  it('takes a new credential when its file is replaced, and never a mixture', async () => {
    const upstream = await startTls(authority.issue('IP:127.0.0.1'));
    const gateway = await start(upstream.port, true);
    const used = async (): Promise<string | undefined> => {
      await throughRoute(gateway.port, '/routes/shop/x');
      return upstream.seen.at(-1)?.[1];
    };
    expect(await used()).toBe(`Bearer ${SECRET}`);
    await writeFile(join(gateway.folder, 'token.new'), 'sesame-open-2\n');
    await rename(join(gateway.folder, 'token.new'), join(gateway.folder, 'token'));
    await expect.poll(used, { timeout: 10_000 }).toBe('Bearer sesame-open-2');
    expect(new Set(upstream.seen.map(([, authorization]) => authorization))).toEqual(
      new Set([`Bearer ${SECRET}`, 'Bearer sesame-open-2']),
    );
  });
});
