import { describe, expect, it } from 'vitest';
import type { ExchangeHandler } from '../../../src/intercept/settings.ts';
import { PATIENCE, answer, echo, gate, problemOf, startPort } from './port-fixture.ts';

const HANDSHAKE = [
  'GET http://tools.example/socket HTTP/1.1',
  'Host: tools.example',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  '',
  '',
].join('\r\n');

/** Switches protocols and sends back what comes, as far as it may. */
const mirror: ExchangeHandler = async ({ client }) => {
  if (client.kind !== 'upgrade') throw new Error('expected an upgrade');
  const { socket, head } = client;
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  socket.write(head);
  socket.pipe(socket);
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
};

describe('a WebSocket handshake', () => {
  it('is handed over with its socket and what follows it', async () => {
    await using port = await startPort(mirror);
    using client = await port.connect();
    client.send(`${HANDSHAKE}early `);
    await client.until((received) => received.includes('101 Switching'), 'the switch');
    client.send('late');
    await client.until((received) => received.endsWith('early late'), 'the echo');
    expect(port.seen.map(({ client: { kind }, head: { entry } }) => [kind, entry])).toEqual([
      ['upgrade', 'forward-proxy'],
    ]);
  });

  it('has no body', async () => {
    await using port = await startPort(async (raw) => {
      const [peeked, read] = [await raw.body.peek(), await raw.body.read(0)];
      answer(raw, 400, JSON.stringify([peeked, read].map((outcome) => outcome.ok && outcome.value.length)));
    });
    using client = await port.connect();
    expect((await client.send(HANDSHAKE).answer()).body).toBe('[0,0]');
    await client.untilEnded();
  });

  it('that is refused ends its connection', async () => {
    await using port = await startPort(async (raw) => answer(raw, 403, 'no'));
    using client = await port.connect({ allowHalfOpen: true });
    client.send(`${HANDSHAKE}GET http://a/hidden HTTP/1.1\r\n\r\n`);
    expect((await client.answer()).status).toBe(403);
    await expect.poll(() => port.listener.openConnections(), PATIENCE).toBe(0);
    expect(port.seen).toHaveLength(1);
  });

  it('whose handler fails is answered as internal', async () => {
    await using port = await startPort(async () => {
      throw new Error('failed');
    });
    using client = await port.connect();
    expect(problemOf(await client.send(HANDSHAKE).answer()).code).toBe('internal');
    await client.untilEnded();
    expect(port.lines.map(({ event }) => event)).toEqual(['intercept.handler-failed']);
  });

  it('whose handler leaves no answer is answered as internal', async () => {
    await using port = await startPort(async () => {});
    using client = await port.connect();
    expect(problemOf(await client.send(HANDSHAKE).answer()).code).toBe('internal');
  });

  it.each(['destroy', 'end'] as const)('is aborted when the client leaves before the answer (%s)', async (how) => {
    const aborted = gate<unknown>();
    await using port = await startPort(async ({ signal }) => {
      signal.addEventListener('abort', () => aborted.open(signal.reason));
      await aborted.opened;
    });
    using client = await port.connect({ allowHalfOpen: true });
    client.send(HANDSHAKE);
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    client.socket[how]();
    expect(await aborted.opened).toMatchObject({ fault: { code: 'client-gone' } });
  });

  it('is aborted when the connection ends after the switch', async () => {
    const aborted = gate();
    await using port = await startPort(async (raw) => {
      raw.signal.addEventListener('abort', () => aborted.open());
      await mirror(raw);
    });
    using client = await port.connect();
    await client.send(HANDSHAKE).until((received) => received.includes('101 Switching'), 'the switch');
    client.socket.resetAndDestroy();
    await aborted.opened;
    await expect.poll(() => port.listener.openConnections(), PATIENCE).toBe(0);
  });

  it('is cut when it was silent for too long, and not while it is judged', async () => {
    const { opened, open } = gate();
    await using port = await startPort(
      async (raw) => {
        await opened;
        await mirror(raw);
      },
      { upgradeIdleMs: 50 },
    );
    using client = await port.connect();
    client.send(HANDSHAKE);
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
    expect(port.listener.openConnections()).toBe(1);
    open();
    expect(await client.untilClosed()).toContain('101 Switching');
  });

  it('must wait for the answers before it', async () => {
    const { opened, open } = gate();
    await using port = await startPort(async (raw) => {
      await opened;
      answer(raw, 200, 'first');
    });
    using client = await port.connect();
    client.send(`GET http://a/ HTTP/1.1\r\n\r\n${HANDSHAKE}`);
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    open();
    const [first, second] = await client.answers(2);
    expect([first?.body, second === undefined ? null : problemOf(second).code]).toEqual(['first', 'malformed-request']);
    await client.untilEnded();
    expect(port.seen).toHaveLength(1);
  });

  it('with a head that is refused is refused', async () => {
    await using port = await startPort(mirror, { headerCount: 4 });
    using client = await port.connect();
    expect(problemOf(await client.send(HANDSHAKE).answer()).code).toBe('headers-too-large');
    await client.untilEnded();
    expect(port.refusals).toHaveLength(1);
  });
});

describe('a request that only looks like a WebSocket handshake', () => {
  const rows: readonly (readonly [name: string, bytes: string])[] = [
    ['another protocol', 'GET http://a/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'],
    ['two protocols', 'GET http://a/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n'],
    [
      'a protocol twice',
      'GET http://a/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n',
    ],
    ['another method', 'OPTIONS http://a/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['a body', 'GET http://a/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a chunked body',
      'GET http://a/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
    ],
    ['no Connection field', 'GET http://a/ HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'],
  ];
  it.each(rows)('(%s) is handed over as an ordinary one', async (_name, bytes) => {
    await using port = await startPort(echo);
    using client = await port.connect();
    client.send(bytes);
    expect((await client.answer()).status).toBe(200);
    await client.send('GET http://a/next HTTP/1.1\r\n\r\n').answers(2);
    expect(port.seen.map(({ client: { kind } }) => kind)).toEqual(['http', 'http']);
  });
});
