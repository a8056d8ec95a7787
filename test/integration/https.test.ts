import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { expectRecord, journalOf } from '../support/audit-trail.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { helloOf } from '../support/hello.ts';
import { callOn, type CallAnswer } from '../support/tls-call.ts';
import { openTls, sendConnect, tlsThrough } from '../support/tunnel.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { TestAuthority } from '../unit/forward/certificates.ts';

const run = promisify(execFile);
const POLICY = `version: "1"
rules:
  - {name: no-deletes, match: {type: delete}, risk_level: critical, approval: block}
  - {name: rest, risk_level: low, approval: auto}
`;

const authority = new TestAuthority();
const mounted = new TestAuthority();
let upstream: HttpUpstream;
let gateway: GatewayProcess;
let ca: string;

beforeAll(async () => {
  upstream = await startHttpUpstream(undefined, authority.issue('DNS:localhost,IP:127.0.0.1'));
  gateway = await startGatewayProcess({
    policy: POLICY,
    files: { 'upstream-ca.pem': authority.cert },
    config: [
      `upstream: {allow: ["localhost:${upstream.port}", "127.0.0.1:${upstream.port}"], ca_files: [upstream-ca.pem]}`,
      'limits: {headers_timeout: 2s}',
    ].join('\n'),
  });
  ca = await readFile(join(gateway.dataDir, 'agent', 'ca.pem'), 'utf8');
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
  mounted[Symbol.dispose]();
});

const codeOf = ({ text }: CallAnswer): unknown => (JSON.parse(text) as { readonly code?: unknown }).code;
const here = (): string => `localhost:${upstream.port}`;

describe('a CONNECT', () => {
  it('is opened, and what is inside is judged request by request', async () => {
    const before = upstream.seen.length;
    expect(await callOn(await tlsThrough(gateway.port, here(), { servername: 'localhost', ca }), here())).toEqual({
      status: 200,
      text: '{"ok":true}',
    });
    const blocked = await callOn(await tlsThrough(gateway.port, here(), { servername: 'localhost', ca }), here(), {
      method: 'DELETE',
    });
    expect([blocked.status, codeOf(blocked)]).toEqual([403, 'policy-block']);
    expect(upstream.seen.length - before).toBe(1);
    await expectRecord(gateway, 'refusal', {
      fault: 'policy-block',
      request: { entry: 'connect', url: `https://${here()}/orders`, method: 'DELETE' },
    });
  });

  it('is shown a certificate for exactly its host, name or address, signed by the CA in the file', async () => {
    const names: (string | undefined)[] = [];
    for (const [host, servername] of [
      ['localhost', 'localhost'],
      ['api.example.com', 'API.example.com'],
      ['192.0.2.7', ''],
      ['[2001:db8::7]', ''],
    ] as const) {
      const tls = await tlsThrough(gateway.port, `${host}:443`, {
        servername,
        ca,
        host: host.replaceAll(/[[\]]/gu, ''),
      });
      names.push(tls.getPeerCertificate().subjectaltname);
      expect(tls.authorized).toBe(true);
      expect(tls.alpnProtocol).toBe(false);
      tls.destroy();
    }
    expect(names).toEqual([
      'DNS:localhost',
      'DNS:api.example.com',
      'IP Address:192.0.2.7',
      'IP Address:2001:DB8:0:0:0:0:0:7',
    ]);
  });

  it('may hold plain HTTP, which is judged like everything else', async () => {
    const { socket } = await sendConnect(gateway.port, '127.0.0.1:9');
    const answer = await callOn(socket, '127.0.0.1:9');
    expect(codeOf(answer)).toBe('upstream-address-refused');
    await expectRecord(gateway, 'intent', { request: { entry: 'connect', url: 'http://127.0.0.1:9/orders' } });
  });

  it.each([
    ['no port', 'localhost', [], 'bad-host'],
    ['an octal address', '0177.0.0.1:443', [], 'bad-host'],
    ['a decimal address', '2130706433:443', [], 'bad-host'],
    ['an IPv4 address inside IPv6', '[::ffff:127.0.0.1]:443', [], 'bad-host'],
    ['a user name', 'user@localhost:443', [], 'bad-host'],
    ['port 0', 'localhost:0', [], 'bad-host'],
    ['another Host', 'localhost:443', ['Host: evil.example:443'], 'conflicting-host'],
    ['another port in Host', 'localhost:443', ['Host: localhost:444'], 'conflicting-host'],
    ['a body', 'localhost:443', ['Content-Length: 5'], 'conflicting-framing'],
    ['a body in chunks', 'localhost:443', ['Transfer-Encoding: chunked'], 'conflicting-framing'],
    ['two Hosts', 'localhost:443', ['Host: localhost:443', 'Host: localhost:443'], 'conflicting-host'],
  ] as const)('with %s is refused', async (_, target, fields, code) => {
    const { answer, socket } = await sendConnect(gateway.port, target, fields);
    socket.destroy();
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([400, { code }]);
    await expectRecord(gateway, 'refusal', { fault: code, request: { entry: 'connect', method: 'CONNECT' } });
  });

  it('inside another is refused (fault:connect-unsupported)', async () => {
    const tls = await tlsThrough(gateway.port, here(), { servername: 'localhost', ca });
    tls.write('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n');
    const [chunk] = (await once(tls, 'data')) as [Buffer];
    expect(chunk.toString()).toContain('connect-unsupported');
    tls.destroy();
  });

  it('that the Host inside contradicts is refused', async () => {
    const before = upstream.connections();
    const tls = await tlsThrough(gateway.port, here(), { servername: 'localhost', ca });
    const answer = await callOn(tls, `evil.example:${upstream.port}`);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'conflicting-host']);
    expect(upstream.connections()).toBe(before);
  });

  it('that the TLS server name contradicts is refused before the handshake', async () => {
    const options = { servername: 'evil.example', ca };
    await expect(tlsThrough(gateway.port, here(), options)).rejects.toThrow(/unrecognized name/u);
    await expectRecord(gateway, 'refusal', { fault: 'conflicting-host', request: { entry: 'connect', url: here() } });
  });

  it('to an address that is not listed is refused inside, where the client can read why', async () => {
    for (const target of ['127.0.0.1:9', '169.254.169.254:443', '[::1]:443']) {
      const [host = ''] = target.split(/:(?=\d+$)/u);
      const tls = await tlsThrough(gateway.port, target, { servername: '', host: host.replaceAll(/[[\]]/gu, ''), ca });
      expect(codeOf(await callOn(tls, target))).toBe('upstream-address-refused');
    }
  });

  it('to an upstream whose certificate cannot be verified is refused', async () => {
    await using other = await startHttpUpstream(undefined, authority.selfSigned('DNS:localhost'));
    await using strict = await startGatewayProcess({
      policy: POLICY,
      config: `upstream: {allow: ["localhost:${other.port}"]}`,
    });
    const own = await readFile(join(strict.dataDir, 'agent', 'ca.pem'), 'utf8');
    const target = `localhost:${other.port}`;
    const answer = await callOn(await tlsThrough(strict.port, target, { servername: 'localhost', ca: own }), target);
    expect([answer.status, codeOf(answer)]).toEqual([502, 'upstream-tls']);
    expect(other.seen).toEqual([]);
  });

  it('carries a WebSocket', async () => {
    const server = new WebSocketServer({ server: upstream.server });
    server.on('connection', (socket) => socket.on('message', (text) => socket.send(`echo ${String(text)}`)));
    const tls = await tlsThrough(gateway.port, here(), { servername: 'localhost', ca });
    const client = new WebSocket(`wss://${here()}/live`, { createConnection: () => tls });
    await once(client, 'open');
    client.send('hello');
    const [message] = (await once(client, 'message')) as [Buffer];
    expect(String(message)).toBe('echo hello');
    client.close();
    await once(client, 'close');
    server.close();
  });
});

describe('TLS that comes unasked', () => {
  it('goes where its server name says', async () => {
    const answer = await callOn(await openTls({ port: gateway.port }, { servername: 'localhost', ca }), here());
    expect(answer.status).toBe(200);
    await expectRecord(gateway, 'intent', { request: { entry: 'captured', url: `https://${here()}/orders` } });
  });

  it('is refused where Host says something else', async () => {
    const tls = await openTls({ port: gateway.port }, { servername: 'localhost', ca });
    expect(codeOf(await callOn(tls, 'evil.example'))).toBe('conflicting-host');
  });

  it('is refused without a server name', async () => {
    await expect(openTls({ port: gateway.port }, { servername: '', ca })).rejects.toThrow(/unrecognized name/u);
    await expectRecord(gateway, 'refusal', { fault: 'bad-host', request: { entry: 'captured' } });
  });

  it('is refused when it is no TLS after all', async () => {
    const { socket } = await sendConnect(gateway.port, here());
    socket.write(Buffer.from('\x16HTTP/1.1 is what this is not', 'latin1'));
    await Promise.race([once(socket.resume(), 'end'), once(socket, 'close')]);
    socket.destroy();
    await expectRecord(gateway, 'refusal', { fault: 'malformed-request' });
  });
});

describe('a client that does not get through its handshake (fault:client-tls)', () => {
  const failures = async (failure: string): Promise<number> => {
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
    return Number(
      new RegExp(`client_tls_failures_total\\{failure="${failure}"\\} (\\d+)`, 'u').exec(metrics)?.[1] ?? 0,
    );
  };

  it('since it does not trust the CA, is named in log, metrics and audit trail', async () => {
    const before = await failures('unknown-ca');
    const proxy = `http://127.0.0.1:${gateway.port}`;
    const flags = ['-sS', '--noproxy', '', '-x', proxy, '--cacert', join(gateway.folder, 'upstream-ca.pem')];
    await expect(run('curl', [...flags, 'https://api.example.com/'])).rejects.toMatchObject({ code: 60 });
    await expect.poll(async () => await failures('unknown-ca')).toBe(before + 1);
    await expectRecord(gateway, 'refusal', {
      fault: 'client-tls',
      detail: expect.stringContaining('does not trust the certificate of the gateway') as string,
      request: { entry: 'connect', url: 'api.example.com:443' },
    });
    const line = gateway.log.findLast(({ event }) => event === 'intercept.client-tls-failed');
    expect(line).toMatchObject({ failure: 'unknown-ca', host: 'api.example.com', client: '127.0.0.1' });
    expect(line?.['advice']).toContain('aegis-gateway env');
  });

  it.each([
    [42, 'bad-certificate'],
    [45, 'certificate-expired'],
    [46, 'certificate-unknown'],
    [48, 'unknown-ca'],
    [40, 'other'],
    [80, 'other'],
  ] as const)('since it sends the alert %i, is counted as %s', async (alert, failure) => {
    const before = await failures(failure);
    const { socket } = await sendConnect(gateway.port, here());
    socket.write(await helloOf({ servername: 'localhost', maxVersion: 'TLSv1.2' }));
    await once(socket.resume(), 'data');
    socket.write(Buffer.from([0x15, 3, 3, 0, 2, 2, alert]));
    await expect.poll(async () => await failures(failure)).toBe(before + 1);
    socket.destroy();
  });

  it('since it speaks HTTP/2 only, is told so by an alert', async () => {
    const before = await failures('no-common-protocol');
    const options = { servername: 'localhost', ca, ALPNProtocols: ['h2'] };
    await expect(tlsThrough(gateway.port, here(), options)).rejects.toThrow(/no application protocol/u);
    await expect.poll(async () => await failures('no-common-protocol')).toBe(before + 1);
  });

  it('is answered in HTTP/1.1 where it offers both', async () => {
    const options = { servername: 'localhost', ca, ALPNProtocols: ['h2', 'http/1.1'] };
    const tls = await tlsThrough(gateway.port, here(), options);
    expect(tls.alpnProtocol).toBe('http/1.1');
    tls.destroy();
  });

  it('since it says nothing more, is cut', async () => {
    const { socket } = await sendConnect(gateway.port, here());
    socket.resume();
    await once(socket, 'close');
  });
});

describe('the files of the agent', () => {
  it('can be read by everybody and hold no key', async () => {
    for (const name of ['ca.pem', 'ca-bundle.pem', 'truststore.p12', 'env.sh']) {
      const file = join(gateway.dataDir, 'agent', name);
      expect([name, ((await stat(file)).mode & 0o777).toString(8)]).toEqual([name, '644']);
      expect(await readFile(file, 'latin1')).not.toMatch(/PRIVATE/u);
    }
  });

  it('are named by aegis-gateway env', async () => {
    const { stdout, code } = await gateway.cli('env');
    expect(code).toBe(0);
    expect(stdout).toContain(`export HTTPS_PROXY='http://127.0.0.1:${gateway.port}'\n`);
    const { stdout: bundle } = await run('sh', ['-c', `${stdout}\nprintf %s "$SSL_CERT_FILE"`]);
    expect(await readFile(bundle, 'utf8')).toContain(ca.trim());
  });
});

describe('a CA from files', () => {
  it.each(['ec', 'rsa'])('with a key of the kind %s signs what the agent is shown', async (kind) => {
    const { key, cert } = mounted.authority(kind);
    await using other = await startGatewayProcess({
      policy: POLICY,
      files: { 'ca.crt': cert, 'ca.key': key, 'upstream-ca.pem': authority.cert },
      config: [
        'tls: {ca_cert_file: ca.crt, ca_key_file: ca.key}',
        `upstream: {allow: ["localhost:${upstream.port}"], ca_files: [upstream-ca.pem]}`,
      ].join('\n'),
    });
    const tls = await tlsThrough(other.port, here(), { servername: 'localhost', ca: cert });
    expect((await callOn(tls, here())).status).toBe(200);
    // It was made for two days.
    expect(await other.logged('tls.ca-ends-soon')).toMatchObject({ level: 'warn', file: join(other.folder, 'ca.crt') });
    const written = await readFile(join(other.dataDir, 'agent', 'ca.pem'), 'utf8');
    expect(written.trim()).toBe(cert.trim());
  });

  it('that is below another is shown with all that vouches for it, to clients that know only the root', async () => {
    const { key, cert } = mounted.intermediate();
    await using other = await startGatewayProcess({
      policy: POLICY,
      files: { 'ca.crt': `${mounted.cert}${cert}`, 'ca.key': key },
      config: 'tls: {ca_cert_file: ca.crt, ca_key_file: ca.key}',
    });
    const tls = await tlsThrough(other.port, 'a.example:443', { servername: 'a.example', ca: mounted.cert });
    expect(tls.authorized).toBe(true);
    tls.destroy();
    const bundle = await readFile(join(other.dataDir, 'agent', 'ca-bundle.pem'), 'utf8');
    for (const one of [cert, mounted.cert]) expect(bundle).toContain(one.trim());
  });

  it('that does not fit its key stops the start', async () => {
    const files = { 'ca.crt': mounted.authority('ec').cert, 'ca.key': mounted.authority('ec').key };
    const config = 'tls: {ca_cert_file: ca.crt, ca_key_file: ca.key}';
    await expect(startGatewayProcess({ policy: POLICY, files, config })).rejects.toThrow(
      /the key of the CA certificate/u,
    );
  });
});

describe('an agent that invents hosts', () => {
  it('is held to a rate, and hosts that are known go on (fault:too-many-certificates)', async () => {
    const callKnown = async (): Promise<number> =>
      (await callOn(await tlsThrough(gateway.port, here(), { servername: 'localhost', ca }), here())).status;
    expect(await callKnown()).toBe(200);
    // Many at a time, and nothing but hellos: a client that shakes hands on a busy machine is slower than the rate.
    const hosts = Array.from({ length: 500 }, (_, index) => `host-${String(index).padStart(3, '0')}.example`);
    const hello = await helloOf({ servername: hosts[0] ?? '' });
    const at = hello.indexOf(hosts[0] ?? '');
    // What is cut before it is answered ends with that.
    const signal = AbortSignal.timeout(20_000);
    const firstByte = async (host: string): Promise<number | undefined> => {
      const { socket } = await sendConnect(gateway.port, `${host}:443`);
      const own = Buffer.from(hello);
      own.write(host, at, 'latin1');
      socket.resume().write(own);
      const [bytes] = (await once(socket, 'data', { signal })) as [Buffer];
      socket.destroy();
      return bytes[0];
    };
    const firstBytes = (await Promise.allSettled(hosts.map(firstByte))).map((one) =>
      one.status === 'fulfilled' ? one.value : null,
    );
    const refused = firstBytes.filter((byte) => byte === 0x15).length;
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThan(500 - 100);
    expect(await callKnown()).toBe(200);
    const codes = async (): Promise<number> =>
      (await journalOf(gateway)).filter(({ fault }) => fault === 'too-many-certificates').length;
    await expect.poll(codes, { timeout: 10_000 }).toBeGreaterThanOrEqual(refused);
  }, 60_000);
});
