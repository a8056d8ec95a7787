import { afterAll, describe, expect, it } from 'vitest';
import { TestAuthority } from './certificates.ts';
import { destination, Gateway, RawClient, Recorder, tcpServer, tlsServer } from './support.ts';

const authority = new TestAuthority();
afterAll(() => authority[Symbol.dispose]());

const POST = ['POST /x HTTP/1.1', ['Content-Length: 2'], '{}'] as const;
const here = { lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) };

describe.each(['buffered', 'streamed'] as const)('TLS to the upstream, %s', (body) => {
  it('is spoken with a server whose certificate names the host, and the name is sent', async () => {
    const recorder = new Recorder();
    const names: (string | boolean)[] = [];
    const pair = authority.issue('DNS:api.test');
    await using upstream = await tlsServer(
      {
        ...pair,
        SNICallback: (name, callback) => {
          names.push(name);
          callback(null);
        },
      },
      recorder.listener,
    );
    const to = destination(upstream.port, 'api.test', 'https');
    await using gateway = await Gateway.start({ to, body, world: here, settings: { extraCa: [authority.cert] } });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('done');
    expect(recorder.requests[0]?.rawHeaders).toContain(`api.test:${upstream.port}`);
    expect(names).toEqual(['api.test']);
  });

  it('is checked against the address where the host is one', async () => {
    const recorder = new Recorder();
    await using upstream = await tlsServer(authority.issue('IP:127.0.0.1'), recorder.listener);
    const to = destination(upstream.port, '127.0.0.1', 'https');
    await using gateway = await Gateway.start({ to, body, settings: { extraCa: [authority.cert] } });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('done');
    expect(recorder.requests).toHaveLength(1);
  });

  it.each([
    [
      'an expired certificate',
      () => authority.issue('DNS:api.test', { from: '20200101000000Z', to: '20210101000000Z' }),
      'expired',
    ],
    [
      'a certificate that is not valid yet',
      () => authority.issue('DNS:api.test', { from: '20900101000000Z', to: '20910101000000Z' }),
      'not valid yet',
    ],
    ['a certificate for another name', () => authority.issue('DNS:other.test'), 'another name'],
    ['a certificate that it signed itself', () => authority.selfSigned('DNS:api.test'), 'unknown authority'],
  ])('with %s is refused, and nothing is sent', async (_name, pair, reason) => {
    const recorder = new Recorder();
    await using upstream = await tlsServer(pair(), recorder.listener);
    const to = destination(upstream.port, 'api.test', 'https');
    await using gateway = await Gateway.start({ to, body, world: here, settings: { extraCa: [authority.cert] } });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('tag:aegis.dev,2026:fault:upstream-tls');
    const outcome = await gateway.next();
    expect(outcome).toMatchObject({ result: 'not-sent', fault: { code: 'upstream-tls' } });
    expect(outcome.fault?.detail).toContain(reason);
    expect(recorder.requests).toEqual([]);
  });

  it('does not trust an authority that is not configured', async () => {
    const recorder = new Recorder();
    await using upstream = await tlsServer(authority.issue('DNS:api.test'), recorder.listener);
    await using gateway = await Gateway.start({
      to: destination(upstream.port, 'api.test', 'https'),
      body,
      world: here,
    });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('tag:aegis.dev,2026:fault:upstream-tls');
    expect((await gateway.next()).fault?.detail).toContain('unknown authority');
  });

  it('below version 1.2 is refused', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await using upstream = await tlsServer({ ...authority.issue('DNS:api.test'), ...old }, () => undefined);
    const to = destination(upstream.port, 'api.test', 'https');
    await using gateway = await Gateway.start({ to, body, world: here, settings: { extraCa: [authority.cert] } });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('tag:aegis.dev,2026:fault:upstream-tls');
    expect((await gateway.next()).fault?.detail).toMatch(/no TLS version from 1.2 on/u);
  });

  it('is never given up for plain HTTP', async () => {
    const received: string[] = [];
    await using upstream = await tcpServer((socket) => {
      socket.on('data', (chunk) => {
        received.push(chunk.toString('latin1'));
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port, '127.0.0.1', 'https'), body });
    using client = new RawClient(gateway.port);
    client.request(...POST);
    await client.until('tag:aegis.dev,2026:fault:upstream-tls');
    expect(await gateway.next()).toMatchObject({ result: 'not-sent' });
    expect(received).toHaveLength(1);
    expect(received.join('')).not.toContain('POST');
  });

  it('is verified whatever the environment says', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await using upstream = await tlsServer(authority.selfSigned('DNS:api.test'), () => undefined);
      await using gateway = await Gateway.start({
        to: destination(upstream.port, 'api.test', 'https'),
        body,
        world: here,
      });
      using client = new RawClient(gateway.port);
      client.request(...POST);
      await client.until('tag:aegis.dev,2026:fault:upstream-tls');
      expect(await gateway.next()).toMatchObject({ result: 'not-sent' });
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
  });
});

it.each([
  ['', 'found none'],
  ['-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n', 'PEM'],
])('the extra authority %j is refused at start', async (bad, problem) => {
  await expect(Gateway.start({ to: destination(1), body: 'buffered', settings: { extraCa: [bad] } })).rejects.toThrow(
    problem,
  );
});
