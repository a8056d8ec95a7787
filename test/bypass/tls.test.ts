import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, codeOf } from '../support/ask.ts';
import { expectRecord } from '../support/audit-trail.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { helloOf, inRecordsOf, padded, withExtension } from '../support/hello.ts';
import { openTls, sendConnect, tlsThrough } from '../support/tunnel.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { WireClient } from '../support/wire-client.ts';
import { TestAuthority } from '../unit/forward/certificates.ts';

/*
 * What a hostile agent may try with TLS and CONNECT, against the real port.
 */

const POLICY = `version: "1"
rules:
  - {name: no-deletes, match: {type: delete}, risk_level: critical, approval: block}
  - {name: rest, risk_level: low, approval: auto}
`;
const authority = new TestAuthority();
let upstream: HttpUpstream;
let gateway: GatewayProcess;
let ca: string;

beforeAll(async () => {
  upstream = await startHttpUpstream((request, response) => {
    // What its client does not wait for is not answered before that is seen.
    if (request.url !== '/half') response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
  }, authority.issue('DNS:localhost'));
  const { port } = upstream;
  gateway = await startGatewayProcess({
    policy: POLICY,
    files: { 'upstream-ca.pem': authority.cert },
    config: [
      `upstream: {allow: ["localhost:${port}", "127.0.0.1:${port}"], ca_files: [upstream-ca.pem]}`,
      `tunnel: ["127.0.0.1:${port}", "tunnel.example"]`,
      'limits: {headers_timeout: 1s}',
    ].join('\n'),
  });
  ca = await readFile(join(gateway.dataDir, 'agent', 'ca.pem'), 'utf8');
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
});

const here = (): string => `localhost:${upstream.port}`;
const inside = async (options: object = {}): Promise<TLSSocket> =>
  await tlsThrough(gateway.port, here(), { servername: 'localhost', ca, ...options });

/** The first bytes that come back on a socket, or nothing where it is closed. */
async function firstOf(socket: Socket): Promise<Buffer> {
  const closed = once(socket, 'close').then(() => [Buffer.alloc(0)]);
  const [bytes] = (await Promise.race([once(socket.resume(), 'data'), closed])) as [Buffer];
  socket.destroy();
  return bytes;
}

/** Whether the bytes are a TLS record that holds a server's hello. */
const isServerHello = (bytes: Buffer): boolean => bytes[0] === 0x16 && bytes[5] === 2;
const isAlert = (bytes: Buffer): boolean => bytes[0] === 0x15;

describe('a TLS hello', () => {
  it('may come byte by byte', async () => {
    const { socket } = await sendConnect(gateway.port, here());
    socket.setNoDelay();
    for (const byte of await helloOf({ servername: 'localhost' })) {
      socket.write(Uint8Array.of(byte));
      await new Promise((done) => setImmediate(done));
    }
    expect(isServerHello(await firstOf(socket))).toBe(true);
  });

  it.each([64, 200, 1_000])('may come in records of %i bytes', async (bytes) => {
    const { socket } = await sendConnect(gateway.port, here());
    socket.write(inRecordsOf(await helloOf({ servername: 'localhost' }), bytes));
    expect(isServerHello(await firstOf(socket))).toBe(true);
  });

  it('of another host is found in records of one byte each, and refused', async () => {
    const { socket } = await sendConnect(gateway.port, here());
    socket.write(inRecordsOf(await helloOf({ servername: 'evil.example' }), 1));
    expect(isAlert(await firstOf(socket))).toBe(true);
    await expectRecord(gateway, 'refusal', { fault: 'conflicting-host' });
  });

  it('may be larger than a record', async () => {
    const { socket } = await sendConnect(gateway.port, here());
    socket.write(padded(await helloOf({ servername: 'localhost' }), 20_000));
    expect(isServerHello(await firstOf(socket))).toBe(true);
  });

  it('without end is refused', async () => {
    const { socket } = await sendConnect(gateway.port, here());
    socket.write(padded(await helloOf({ servername: 'localhost' }), 40_000));
    expect(isServerHello(await firstOf(socket))).toBe(false);
    await expectRecord(gateway, 'refusal', { fault: 'malformed-request' });
  });

  it.each([
    ['GREASE', 0x0a0a, Buffer.from([0])],
    // An outer hello of Encrypted Client Hello: the gateway has no key for what is inside and takes the outer name.
    ['Encrypted Client Hello', 0xfe0d, Buffer.from(`0000010001070020${'aa'.repeat(32)}0010${'bb'.repeat(16)}`, 'hex')],
  ])('with %s is taken by its outer name', async (_, type, data) => {
    const { socket } = await sendConnect(gateway.port, here());
    socket.write(withExtension(await helloOf({ servername: 'localhost' }), type, data));
    expect(isServerHello(await firstOf(socket))).toBe(true);
    const other = await sendConnect(gateway.port, here());
    other.socket.write(withExtension(await helloOf({ servername: 'evil.example' }), type, data));
    expect(isAlert(await firstOf(other.socket))).toBe(true);
  });

  it('with two server names is refused', async () => {
    const { socket } = await sendConnect(gateway.port, here());
    const name = Buffer.from('evil.example');
    const second = Buffer.concat([Buffer.from([0, name.length + 3, 0, 0, name.length]), name]);
    socket.write(withExtension(await helloOf({ servername: 'localhost' }), 0, second));
    expect(isAlert(await firstOf(socket))).toBe(true);
    await expectRecord(gateway, 'refusal', { fault: 'malformed-request' });
  });

  it.each([
    ['in upper case', 'LOCALHOST', true],
    ['with a trailing dot', 'localhost.', true],
    ['of a name below', 'a.localhost', false],
    ['with a wildcard', '*.localhost', false],
    ['beyond ASCII', 'löcalhost', false],
    ['of 255 bytes', `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}`, false],
    ['of a label of 64', `${'a'.repeat(64)}.example`, false],
    ['with a line end', 'localhost\r\nx: y', false],
    ['with a space behind', 'localhost ', false],
    ['that is an address', '127.0.0.1', false],
  ])('with a server name %s is held to the host of CONNECT', async (_, servername, agrees) => {
    const { socket } = await sendConnect(gateway.port, here());
    const placeholder = 'x'.repeat(Buffer.byteLength(servername, 'latin1'));
    const hello = await helloOf({ servername: placeholder });
    hello.write(servername, hello.indexOf(placeholder), 'latin1');
    socket.write(hello);
    expect(isServerHello(await firstOf(socket))).toBe(agrees);
  });

  it('of a version below 1.2 is refused, and counted as that', async () => {
    const { socket } = await sendConnect(gateway.port, here());
    const hello = await helloOf({ servername: 'localhost', maxVersion: 'TLSv1.2' });
    // The version that a hello of TLS 1.2 and below offers (RFC 5246 section 7.4.1.2).
    hello[10] = 1;
    socket.write(hello);
    expect(isAlert(await firstOf(socket))).toBe(true);
    await expectRecord(gateway, 'refusal', {
      fault: 'client-tls',
      detail: 'the client offers no TLS version from 1.2 on',
    });
  });

  it('with protocols that nobody speaks here is told so', async () => {
    await expect(inside({ ALPNProtocols: ['h2', 'spdy/3', 'acme-tls/1'] })).rejects.toThrow(/no application protocol/u);
  });
});

describe('a TLS session', () => {
  it('of one host is not resumed for another', async () => {
    const options = { ca, maxVersion: 'TLSv1.2' } as const;
    const first = await tlsThrough(gateway.port, 'a.example:443', { ...options, servername: 'a.example' });
    const session = first.getSession();
    first.destroy();
    const given = { ...options, ...(session === undefined ? {} : { session }) };
    const again = await tlsThrough(gateway.port, 'a.example:443', { ...given, servername: 'a.example' });
    const other = await tlsThrough(gateway.port, 'b.example:443', { ...given, servername: 'b.example' });
    expect([again.isSessionReused(), other.isSessionReused()]).toEqual([true, false]);
    expect(other.getPeerCertificate().subjectaltname).toBe('DNS:b.example');
    again.destroy();
    other.destroy();
  });

  it('is not negotiated anew', async () => {
    const tls = await inside({ maxVersion: 'TLSv1.2' });
    tls.on('error', () => undefined);
    tls.resume();
    const outcome = await new Promise<Error | null>((done) => {
      tls.renegotiate({}, (error) => done(error));
      tls.once('close', () => done(new Error('closed')));
    });
    expect(outcome).not.toBeNull();
    tls.destroy();
  });
});

describe('a CONNECT', () => {
  it('whose hello comes with it is opened', async () => {
    using wire = await WireClient.open(gateway.port);
    wire.send(
      Buffer.concat([
        Buffer.from(`CONNECT ${here()} HTTP/1.1\r\nHost: ${here()}\r\n\r\n`),
        await helloOf({ servername: 'localhost' }),
      ]),
    );
    const text = await wire.until('\x16\x03\x03');
    expect(text.startsWith('HTTP/1.1 200 Connection Established\r\n\r\n\x16')).toBe(true);
  });

  it('to a tunnel, whose hello comes with it and names another host, reaches nobody', async () => {
    const before = upstream.seen.length;
    using wire = await WireClient.open(gateway.port);
    const target = `127.0.0.1:${upstream.port}`;
    wire.send(
      Buffer.concat([
        Buffer.from(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`),
        await helloOf({ servername: 'evil.example' }),
      ]),
    );
    expect(await wire.closed()).toBe('HTTP/1.1 200 Connection Established\r\n\r\n');
    await expectRecord(gateway, 'outcome', { result: 'not-sent', fault: 'conflicting-host', bytesSent: 0 });
    expect(upstream.seen.length).toBe(before);
  });

  it('whose request comes with it, in plain HTTP, is judged', async () => {
    using wire = await WireClient.open(gateway.port);
    wire.send(
      `CONNECT ${here()} HTTP/1.1\r\nHost: ${here()}\r\n\r\nDELETE /x HTTP/1.1\r\nHost: ${here()}\r\nConnection: close\r\n\r\n`,
    );
    expect(await wire.closed()).toContain('"code":"policy-block"');
  });

  it('may follow other requests on its connection', async () => {
    using wire = await WireClient.open(gateway.port);
    wire.send(`DELETE http://${here()}/x HTTP/1.1\r\nHost: ${here()}\r\n\r\n`);
    await wire.until('policy-block');
    wire.send(`CONNECT ${here()} HTTP/1.1\r\nHost: ${here()}\r\n\r\n`);
    expect(await wire.until('200 Connection Established\r\n\r\n')).toContain('policy-block');
  });

  it('behind a request that still runs is refused', async () => {
    using wire = await WireClient.open(gateway.port);
    wire.send(
      `DELETE http://${here()}/x HTTP/1.1\r\nHost: ${here()}\r\n\r\nCONNECT ${here()} HTTP/1.1\r\nHost: ${here()}\r\n\r\n`,
    );
    const text = await wire.closed();
    expect(text).toContain('policy-block');
    expect(text).not.toContain('Connection Established');
  });

  it.each([
    '*.example.com:443',
    `${'a'.repeat(64)}.example:443`,
    'a..example:443',
    '-a.example:443',
    'http://localhost:443',
    'localhost:443/path',
    'localhost:0443',
    'localhost:65536',
    'localhost:443:443',
    '[::1]',
    '[::1%25lo]:443',
    'xn--localhost-:443',
  ])('to %s is refused', async (target) => {
    const { answer, socket } = await sendConnect(gateway.port, target);
    socket.destroy();
    expect([answer.status, codeOf(answer.body)]).toEqual([400, 'bad-host']);
  });

  it.each([`a_b.${'c'.repeat(63)}.example`, `${`${'d'.repeat(59)}.`.repeat(4)}example`, 'xn--bcher-kva.example'])(
    'to %s gets a certificate that fits',
    async (host) => {
      const tls = await tlsThrough(gateway.port, `${host}:443`, { servername: host, ca });
      expect([tls.authorized, tls.getPeerCertificate().subjectaltname]).toEqual([true, `DNS:${host}`]);
      tls.destroy();
    },
  );
});

describe('a request inside TLS', () => {
  it.each([
    ['a URL of another host', () => `https://evil.example/x`],
    ['a URL of another scheme', () => `http://${here()}/x`],
    ['a URL of its own host', () => `https://${here()}/x`],
    ['a route', () => '/routes/none/x'],
    ['an authority', () => 'evil.example:443'],
    ['*', () => '*'],
  ])('with %s as its target goes nowhere else', async (name, target) => {
    const before = upstream.seen.length;
    const code = await ask({ on: await inside(), path: target(), host: here() });
    expect([name, code]).toEqual([name, name === 'a route' ? '200' : 'malformed-request']);
    expect(upstream.seen.slice(before).map(({ url }) => url)).toEqual(name === 'a route' ? ['/routes/none/x'] : []);
  });

  it.each([
    ['another port', () => `localhost:${upstream.port + 1}`],
    ['no port', () => 'localhost'],
    ['an address', () => `127.0.0.1:${upstream.port}`],
  ])('with %s in Host is refused', async (_, host) => {
    expect(await ask({ on: await inside(), path: '/x', host: host() })).toBe('conflicting-host');
  });

  it('that came unasked cannot name a tunnel, or loopback that is not listed', async () => {
    const tls = await openTls({ port: gateway.port }, { servername: 'localhost', ca });
    expect(await ask({ on: tls, path: '/x', host: 'localhost:9' })).toBe('upstream-address-refused');
    const other = await openTls({ port: gateway.port }, { servername: 'localhost', ca });
    expect(await ask({ on: other, path: '/x', host: 'tunnel.example' })).toBe('conflicting-host');
  });

  it('whose client ends its side is given up', async () => {
    const tls = await inside();
    tls.end(`GET /half HTTP/1.1\r\nHost: ${here()}\r\n\r\n`);
    await once(tls.resume(), 'close');
    await expectRecord(gateway, 'outcome', { fault: 'client-gone' });
  });
});

describe('a connection that nobody uses', () => {
  it('ends by itself, before TLS, in its hello, and behind it', async () => {
    const tls = await inside();
    await once(tls.resume(), 'close');
    const { socket } = await sendConnect(gateway.port, here());
    socket.write(Buffer.from([0x16]));
    await once(socket.resume(), 'close');
    await expectRecord(gateway, 'refusal', { fault: 'request-timeout', request: { entry: 'connect' } });
  });

  it('leaves nothing open, and neither did all of the above', async () => {
    const open = async (): Promise<string | undefined> => {
      const metrics = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
      return /^aegis_open_connections (\d+)$/mu.exec(metrics)?.[1];
    };
    await expect.poll(open, { timeout: 10_000 }).toBe('0');
  });
});
