import { describe, expect, it } from 'vitest';
import type { RawExchange } from '../../../src/model/ports.ts';
import { PATIENCE, KIB, answer, gate, problemOf, startPort } from './port-fixture.ts';

const get = (path: string, fields = ''): string =>
  `GET http://tools.example${path} HTTP/1.1\r\nHost: tools.example\r\n${fields}\r\n`;
const post = (path: string, body: string): string =>
  `POST http://tools.example${path} HTTP/1.1\r\nHost: tools.example\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** Refuses without a look at the body, as policy does when the head suffices. */
const refuse = async (raw: RawExchange): Promise<void> => answer(raw, 403, 'no');

describe('the entry of a request', () => {
  const rows: readonly (readonly [requestLine: string, entry: string])[] = [
    ['GET http://a/x HTTP/1.1', 'forward-proxy'],
    ['GET https://a/x HTTP/1.1', 'forward-proxy'],
    ['GET HTTP://A HTTP/1.1', 'forward-proxy'],
    ['GET ftp://a/x HTTP/1.1', 'forward-proxy'],
    ['GET /routes/tickets/1 HTTP/1.1', 'route'],
    ['GET /routes/../x HTTP/1.1', 'route'],
    ['GET /routes HTTP/1.1', 'unknown'],
    ['GET /ROUTES/x HTTP/1.1', 'unknown'],
    ['GET //routes/x HTTP/1.1', 'unknown'],
    ['GET /x?u=http://a/ HTTP/1.1', 'unknown'],
    ['GET / HTTP/1.1', 'unknown'],
    ['OPTIONS * HTTP/1.1', 'unknown'],
  ];
  it.each(rows)('of %s is %s, and it is handed over as it was sent', async (requestLine, entry) => {
    await using port = await startPort();
    using client = await port.connect();
    client.send(`${requestLine}\r\nX-Case: Kept\r\nx-case: twice\r\n\r\n`);
    await client.answer();
    const [method = '', target = ''] = requestLine.split(' ');
    expect(port.seen.map(({ head }) => head)).toEqual([
      {
        entry,
        method,
        target,
        rawHeaders: ['X-Case', 'Kept', 'x-case', 'twice'],
        httpVersion: '1.1',
        serverName: null,
        secure: false,
        tunnelAuthority: null,
        remoteAddress: '127.0.0.1',
      },
    ]);
  });

  it('is judged without a Host field as well, since refusing that is not up to the listener', async () => {
    await using port = await startPort();
    using client = await port.connect();
    client.send('GET /routes/a/ HTTP/1.1\r\n\r\n');
    expect((await client.answer()).status).toBe(200);
  });
});

describe('a refused request whose body was not read', () => {
  it.each(['Content-Length', 'chunked'])('does not let its body become a request (%s)', async (framing) => {
    const hidden = get('/hidden').repeat(3);
    await using port = await startPort(refuse);
    using client = await port.connect();
    const head = 'POST http://tools.example/x HTTP/1.1\r\nHost: tools.example\r\n';
    client.send(
      framing === 'chunked'
        ? `${head}Transfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`
        : `${head}Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
    );
    await client.answers(1);
    const answers = await client.send(get('/next')).answers(2);
    expect(answers).toHaveLength(2);
    expect(port.seen.map(({ head: { target } }) => target)).toEqual([
      'http://tools.example/x',
      'http://tools.example/next',
    ]);
  });

  it('does not become a request when it arrives after the refusal', async () => {
    const hidden = get('/hidden');
    await using port = await startPort(refuse);
    using client = await port.connect();
    client.send(`POST http://a/x HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length}\r\n\r\n`);
    await client.answers(1);
    const answers = await client.send(hidden + get('/next')).answers(2);
    expect(answers).toHaveLength(2);
    expect(port.seen.map(({ head }) => head.target)).toEqual(['http://a/x', 'http://tools.example/next']);
  });

  it('is cut when the rest of the body does not come', async () => {
    await using port = await startPort(refuse);
    using client = await port.connect();
    client.send('POST http://a/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nstart');
    await client.answers(1);
    await client.untilClosed();
    expect(port.seen).toHaveLength(1);
  });

  it('is read over when it was begun and found too large', async () => {
    await using port = await startPort(async (raw) => {
      const read = await raw.body.read(10);
      answer(raw, 413, read.ok ? 'read' : read.fault.code);
    });
    using client = await port.connect();
    const body = 'x'.repeat(300 * KIB);
    client.send(`POST http://a/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`);
    client.send(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n${get('/next')}`);
    const [first, second] = await client.answers(2);
    expect([first?.body, second?.status]).toEqual(['body-too-large', 413]);
  });

  it('leaves the answer readable for a client that is still writing', async () => {
    await using port = await startPort(async ({ client }) => {
      if (client.kind === 'http')
        client.response.writeHead(413, { Connection: 'close', 'Content-Length': 3 }).end('big');
    });
    using client = await port.connect({ allowHalfOpen: true });
    client.socket.pause();
    client.send('POST http://a/x HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n');
    await new Promise<void>((resolve, reject) => {
      client.socket.write(Buffer.alloc(4_194_304), (error) =>
        error === null || error === undefined ? resolve() : reject(error),
      );
    });
    client.socket.resume();
    expect((await client.answer()).status).toBe(413);
    client.socket.end();
    await client.untilClosed();
  });
});

describe('a handler that fails', () => {
  it('is answered as internal, with a log line and nothing of the error', async () => {
    await using port = await startPort(async () => {
      throw new Error('token=s3cr3t');
    });
    using client = await port.connect();
    const found = await client.send(get('/')).answer();
    expect(problemOf(found)).toMatchObject({ code: 'internal', status: 500 });
    expect(client.received).not.toContain('s3cr3t');
    expect(port.lines.map(({ level, event }) => [level, event])).toEqual([['error', 'intercept.handler-failed']]);
    expect(JSON.stringify(port.lines)).not.toContain('s3cr3t');
  });

  it('drops what it had set before', async () => {
    await using port = await startPort(async ({ client }) => {
      if (client.kind === 'http') client.response.setHeader('Set-Cookie', 'a=b').setHeader('Content-Length', 5);
      throw new Error('failed');
    });
    using client = await port.connect();
    const found = await client.send(get('/')).answer();
    expect(found.headers.has('set-cookie')).toBe(false);
    expect(problemOf(found).code).toBe('internal');
  });

  it('cuts an answer that had begun', async () => {
    await using port = await startPort(async ({ client }) => {
      if (client.kind === 'http') client.response.writeHead(200, { 'Content-Length': 100 }).write('part');
      throw new Error('failed');
    });
    using client = await port.connect();
    client.send(get('/'));
    const received = await client.untilClosed();
    expect(received).toContain('200 OK');
    expect(received).not.toContain('internal');
  });

  it('is taken for one when it leaves no answer', async () => {
    await using port = await startPort(async () => {});
    using client = await port.connect();
    expect(problemOf(await client.send(get('/')).answer()).code).toBe('internal');
    await client.untilEnded();
  });
});

describe('a client that goes away', () => {
  const leave: readonly (readonly [
    how: string,
    go: (client: { socket: { destroy(): void; resetAndDestroy(): void; end(): void } }) => void,
  ])[] = [
    ['closing', (client) => client.socket.destroy()],
    ['resetting', (client) => client.socket.resetAndDestroy()],
    ['ending its side', (client) => client.socket.end()],
  ];
  it.each(leave)('by %s aborts its exchange', async (_how, go) => {
    const aborted = gate<unknown>();
    await using port = await startPort(async (raw) => {
      raw.signal.addEventListener('abort', () => aborted.open(raw.signal.reason));
      await aborted.opened;
    });
    using client = await port.connect({ allowHalfOpen: true });
    client.send(post('/', 'body'));
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    go(client);
    expect(await aborted.opened).toMatchObject({ fault: { code: 'client-gone' } });
    expect(port.refusals).toEqual([]);
    expect(port.lines).toEqual([]);
  });

  it('while its body is read ends the read', async () => {
    const ended = gate<string>();
    await using port = await startPort(async ({ body }) => {
      const read = await body.read(KIB);
      ended.open(read.ok ? 'read' : read.fault.code);
    });
    using client = await port.connect();
    client.send('POST http://a/ HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf');
    await expect.poll(() => port.seen.length, PATIENCE).toBe(1);
    client.socket.destroy();
    expect(await ended.opened).toBe('client-gone');
  });

  it('after its answer aborts nothing', async () => {
    const signals: AbortSignal[] = [];
    await using port = await startPort(async (raw) => {
      signals.push(raw.signal);
      answer(raw, 200, 'ok');
    });
    using client = await port.connect();
    await client.send(get('/')).answer();
    client.socket.destroy();
    await expect.poll(() => port.listener.openConnections(), PATIENCE).toBe(0);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  });
});

describe('CONNECT', () => {
  it('is refused, reported and closed, and what follows it is not read', async () => {
    await using port = await startPort();
    using client = await port.connect();
    client.send(`CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n${get('/inside')}`);
    expect(problemOf(await client.answer())).toMatchObject({ code: 'connect-unsupported', status: 501 });
    await client.untilEnded();
    expect(port.seen).toEqual([]);
    expect(port.refusals).toMatchObject([
      {
        entry: 'connect',
        fault: { code: 'connect-unsupported' },
        head: { target: 'api.example:443', method: 'CONNECT' },
      },
    ]);
  });

  it('behind a request that still runs is refused after its answer', async () => {
    const { opened, open } = gate();
    await using port = await startPort(async (raw) => {
      await opened;
      answer(raw, 200, 'first');
    });
    using client = await port.connect();
    client.send(`${get('/1')}CONNECT api.example:443 HTTP/1.1\r\n\r\n`);
    await expect.poll(() => port.refusals.length, PATIENCE).toBe(1);
    open();
    const [first, second] = await client.answers(2);
    expect([first?.body, second === undefined ? null : problemOf(second).code]).toEqual(['first', 'malformed-request']);
    await client.untilEnded();
  });
});
