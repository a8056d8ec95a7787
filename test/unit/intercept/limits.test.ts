import { describe, expect, it } from 'vitest';
import { BodyPace } from '../../../src/intercept/body-pace.ts';
import { PATIENCE, KIB, answer, echo, gate, problemOf, startPort } from './port-fixture.ts';
import type { RawClient } from './raw-client.ts';

const HEAD = 'POST http://tools.example/x HTTP/1.1\r\nHost: tools.example\r\n';
const GET = 'GET http://tools.example/x HTTP/1.1\r\nHost: tools.example\r\n\r\n';

/** Sends a byte now and then until the other side ends it. */
function trickle(client: RawClient, byte: string): () => void {
  const timer = setInterval(() => {
    if (client.socket.writable) client.send(byte);
  }, 20);
  return () => clearInterval(timer);
}

describe('slow clients', () => {
  it('that trickle a header section are answered, reported and closed', async () => {
    await using port = await startPort(echo, { headersTimeoutMs: 300 });
    using client = await port.connect();
    client.send('GET http://a/ HTTP/1.1\r\nX: ');
    const stop = trickle(client, 'y');
    expect(problemOf(await client.answer())).toMatchObject({ code: 'request-timeout', status: 408 });
    await client.untilEnded();
    stop();
    expect(port.refusals.map(({ fault }) => fault.code)).toEqual(['request-timeout']);
    expect(port.seen).toEqual([]);
  });

  it('that never send a byte are cut off without a word', async () => {
    await using port = await startPort(echo, { headersTimeoutMs: 100 });
    using client = await port.connect();
    expect(await client.untilClosed()).toBe('');
    expect(port.refusals).toEqual([]);
    expect(port.cuts).toEqual(['silent']);
  });

  it('that trickle a later header section are too', async () => {
    await using port = await startPort(echo, { headersTimeoutMs: 300 });
    using client = await port.connect();
    await client.send(GET).answers(1);
    client.send('GET http://a/ HTTP/1.1\r\nX: ');
    const [, late] = await client.answers(2);
    expect(late === undefined ? null : problemOf(late).code).toBe('request-timeout');
    await client.untilEnded();
  });

  it('that send a body below the rate are cut off by it', async () => {
    await using port = await startPort(echo, { bodyGraceMs: 100, bodyBytesPerSecond: 10 * KIB });
    using client = await port.connect();
    client.send(`${HEAD}Content-Length: 10000\r\n\r\n`);
    const stop = trickle(client, 'y');
    expect((await client.answer()).body).toBe('fault request-timeout');
    await client.untilClosed();
    stop();
  });

  it('that send nothing of a body are cut off while it is peeked into', async () => {
    await using port = await startPort(
      async (raw) => {
        const peeked = await raw.body.peek();
        answer(raw, 400, peeked.ok ? 'peeked' : peeked.fault.code);
      },
      { bodyGraceMs: 100 },
    );
    using client = await port.connect();
    client.send(`${HEAD}Content-Length: 10\r\n\r\n`);
    expect((await client.answer()).body).toBe('request-timeout');
  });

  it('that keep the rate are still cut off in the end', async () => {
    await using port = await startPort(echo, { bodyTimeoutMs: 300, bodyBytesPerSecond: 1 });
    using client = await port.connect();
    client.send(`${HEAD}Content-Length: 10000\r\n\r\n`);
    const stop = trickle(client, 'y'.repeat(100));
    expect((await client.answer()).body).toBe('fault request-timeout');
    stop();
  });

  it('that stop in the middle of a streamed body are answered and reported', async () => {
    const aborted = gate<unknown>();
    await using port = await startPort(
      async (raw) => {
        raw.signal.addEventListener('abort', () => aborted.open(raw.signal.reason));
        if (raw.client.kind === 'http') raw.client.request.resume();
        await aborted.opened;
      },
      { readerTimeoutMs: 100 },
    );
    using client = await port.connect();
    client.send(`${HEAD}Content-Length: 10\r\n\r\nhalf`);
    expect(problemOf(await client.answer()).code).toBe('request-timeout');
    expect(await aborted.opened).toMatchObject({ fault: { code: 'request-timeout' } });
    expect(port.refusals.map(({ fault }) => fault.code)).toEqual(['request-timeout']);
  });

  it('that do not read their answer are cut off', async () => {
    const aborted = gate();
    await using port = await startPort(
      async ({ client, signal }) => {
        signal.addEventListener('abort', () => aborted.open());
        if (client.kind === 'http') client.response.writeHead(200).write(Buffer.alloc(32 * KIB * KIB));
        await aborted.opened;
      },
      { readerTimeoutMs: 100 },
    );
    using client = await port.connect();
    client.socket.pause();
    client.send(GET);
    await aborted.opened;
    expect(port.lines.map(({ event }) => event)).toEqual(['intercept.reader-stalled']);
    expect(port.cuts).toEqual(['reader-stalled']);
  });

  it('that wait long for an answer are not cut off', async () => {
    const { opened, open } = gate();
    await using port = await startPort(
      async (raw) => {
        await opened;
        answer(raw, 200, raw.signal.aborted ? 'aborted' : 'patient');
      },
      { readerTimeoutMs: 50 },
    );
    using client = await port.connect();
    client.send(GET);
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    open();
    expect((await client.answer()).body).toBe('patient');
  });

  it('that leave a connection unused are cut off', async () => {
    await using port = await startPort(echo, { keepAliveTimeoutMs: 1 });
    using client = await port.connect();
    await client.send(GET).answer();
    await client.untilClosed();
    expect(port.refusals).toEqual([]);
  });
});

describe('the pace of a body', () => {
  const settings = { totalMs: 10_000, graceMs: 1_000, bytesPerSecond: 100 };

  it('is bought with bytes, up to the whole time', () => {
    const pace = new BodyPace(settings, { now: () => 0, monotonic: () => 0 });
    expect(pace.remainingMs()).toBe(1_000);
    pace.received(200);
    expect(pace.remainingMs()).toBe(3_000);
    pace.received(1_000_000);
    expect(pace.remainingMs()).toBe(10_000);
  });

  it('does not count the time in which nobody waited', () => {
    let now = 0;
    const pace = new BodyPace(settings, { now: () => 0, monotonic: () => now });
    const stop = pace.watch(() => {
      throw new Error('not late');
    });
    now = 400;
    expect(pace.remainingMs()).toBe(600);
    stop();
    now = 100_000;
    expect(pace.remainingMs()).toBe(600);
  });
});

describe('connections over the limit', () => {
  it('are answered, reported and closed, and accepted again when others have left', async () => {
    await using port = await startPort(echo, { connections: 2 });
    using first = await port.connect();
    using second = await port.connect();
    await first.send(GET).answer();
    await second.send(GET).answer();
    using third = await port.connect();
    third.send(GET);
    const found = await third.answer();
    expect(problemOf(found)).toMatchObject({ code: 'too-many-connections', status: 503 });
    expect(found.headers.get('retry-after')).toBe('1');
    await third.untilEnded();
    expect(port.refusals.map(({ fault, head }) => [fault.code, head])).toEqual([['too-many-connections', null]]);
    expect(port.seen).toHaveLength(2);
    first.socket.destroy();
    third.socket.destroy();
    await expect.poll(() => port.listener.openConnections(), PATIENCE).toBe(1);
    using fourth = await port.connect();
    expect((await fourth.send(GET).answer()).status).toBe(200);
  });

  it('in a flood leave the ones that were there untouched', async () => {
    await using port = await startPort(echo, { connections: 1 });
    using first = await port.connect();
    await first.send(GET).answer();
    const flood = await Promise.allSettled(
      Array.from({ length: 150 }, async () => await port.connect({ allowHalfOpen: true })),
    );
    await expect
      .poll(() => port.lines.filter(({ event }) => event === 'intercept.connections-dropped').length, PATIENCE)
      .toBe(1);
    await first.send(GET).answers(2);
    expect(port.listener.openConnections()).toBeLessThanOrEqual(65);
    expect(new Set(port.cuts)).toEqual(new Set(['dropped']));
    for (const client of flood) {
      if (client.status === 'fulfilled') client.value[Symbol.dispose]();
    }
    await expect.poll(() => port.listener.openConnections(), PATIENCE).toBe(1);
  });
});
