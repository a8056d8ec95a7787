import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectRecord, journalOf } from '../support/audit-trail.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { helloOf } from '../support/hello.ts';
import { callOn } from '../support/tls-call.ts';
import { openTls, sendConnect, tlsThrough } from '../support/tunnel.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { TestAuthority } from '../unit/forward/certificates.ts';

const authority = new TestAuthority();
let upstream: HttpUpstream;
let gateway: GatewayProcess;

/** Hosts by what policy says of them; all of them resolve to nothing but the first, which is there. */
const policy = (port: number): string => `version: "1"
rules:
  - {name: pinned, match: {type: connect, target: "localhost:${port}"}, risk_level: medium, approval: auto}
  - {name: asked, match: {type: connect, target: "127.0.0.1:${port}"}, risk_level: high, approval: {approvers: 1, wait: 0s}}
  - {name: no-other, match: {type: connect}, risk_level: critical, approval: block}
  - {name: rest, risk_level: low, approval: auto}
`;

beforeAll(async () => {
  upstream = await startHttpUpstream(undefined, authority.issue('DNS:localhost,IP:127.0.0.1'));
  const { port } = upstream;
  gateway = await startGatewayProcess({
    policy: policy(port),
    config: [
      `upstream: {allow: ["localhost:${port}", "127.0.0.1:${port}"]}`,
      `tunnel: ["localhost:${port}", "127.0.0.1:${port}", "127.0.0.1:9", "blocked.example:8443", "*.tunnels.test"]`,
      'limits: {headers_timeout: 1s, idle_timeout: 1500ms}',
    ].join('\n'),
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
});

const here = (host = 'localhost'): string => `${host}:${upstream.port}`;

describe('a host that is not opened', () => {
  it('is the action connect, and its bytes reach the upstream as they are', async () => {
    const tls = await tlsThrough(gateway.port, here(), { servername: 'localhost', ca: authority.cert });
    expect(tls.authorized).toBe(true);
    expect((await callOn(tls, here())).text).toBe('{"ok":true}');
    const record = { type: 'connect', target: here(), params: { host: 'localhost', port: upstream.port } };
    await expectRecord(gateway, 'intent', {
      request: { entry: 'connect', method: 'CONNECT', url: here() },
      actions: [record],
      decision: { rule: 'pinned' },
    });
    await expectRecord(gateway, 'outcome', { result: 'success', status: 200, fault: null });
    const outcome = (await journalOf(gateway)).findLast(({ kind }) => kind === 'outcome');
    expect(Number(outcome?.['bytesSent'])).toBeGreaterThan(200);
    expect(Number(outcome?.['bytesReceived'])).toBeGreaterThan(500);
  });

  it('is blocked by policy before anything is dialled', async () => {
    const { answer } = await sendConnect(gateway.port, 'blocked.example:8443');
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([403, { code: 'policy-block' }]);
    await expectRecord(gateway, 'refusal', { fault: 'policy-block', decision: { rule: 'no-other' } });
  });

  it('waits for a human where policy says so, and passes once', async () => {
    const target = here('127.0.0.1');
    const first = await sendConnect(gateway.port, target);
    const { approval } = JSON.parse(first.answer.body) as { readonly approval: { readonly name: string } };
    expect((await gateway.cli('approvals', 'show', approval.name)).stdout).toContain(target);
    await gateway.cli('approvals', 'approve', approval.name);
    const tls = await tlsThrough(gateway.port, target, { host: '127.0.0.1', ca: authority.cert });
    expect((await callOn(tls, here())).text).toBe('{"ok":true}');
    const again = await sendConnect(gateway.port, target);
    expect(again.answer.status).toBe(403);
  });

  it('is refused where its address may not be reached', async () => {
    await using other = await startGatewayProcess({
      policy: 'version: "1"\nrules:\n  - {name: all, risk_level: low, approval: auto}\n',
      config: 'tunnel: ["127.0.0.1:9", "localhost:9", "169.254.169.254"]',
    });
    for (const target of ['127.0.0.1:9', 'localhost:9', '169.254.169.254:443']) {
      const { answer } = await sendConnect(other.port, target);
      expect([answer.status, JSON.parse(answer.body)]).toMatchObject([403, { code: 'upstream-address-refused' }]);
    }
  });

  it.each([
    ['another server name', { servername: 'evil.example' }],
    ['no server name', { servername: '' }],
  ])('is cut when its hello has %s, and nothing of it reaches the upstream', async (_, options) => {
    const before = upstream.seen.length;
    await expect(tlsThrough(gateway.port, here(), { ...options, ca: authority.cert })).rejects.toThrow(
      /closed|disconnected|reset/u,
    );
    await expectRecord(gateway, 'outcome', { result: 'not-sent', fault: 'conflicting-host', bytesSent: 0 });
    expect(upstream.seen.length).toBe(before);
  });

  it.each([
    ['is no TLS', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'malformed-request'],
    ['does not begin', '', 'request-timeout'],
  ])('is cut when what is inside %s', async (_, bytes, code) => {
    const { socket, answer } = await sendConnect(gateway.port, here());
    expect(answer.status).toBe(200);
    socket.resume().write(bytes);
    await once(socket, 'close');
    await expectRecord(gateway, 'outcome', { result: 'not-sent', fault: code });
  });

  it('is cut when nothing comes either way', async () => {
    const tls = await tlsThrough(gateway.port, here(), { servername: 'localhost', ca: authority.cert });
    tls.resume().on('error', () => undefined);
    await once(tls, 'close');
    await expectRecord(gateway, 'outcome', { result: 'failed', fault: 'upstream-timeout' });
  });

  it('ends with its client', async () => {
    const tls = await tlsThrough(gateway.port, here(), { servername: 'localhost', ca: authority.cert });
    tls.destroy();
    await expect
      .poll(async () => (await journalOf(gateway)).filter(({ kind }) => kind === 'outcome').at(-1)?.['fault'])
      .not.toBe('upstream-timeout');
  });

  it('may go on answering when its client has said all that it wanted to', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      socket.resume().once('end', () => socket.end('all of it'));
    });
    await new Promise<void>((done) => server.listen({ host: '127.0.0.1', port: 0 }, done));
    const target = `localhost:${(server.address() as AddressInfo).port}`;
    await using other = await startGatewayProcess({
      policy: 'version: "1"\nrules:\n  - {name: all, risk_level: low, approval: auto}\n',
      config: `upstream: {allow: ["${target}"]}\ntunnel: ["${target}"]`,
    });
    const { socket } = await sendConnect(other.port, target);
    socket.end(await helloOf({ servername: 'localhost' }));
    const [answer] = (await once(socket.resume(), 'data')) as [Buffer];
    expect(answer.toString()).toBe('all of it');
    await once(socket, 'close');
    await expectRecord(other, 'outcome', { result: 'success', bytesReceived: 9 });
    server.close();
  });

  it('is the same when its TLS comes unasked', async () => {
    await expect(openTls({ port: gateway.port }, { servername: 'a.tunnels.test' })).rejects.toThrow(/access denied/u);
    await expectRecord(gateway, 'refusal', {
      fault: 'policy-block',
      request: { entry: 'captured', url: 'a.tunnels.test:443' },
      actions: [{ type: 'connect', target: 'a.tunnels.test:443' }],
    });
  });

  it('is opened on every port and name that is not listed', async () => {
    for (const [target, servername] of [
      ['localhost:9', 'localhost'],
      ['tunnels.test:443', 'tunnels.test'],
    ] as const) {
      const before = await sendConnect(gateway.port, target);
      await expect(openTls({ socket: before.socket }, { servername, ca: authority.cert })).rejects.toThrow(
        /signed|issuer/u,
      );
    }
  });
});

describe('the list of tunnels', () => {
  it.each(['"*"', '"*.com"', '"https://api.example.com"', '"api.example.com:0"', '"*.10.0.0.1"'])(
    'may not hold %s',
    async (host) => {
      const config = `tunnel: [${host}]`;
      await expect(startGatewayProcess({ policy: policy(1), config })).rejects.toThrow(/expected HOST, HOST:PORT/u);
    },
  );
});
