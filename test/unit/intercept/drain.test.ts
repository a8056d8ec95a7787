import { describe, expect, it } from 'vitest';
import { createDataListener } from '../../../src/intercept/data-listener.ts';
import { NO_TLS, PATIENCE, SETTINGS, TestPort, answer, echo, gate, problemOf, startPort } from './port-fixture.ts';

const GET = 'GET http://tools.example/x HTTP/1.1\r\nHost: tools.example\r\n\r\n';
const LONG_MS = 10_000;

describe('draining', () => {
  it('accepts nothing more, and lets what runs come to its end with Connection: close', async () => {
    const { opened, open } = gate();
    await using port = await startPort(async (raw) => {
      await opened;
      answer(raw, 200, 'done');
    });
    using client = await port.connect();
    client.send(GET + GET);
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    const drained = port.listener.drain(LONG_MS);
    await expect(port.connect()).rejects.toThrow('ECONNREFUSED');
    open();
    await client.untilEnded();
    const [first] = await client.answers(1);
    expect([first?.body, first?.headers.get('connection')]).toEqual(['done', 'close']);
    client.socket.destroy();
    await drained;
    expect(port.listener.openConnections()).toBe(0);
  });

  it('ends connections that are idle or never spoke at once', async () => {
    await using port = await startPort();
    using idle = await port.connect();
    using mute = await port.connect();
    await idle.send(GET).answer();
    await expect.poll(() => port.listener.openConnections(), PATIENCE).toBe(2);
    await port.listener.drain(LONG_MS);
    await idle.untilClosed();
    await mute.untilClosed();
  });

  it('ends a connection whose last answer said keep-alive', async () => {
    const { opened, open } = gate();
    await using port = await startPort(async ({ client }) => {
      if (client.kind === 'http')
        client.response.writeHead(200, { 'Content-Length': 4, Connection: 'keep-alive' }).write('do');
      await opened;
      if (client.kind === 'http') client.response.end('ne');
    });
    using client = await port.connect();
    await client.send(GET).until((received) => received.endsWith('do'), 'half an answer');
    const drained = port.listener.drain(LONG_MS);
    open();
    expect(await client.untilEnded()).toMatch(/done$/u);
    await drained;
  });

  it('refuses requests that still arrive', async () => {
    await using port = await startPort();
    using client = await port.connect();
    client.send('GET http://tools.example/x HTTP/1.1\r\n');
    await expect.poll(() => client.socket.bytesWritten, PATIENCE).toBeGreaterThan(0);
    await expect.poll(() => port.listener.openConnections(), PATIENCE).toBe(1);
    // A second connection's answer shows that the bytes of the first have been read by now.
    using other = await port.connect();
    await other.send(GET).answer();
    const drained = port.listener.drain(LONG_MS);
    client.send('Host: tools.example\r\n\r\n');
    expect(problemOf(await client.answer())).toMatchObject({ code: 'draining', status: 503 });
    await client.untilEnded();
    client.socket.destroy();
    await drained;
    expect(port.refusals.map(({ fault, head }) => [fault.code, head?.target])).toEqual([
      ['draining', 'http://tools.example/x'],
    ]);
    expect(port.seen).toHaveLength(1);
  });

  it('cuts what is left at the deadline, and waits for it to be recorded', async () => {
    const ended: string[] = [];
    await using port = await startPort(async ({ signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      await new Promise(setImmediate);
      ended.push('recorded');
    });
    using client = await port.connect();
    client.send(GET);
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    await port.listener.drain(50);
    expect(ended).toEqual(['recorded']);
    await client.untilClosed();
  });

  it('cuts upgraded connections at the deadline', async () => {
    await using port = await startPort(async ({ client, signal }) => {
      if (client.kind === 'upgrade') client.socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    });
    using client = await port.connect();
    client.send('GET http://a/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await client.until((received) => received.includes('101'), 'the switch');
    await port.listener.drain(50);
    await client.untilClosed();
    expect(port.listener.openConnections()).toBe(0);
  });

  it('waits for refusals to be recorded', async () => {
    const recording = gate();
    const recorded: string[] = [];
    const listener = createDataListener(SETTINGS, echo, {
      tls: NO_TLS,
      clock: { now: () => 0, monotonic: () => 0 },
      log: { info: () => {}, warn: () => {}, error: () => {} },
      cut: () => undefined,
      refused: async ({ fault }) => {
        await recording.opened;
        recorded.push(fault.code);
      },
    });
    const port = new TestPort(echo, {});
    port.port = (await listener.listen()).port;
    using client = await port.connect();
    await client.send('BROKEN\r\n\r\n').answer();
    const drained = listener.drain(0);
    recording.open();
    await drained;
    expect(recorded).toEqual(['malformed-request']);
  });

  it('can be asked for twice, and before anything listens', async () => {
    const port = new TestPort(echo, {});
    await port.listener.drain(0);
    await port.listener.drain(0);
    await port[Symbol.asyncDispose]();
    expect(port.listener.openConnections()).toBe(0);
  });
});

describe('listening', () => {
  it('says where, on loopback', async () => {
    await using port = new TestPort(echo, {});
    expect(await port.listener.listen()).toEqual({ address: '127.0.0.1', port: expect.any(Number) });
  });

  it('rejects when the address is taken', async () => {
    await using first = await startPort();
    await using second = new TestPort(echo, { port: first.port });
    await expect(second.listener.listen()).rejects.toThrow('EADDRINUSE');
  });
});
