import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { BufferBudget } from '../../../src/intercept/budget.ts';
import type { RawExchange } from '../../../src/model/ports.ts';
import { PATIENCE, KIB, answer, echo, gate, startPort } from './port-fixture.ts';
import type { RawClient } from './raw-client.ts';

const HEAD = 'POST http://tools.example/x HTTP/1.1\r\nHost: tools.example\r\n';
const withLength = (length: number, fields = ''): string => `${HEAD}${fields}Content-Length: ${length}\r\n\r\n`;
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;
const said = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

async function streamed(raw: RawExchange): Promise<string> {
  if (raw.client.kind !== 'http') throw new Error('expected an ordinary request');
  return await text(raw.client.request);
}

describe('reading a body', () => {
  it('gives every byte as it was sent, up to the limit', async () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const bodies: Buffer[] = [];
    await using port = await startPort(async (raw) => {
      const body = await raw.body.read(256);
      if (body.ok) bodies.push(Buffer.from(body.value));
      answer(raw, 200, 'ok');
    });
    using client = await port.connect();
    await client.send(withLength(256)).send(every).answers(1);
    await client
      .send(CHUNKED)
      .send('80\r\n')
      .send(every.subarray(0, 128))
      .send('\r\n80\r\n')
      .send(every.subarray(128))
      .send('\r\n0\r\n\r\n')
      .answers(2);
    expect(bodies).toEqual([every, every]);
  });

  it('gives nothing for a request without one, and takes nothing of the connection', async () => {
    await using port = await startPort(async (raw) => {
      const [peeked, read] = [await raw.body.peek(), await raw.body.read(0)];
      answer(raw, 200, JSON.stringify([peeked, read].map((outcome) => outcome.ok && outcome.value.length)));
    });
    using client = await port.connect();
    client.send(`GET http://a/ HTTP/1.1\r\n\r\n${withLength(0)}`);
    expect((await client.answers(2)).map(({ body }) => body)).toEqual(['[0,0]', '[0,0]']);
  });

  it('gives nothing for a chunked body that is empty', async () => {
    await using port = await startPort(async (raw) => {
      const [peeked, read] = [await raw.body.peek(), await raw.body.read(0)];
      answer(raw, 200, JSON.stringify([peeked, read].map((outcome) => outcome.ok && outcome.value.length)));
    });
    using client = await port.connect();
    expect((await client.send(`${CHUNKED}0\r\n\r\n`).answer()).body).toBe('[0,0]');
  });

  it('gives the same bytes when it is read again', async () => {
    await using port = await startPort(async (raw) => {
      const [first, second] = [await raw.body.read(KIB), await raw.body.read(KIB)];
      answer(raw, 200, first.ok && second.ok ? said(first.value) + said(second.value) : 'fault');
    });
    using client = await port.connect();
    expect((await client.send(`${withLength(2)}ab`).answer()).body).toBe('abab');
  });

  it('refuses a declared length over the limit before a byte of it has come', async () => {
    await using port = await startPort();
    using client = await port.connect();
    client.send(withLength(64 * KIB + 1));
    expect((await client.answer()).body).toBe('fault body-too-large');
    await client.untilClosed();
  });

  it('refuses a chunked body as soon as it is over the limit, and lets go of what it held', async () => {
    await using port = await startPort(async (raw) => {
      const body = await raw.body.read(KIB);
      answer(raw, 413, `${body.ok ? 'read' : body.fault.code} ${port.listener.bufferedBytes()}`);
    });
    using client = await port.connect();
    client.send(`${CHUNKED}400\r\n${'x'.repeat(KIB)}\r\n1\r\nx`);
    expect((await client.answer()).body).toBe('body-too-large 0');
  });

  it('does not believe a chunk size', async () => {
    await using port = await startPort();
    using client = await port.connect();
    client.send(`${CHUNKED}fffffffffffffff\r\nx`);
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    await expect.poll(() => port.listener.bufferedBytes(), PATIENCE).toBe(1);
  });
});

describe('peeking into a body', () => {
  const rows: readonly (readonly [name: string, bytes: string])[] = [
    ['whole', `${withLength(5)}hello`],
    ['chunked', `${CHUNKED}2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n`],
  ];
  it.each(rows)('leaves a %s body in place for a read', async (_name, bytes) => {
    await using port = await startPort(async (raw) => {
      const peeked = await raw.body.peek();
      const again = await raw.body.peek();
      const read = await raw.body.read(KIB);
      if (peeked.ok && again.ok && read.ok)
        answer(raw, 200, `${said(peeked.value)} ${said(again.value)} ${said(read.value)}`);
    });
    using client = await port.connect();
    const [peeked = '', again = '', read] = (await client.send(bytes).answer()).body.split(' ');
    expect(read).toBe('hello');
    expect(peeked).not.toBe('');
    expect('hello'.startsWith(peeked) && 'hello'.startsWith(again)).toBe(true);
  });

  it.each(rows)('leaves a %s body in place for a stream', async (_name, bytes) => {
    await using port = await startPort(async (raw) => {
      await raw.body.peek();
      answer(raw, 200, await streamed(raw));
    });
    using client = await port.connect();
    expect((await client.send(bytes).answer()).body).toBe('hello');
  });

  it('leaves a body in place whose rest comes later', async () => {
    const peeked = gate<string>();
    await using port = await startPort(async (raw) => {
      const first = await raw.body.peek();
      peeked.open(first.ok ? said(first.value) : first.fault.code);
      answer(raw, 200, await streamed(raw));
    });
    using client = await port.connect();
    client.send(`${withLength(5)}he`);
    expect(await peeked.opened).toBe('he');
    expect((await client.send('llo').answer()).body).toBe('hello');
  });

  it('takes nothing of the budget', async () => {
    await using port = await startPort(async (raw) => {
      await raw.body.peek();
      answer(raw, 200, String(port.listener.bufferedBytes()));
    });
    using client = await port.connect();
    expect((await client.send(`${withLength(5)}hello`).answer()).body).toBe('0');
  });
});

describe('a client that waits for 100 Continue', () => {
  const EXPECT = withLength(5, 'Expect: 100-continue\r\n');
  const readers: readonly (readonly [how: string, read: (raw: RawExchange) => Promise<string>])[] = [
    ['is peeked into', async (raw) => ((await raw.body.peek()).ok ? await streamed(raw) : 'fault')],
    [
      'is read',
      async (raw) => {
        const body = await raw.body.read(KIB);
        return body.ok ? said(body.value) : body.fault.code;
      },
    ],
    ['is streamed', streamed],
  ];
  it.each(readers)('is told so once, when its body %s and not before', async (_how, read) => {
    const { opened, open } = gate();
    await using port = await startPort(async (raw) => {
      await opened;
      answer(raw, 200, await read(raw));
    });
    using client = await port.connect();
    client.send(EXPECT);
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    expect(client.received).toBe('');
    open();
    await client.until((received) => received.includes('100 Continue'), 'an interim answer');
    expect((await client.send('hello').answer()).body).toBe('hello');
    expect(client.received.match(/HTTP\/1\.1 \d{3}/gu)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200']);
  });

  it('is never told so when its head is refused', async () => {
    await using port = await startPort(async (raw) => answer(raw, 403, 'no'));
    using client = await port.connect();
    client.send(EXPECT);
    await client.untilEnded();
    expect(client.received.match(/HTTP\/1\.1 \d{3}/gu)).toEqual(['HTTP/1.1 403']);
    expect((await client.answer()).headers.get('connection')).toBe('close');
  });

  it('is never told so when its declared length is over the limit', async () => {
    await using port = await startPort();
    using client = await port.connect();
    client.send(withLength(64 * KIB + 1, 'Expect: 100-continue\r\n'));
    await client.untilEnded();
    expect(client.received).not.toContain('100 Continue');
    expect((await client.answer()).body).toBe('fault body-too-large');
  });

  it("is handed over with other expectations, which are not the listener's to refuse", async () => {
    await using port = await startPort();
    using client = await port.connect();
    await client.send(`${withLength(2, 'Expect: something\r\n')}ab`).answer();
    expect(port.seen[0]?.head.rawHeaders).toContain('something');
    expect(client.received).not.toContain('100 Continue');
  });
});

describe('the budget for all bodies together', () => {
  it('is never exceeded, whatever is taken and given back', () => {
    const budget = new BufferBudget(100);
    const [first, second] = [budget.lease(), budget.lease()];
    expect([first.take(60), second.take(41), second.take(40), first.take(1)]).toEqual([true, false, true, false]);
    expect(budget.takenBytes).toBe(100);
    first.release();
    first.release();
    expect([budget.takenBytes, first.take(1), second.take(60)]).toEqual([40, false, true]);
  });

  it('refuses what many clients send beyond it, and has room again afterwards', async () => {
    const { opened, open } = gate();
    await using port = await startPort(
      async (raw) => {
        const body = await raw.body.read(64 * KIB);
        if (body.ok) await opened;
        answer(raw, 200, body.ok ? 'read' : body.fault.code);
      },
      { bufferedBytes: 100 * KIB },
    );
    const clients: RawClient[] = [];
    for (let index = 0; index < 20; index += 1) {
      const client = await port.connect();
      clients.push(client.send(`${withLength(20 * KIB)}${'x'.repeat(20 * KIB)}`));
    }
    const refused = (): number => clients.filter(({ received }) => received.includes('too-many-requests-held')).length;
    await expect.poll(refused, PATIENCE).toBeGreaterThanOrEqual(15);
    expect(port.listener.bufferedBytes()).toBeLessThanOrEqual(100 * KIB);
    open();
    const bodies = await Promise.all(clients.map(async (client) => (await client.answer()).body));
    expect(new Set(bodies)).toEqual(new Set(['read', 'too-many-requests-held']));
    await expect.poll(() => port.listener.bufferedBytes(), PATIENCE).toBe(0);
    using late = await port.connect();
    expect((await late.send(`${withLength(64 * KIB)}${'x'.repeat(64 * KIB)}`).answer()).body).toBe('read');
    for (const client of clients) client[Symbol.dispose]();
  });

  it('has room again when clients leave in the middle of their bodies', async () => {
    await using port = await startPort(echo, { bufferedBytes: 64 * KIB });
    for (let round = 0; round < 5; round += 1) {
      using client = await port.connect();
      client.send(`${withLength(60 * KIB)}${'x'.repeat(50 * KIB)}`);
      await expect.poll(() => port.listener.bufferedBytes(), PATIENCE).toBe(50 * KIB);
      client.socket.destroy();
      await expect.poll(() => port.listener.bufferedBytes(), PATIENCE).toBe(0);
    }
  });

  it('has room again when handlers fail', async () => {
    await using port = await startPort(async ({ body }) => {
      await body.read(KIB);
      throw new Error('failed');
    });
    using client = await port.connect();
    expect((await client.send(`${withLength(5)}hello`).answer()).status).toBe(500);
    await expect.poll(() => port.listener.bufferedBytes(), PATIENCE).toBe(0);
  });
});
