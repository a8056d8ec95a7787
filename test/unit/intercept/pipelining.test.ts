import { describe, expect, it } from 'vitest';
import { PATIENCE, KIB, answer, gate, startPort, problemOf } from './port-fixture.ts';

const get = (path: string, fields = ''): string =>
  `GET http://tools.example${path} HTTP/1.1\r\nHost: tools.example\r\n${fields}\r\n`;
const post = (path: string, body: string): string =>
  `POST http://tools.example${path} HTTP/1.1\r\nHost: tools.example\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('requests on one connection', () => {
  it('are answered one after another over keep-alive', async () => {
    await using port = await startPort();
    using client = await port.connect();
    await client.send(get('/1')).answers(1);
    await client.send(post('/2', 'two')).answers(2);
    const answers = await client.send(get('/3')).answers(3);
    expect(answers.map(({ body }) => body)).toEqual([
      'GET http://tools.example/1 []',
      'POST http://tools.example/2 [two]',
      'GET http://tools.example/3 []',
    ]);
    expect(port.listener.openConnections()).toBe(1);
  });

  it('never run at the same time when they are pipelined', async () => {
    let running = 0;
    let most = 0;
    await using port = await startPort(async (raw) => {
      running += 1;
      most = Math.max(most, running);
      await raw.body.read(KIB);
      await new Promise(setImmediate);
      answer(raw, 200, raw.head.target);
      running -= 1;
    });
    using client = await port.connect();
    client.send(get('/1') + post('/2', 'x') + get('/3') + post('/4', 'y'));
    const answers = await client.answers(4);
    expect(answers.map(({ body }) => body.at(-1))).toEqual(['1', '2', '3', '4']);
    expect(most).toBe(1);
  });

  it('that wait beyond the bound are refused, and the connection ends', async () => {
    const { opened, open } = gate();
    await using port = await startPort(
      async (raw) => {
        await opened;
        answer(raw, 200, 'ok');
      },
      { pipelined: 2 },
    );
    using client = await port.connect();
    client.send(get('/1') + get('/2') + get('/3') + get('/4') + get('/5') + get('/6'));
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    open();
    await client.untilEnded();
    const answers = await client.answers(4);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 503]);
    expect(answers[3] === undefined ? null : problemOf(answers[3]).code).toBe('too-many-requests-held');
    expect(port.seen).toHaveLength(3);
    expect(port.refusals.map(({ fault }) => fault.code)).toEqual(['too-many-requests-held']);
  });

  it('take part in the budget while they wait, and none afterwards', async () => {
    const { opened, open } = gate();
    await using port = await startPort(
      async (raw) => {
        await opened;
        const read = await raw.body.read(64 * KIB);
        answer(raw, 200, read.ok ? 'read' : read.fault.code);
      },
      { bufferedBytes: 100 * KIB },
    );
    using client = await port.connect();
    const body = 'x'.repeat(60 * KIB);
    client.send(get('/1') + post('/2', body) + post('/3', body) + get('/4'));
    await expect.poll(() => port.listener.bufferedBytes(), PATIENCE).toBeGreaterThan(60 * KIB);
    expect(port.listener.bufferedBytes()).toBeLessThan(100 * KIB);
    open();
    await client.untilEnded();
    const answers = await client.answers(3);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 503]);
    expect(port.refusals.map(({ fault }) => fault.code)).toEqual(['too-many-requests-held']);
    await expect.poll(() => port.listener.bufferedBytes(), PATIENCE).toBe(0);
  });

  it('give back their part of the budget when their turn never comes', async () => {
    await using port = await startPort(async ({ signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    });
    using client = await port.connect();
    client.send(get('/1') + post('/2', 'x') + post('/3', 'x'));
    await expect.poll(() => port.listener.bufferedBytes(), PATIENCE).toBeGreaterThan(0);
    client.socket.destroy();
    await expect.poll(() => port.listener.bufferedBytes(), PATIENCE).toBe(0);
  });

  it('are not run when an answer before them ended the connection', async () => {
    const { opened, open } = gate();
    await using port = await startPort(async ({ client }) => {
      await opened;
      if (client.kind === 'http') client.response.writeHead(200, { Connection: 'close', 'Content-Length': 0 }).end();
    });
    using client = await port.connect();
    client.send(post('/1', '') + post('/2', '') + post('/3', ''));
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    open();
    await client.untilEnded();
    expect(await client.answers(1)).toHaveLength(1);
    expect(port.seen).toHaveLength(1);
  });

  it('are not run when the client goes away before their turn', async () => {
    await using port = await startPort(async ({ signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    });
    using client = await port.connect();
    client.send(post('/1', '') + post('/2', ''));
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    client.socket.destroy();
    await expect.poll(() => port.listener.openConnections(), PATIENCE).toBe(0);
    await port.listener.drain(5_000);
    expect(port.seen).toHaveLength(1);
  });

  it('end after as many as a connection may carry', async () => {
    await using port = await startPort(undefined, { requestsPerConnection: 2 });
    using client = await port.connect();
    await client.send(get('/1')).answers(1);
    const [, second] = await client.send(get('/2')).answers(2);
    expect(second?.headers.get('connection')).toBe('close');
    await client.untilEnded();
  });

  it('end after as many even when the answer says otherwise', async () => {
    await using port = await startPort(
      async ({ client }) => {
        if (client.kind === 'http')
          client.response.writeHead(200, { Connection: 'keep-alive', 'Content-Length': 0 }).end();
      },
      { requestsPerConnection: 1 },
    );
    using client = await port.connect();
    client.send(get('/1') + get('/2'));
    await client.untilEnded();
    expect(port.seen).toHaveLength(1);
  });

  it('that ask to close get their answer and the end of the connection', async () => {
    await using port = await startPort();
    using client = await port.connect();
    client.send(get('/1', 'Connection: close\r\n'));
    await client.untilEnded();
    expect((await client.answer()).status).toBe(200);
  });
});
