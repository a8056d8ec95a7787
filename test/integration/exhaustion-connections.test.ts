import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { throughProxy } from '../support/agent.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { all, expectServed, refusalsOf, strainOf } from '../support/strain.ts';
import { openTls, sendConnect } from '../support/tunnel.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { parseAnswer } from '../support/wire.ts';

const ALLOW_ALL = 'version: "1"\nrules:\n  - {name: everything, risk_level: low, approval: auto}\n';
/** Fewer than the 400 that may be open, so that there is room for others. */
const MANY = 300;
const CONNECTIONS = 400;
/** What so many sockets may cost in memory: 300 of them, with their TLS, and garbage that was not collected yet. */
const MOST_GROWN_MIB = 150;

let upstream: HttpUpstream;
let gateway: GatewayProcess;
beforeAll(async () => {
  upstream = await startHttpUpstream();
  gateway = await startGatewayProcess({
    policy: ALLOW_ALL,
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nlimits: {headers_timeout: 2s, connections: ${CONNECTIONS}}`,
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** Sends a first piece, then a byte now and then until the other side closes; what was received. */
async function trickle(socket: Socket, first: Buffer, rest: Buffer): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1'))).resume();
  socket.on('error', () => undefined);
  const closed = new Promise<void>((done) => socket.once('close', () => done()));
  if (first.length > 0) socket.write(first);
  for (const byte of rest) {
    if (!socket.writable) break;
    socket.write(Buffer.of(byte));
    await sleep(200);
  }
  await closed;
  return text;
}

async function dial(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: gateway.port });
  await once(socket, 'connect');
  return socket;
}

const strain = async (attack: () => Promise<unknown>): ReturnType<typeof strainOf> =>
  await strainOf(gateway, `${upstream.origin}/other`, attack);
const HEAD = Buffer.from('GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n');
const CONNECT_HEAD = Buffer.from('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n');
const SLOW = Buffer.from(`X-Slow: ${'y'.repeat(200)}`);

describe('slowloris', () => {
  it.each([
    ['that trickle a head', HEAD],
    ['that trickle a CONNECT', CONNECT_HEAD],
  ])(`%s, ${MANY} at a time, are answered 408 and counted, and others are served`, async (_what, head) => {
    const answers: string[] = [];
    const found = await strain(async () => {
      answers.push(...(await all(MANY, async () => await trickle(await dial(), head, SLOW))));
    });
    const codes = answers.map((text) => (JSON.parse(parseAnswer(text).body) as { code: string }).code);
    expect(new Set(codes)).toEqual(new Set(['request-timeout']));
    expect(found.counted(refusalsOf('request-timeout'))).toBe(MANY);
    expectServed(found, MOST_GROWN_MIB);
  });

  it(`that say nothing, ${MANY} at a time, are cut and counted`, async () => {
    const found = await strain(async () => {
      expect(new Set(await all(MANY, async () => await trickle(await dial(), Buffer.of(), Buffer.of())))).toEqual(
        new Set(['']),
      );
    });
    expect(found.counted('aegis_connections_cut_total{reason="silent"}')).toBe(MANY);
    expectServed(found, MOST_GROWN_MIB);
  });

  it(`that say nothing inside a CONNECT, ${MANY} at a time, are cut and counted`, async () => {
    const found = await strain(async () => {
      await all(MANY, async (index) => {
        const { socket, answer } = await sendConnect(gateway.port, `h${index}.example:443`);
        expect(answer.status).toBe(200);
        await trickle(socket, Buffer.of(), Buffer.of());
      });
    });
    expect(found.counted('aegis_connections_cut_total{reason="silent"}')).toBe(MANY);
    expectServed(found, MOST_GROWN_MIB);
  });

  it.each([
    ['of their own', async () => await dial()],
    ['inside a CONNECT', async () => (await sendConnect(gateway.port, 'example.com:443')).socket],
  ])(`that trickle a TLS hello %s, ${MANY} at a time, get an alert and are counted`, async (_where, open) => {
    // A record and a hello that announce more than ever comes.
    const hello = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
    const found = await strain(async () => {
      const answers = await all(MANY, async () => await trickle(await open(), hello, Buffer.alloc(50)));
      expect(new Set(answers.map((text) => text.charCodeAt(0)))).toEqual(new Set([0x15]));
    });
    expect(found.counted(refusalsOf('request-timeout'))).toBe(MANY);
    expectServed(found, MOST_GROWN_MIB);
  });

  it('that open TLS and say nothing inside, 100 at a time, are cut and counted', async () => {
    const ca = await readFile(join(gateway.dataDir, 'agent', 'ca.pem'), 'utf8');
    const found = await strain(async () => {
      await all(100, async () => {
        const { socket } = await sendConnect(gateway.port, 'example.com:443');
        const tls = await openTls({ socket }, { servername: 'example.com', ca });
        await trickle(tls, Buffer.of(), Buffer.of());
      });
    });
    expect(found.counted('aegis_connections_cut_total{reason="silent"}')).toBe(100);
    expectServed(found, MOST_GROWN_MIB);
  });
});

describe('a flood of connections', () => {
  it('is refused beyond the limit, cut beyond that, and both are counted; there is room again when it is over', async () => {
    const sockets: Socket[] = [];
    const ends = { refused: 0, cut: 0 };
    for (let index = 0; index < 1_000; index += 1) {
      const socket = connect({ host: '127.0.0.1', port: gateway.port });
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (text.includes('"too-many-connections"')) ends.refused += 1;
        else ends.cut += 1;
      });
      sockets.push(socket);
    }
    await expect.poll(() => ends.refused + ends.cut, { timeout: 20_000 }).toBeGreaterThanOrEqual(1_000 - CONNECTIONS);
    expect(ends.refused).toBeGreaterThan(0);
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(async () => (await throughProxy(gateway.port, `${upstream.origin}/after`)).status, { timeout: 20_000 })
      .toBe(200);
    const text = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
    expect(Number(/too-many-connections"\} (\d+)/u.exec(text)?.[1])).toBeGreaterThanOrEqual(ends.refused);
  });
});
