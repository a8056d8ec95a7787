import { describe, expect, it } from 'vitest';
import { destination, Gateway, httpServer, pairsOf, RawClient, Recorder } from './support.ts';

const BODY = '{"amount":12.50,  "note":"as sent"}';

describe.each(['buffered', 'streamed'] as const)('the request that goes out, %s', (body) => {
  async function sendOne(
    line: string,
    headers: readonly string[],
    text: string,
    options: object = {},
  ): Promise<Recorder> {
    const recorder = new Recorder();
    await using upstream = await httpServer(recorder.listener);
    await using gateway = await Gateway.start({ to: destination(upstream.port), body, ...options });
    using client = new RawClient(gateway.port);
    client.request(line, headers, text);
    await client.until('done');
    return recorder;
  }

  it('has the method, path, query, header order and body bytes that were judged, and nothing of a library', async () => {
    const headers = [
      'X-One: 1',
      'Cookie: a=1',
      'X-Two: 2',
      'cookie: b=2',
      `Content-Length: ${BODY.length}`,
      'Content-Type: application/json',
    ];
    const { requests } = await sendOne('POST /a//b/%7Eme?x=1&x=%20&? HTTP/1.1', headers, BODY);
    expect(requests).toHaveLength(1);
    const [seen = { method: '', url: '', body: '', rawHeaders: [] }] = requests;
    expect([seen.method, seen.url, seen.body]).toEqual(['POST', '/a//b/%7Eme?x=1&x=%20&?', BODY]);
    const own = new Set(['host', 'connection', 'content-length']);
    const endToEnd = pairsOf(seen.rawHeaders).filter(([name]) => !own.has(name));
    expect(endToEnd).toEqual([
      ['x-one', '1'],
      ['cookie', 'a=1'],
      ['x-two', '2'],
      ['cookie', 'b=2'],
      ['content-type', 'application/json'],
    ]);
    const names = pairsOf(seen.rawHeaders).map(([name]) => name.toLowerCase());
    const expected = body === 'buffered' ? ['connection', 'content-length', 'host'] : ['content-length', 'host'];
    expect(names.filter((name) => own.has(name)).sort()).toEqual(expected);
    expect(pairsOf(seen.rawHeaders).find(([name]) => name === 'content-length')?.[1]).toBe(String(BODY.length));
  });

  it('keeps an empty query apart from none', async () => {
    const { requests } = await sendOne('GET /path? HTTP/1.1', [], '');
    expect(requests[0]?.url).toBe('/path?');
  });

  it.each(['//', '//[', '//other.example/x', '/a/../b', '/%2e%2e/'])(
    'sends the path %s as it was judged',
    async (path) => {
      const { requests } = await sendOne(`GET ${path} HTTP/1.1`, [], '');
      expect(requests[0]?.url).toBe(path);
    },
  );

  it('takes the headers from the canonical request and never from what Node parsed', async () => {
    const canonical = { headers: [{ name: 'x-judged', value: 'yes' }], path: '/judged', query: 'q=1', method: 'PUT' };
    const { requests } = await sendOne(
      'GET /raw HTTP/1.1',
      ['X-Removed: secret', 'X-Forwarded-For: 10.0.0.1', 'User-Agent: raw'],
      '',
      { canonical },
    );
    expect(requests[0]?.method).toBe('PUT');
    expect(requests[0]?.url).toBe('/judged?q=1');
    const names = pairsOf(requests[0]?.rawHeaders ?? []).map(([name]) => name);
    // undici says keep-alive and, for PUT, that there is no body: its own connection, its own framing.
    expect(names.filter((name) => name !== 'connection' && name !== 'content-length')).toEqual(['host', 'x-judged']);
  });

  it('names the destination in Host, whatever the client called it', async () => {
    const recorder = new Recorder();
    await using upstream = await httpServer(recorder.listener);
    await using gateway = await Gateway.start({ to: destination(upstream.port), body });
    using client = new RawClient(gateway.port);
    client.send('GET / HTTP/1.1', 'Host: evil.example', '', '');
    await client.until('done');
    expect(pairsOf(recorder.requests[0]?.rawHeaders ?? []).filter(([name]) => name.toLowerCase() === 'host')).toEqual([
      ['host', `127.0.0.1:${upstream.port}`],
    ]);
  });

  it.each(['DELETE', 'OPTIONS', 'GET'])('adds no framing to a %s without a body', async (method) => {
    const { requests } = await sendOne(`${method} /thing HTTP/1.1`, [], '');
    expect(JSON.stringify(requests[0]?.rawHeaders).toLowerCase()).not.toMatch(/content-length|transfer-encoding/u);
  });

  it('adds the idempotency key when the client sent none', async () => {
    const forward = { idempotencyKey: 'key-of-the-approval' };
    const { requests } = await sendOne('POST / HTTP/1.1', ['Content-Length: 2'], '{}', { forward });
    expect(pairsOf(requests[0]?.rawHeaders ?? [])).toContainEqual(['idempotency-key', 'key-of-the-approval']);
  });

  it('leaves the idempotency key of the client alone', async () => {
    const forward = { idempotencyKey: 'key-of-the-approval' };
    const { requests } = await sendOne('POST / HTTP/1.1', ['Idempotency-Key: own', 'Content-Length: 2'], '{}', {
      forward,
    });
    const keys = pairsOf(requests[0]?.rawHeaders ?? []).filter(([name]) => name === 'idempotency-key');
    expect(keys).toEqual([['idempotency-key', 'own']]);
  });

  it('refuses to send fields that belong to a connection', async () => {
    const canonical = { headers: [{ name: 'transfer-encoding', value: 'chunked' }] };
    const recorder = new Recorder();
    await using upstream = await httpServer(recorder.listener);
    await using gateway = await Gateway.start({ to: destination(upstream.port), body, canonical });
    using client = new RawClient(gateway.port);
    client.request('GET / HTTP/1.1');
    await client.until('tag:aegis.dev,2026:fault:internal');
    expect(await gateway.next()).toMatchObject({ result: 'not-sent', fault: { code: 'internal' } });
    expect(recorder.requests).toEqual([]);
  });
});

describe('the body of a streamed request', () => {
  it('is chunked where it came chunked, for every method, without its trailers, which nobody judged', async () => {
    const recorder = new Recorder();
    await using upstream = await httpServer(recorder.listener);
    await using gateway = await Gateway.start({ to: destination(upstream.port), body: 'streamed' });
    using client = new RawClient(gateway.port);
    client.request('DELETE /x HTTP/1.1', ['Transfer-Encoding: chunked', 'Trailer: X-Sum', 'X-Head: 1'], '3\r\nabc\r\n');
    client.send(
      '0',
      'X-Sum: 6',
      'Authorization: smuggled',
      'Content-Type: text/html',
      'X-Head: 2',
      'Host: evil',
      '',
      '',
    );
    await client.until('done');
    const [seen] = recorder.requests;
    expect(seen?.body).toBe('abc');
    expect(seen?.rawTrailers).toEqual([]);
    expect(JSON.stringify(seen?.rawHeaders).toLowerCase()).not.toContain('trailer');
    expect(pairsOf(seen?.rawHeaders ?? [])).toContainEqual(['transfer-encoding', 'chunked']);
    expect(JSON.stringify(seen?.rawHeaders).toLowerCase()).not.toContain('content-length');
    expect(await gateway.next()).toMatchObject({ result: 'success', bytesSent: 3, bytesReceived: 4 });
  });

  it('flows as it comes, before it is complete', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    await using upstream = await httpServer((request, response) => {
      request.once('data', (chunk: Buffer) => {
        resolve(chunk.toString());
        request.on('end', () => response.end('done'));
      });
    });
    await using gateway = await Gateway.start({ to: destination(upstream.port), body: 'streamed' });
    using client = new RawClient(gateway.port);
    client.request('POST /x HTTP/1.1', ['Transfer-Encoding: chunked'], '5\r\nfirst\r\n');
    expect(await promise).toBe('first');
    client.send('0', '', '');
    await client.until('done');
  });
});
