import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Client } from '../../../src/model/client.ts';
import { FAULTS, type FaultCode } from '../../../src/model/fault.ts';
import type { Refusal } from '../../../src/model/ports.ts';
import { createRefusals, refusalDocument } from '../../../src/forward/refusal.ts';
import { EXCHANGE_ID, httpServer, RawClient, type TestServer } from './support.ts';

const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];

function refusal(code: FaultCode, further: Partial<Refusal> = {}): Refusal {
  return {
    exchangeId: EXCHANGE_ID,
    fault: { code, detail: 'what was wrong' },
    retryAfterSeconds: null,
    extensions: {},
    ...further,
  };
}

/** A server that refuses everything; `answered` counts the answers that are over. */
async function refusing(
  with_: Refusal,
  before: (client: Client) => Promise<void> = () => Promise.resolve(),
): Promise<TestServer & { answered: Promise<void> }> {
  const { promise: answered, resolve } = Promise.withResolvers<void>();
  const answer = async (client: Client): Promise<void> => {
    await before(client);
    await createRefusals().answer(client, with_);
    resolve();
  };
  const server = await httpServer((request, response) => void answer({ kind: 'http', request, response }));
  server.server.on('upgrade', (request, socket, head) => void answer({ kind: 'upgrade', request, socket, head }));
  return Object.assign(server, { answered });
}

function bodyOf(text: string): unknown {
  return JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));
}

const CODES = Object.keys(FAULTS).filter((code): code is FaultCode => code !== 'client-gone' && code in FAULTS);

describe('a problem document', () => {
  it('has the members of RFC 9457 and ours', () => {
    const document = refusalDocument(refusal('policy-block', { extensions: { decision: { rule: 'no-bulk-delete' } } }));
    expect(document).toEqual({
      type: 'tag:aegis.dev,2026:fault:policy-block',
      title: 'The policy blocks this action',
      status: 403,
      detail: 'what was wrong',
      instance: 'urn:uuid:0192e4a0-7c4e-7d11-9a55-0242ac120002',
      code: 'policy-block',
      advice: 'Do not retry or look for another way; tell the user what was blocked and why.',
      retry: false,
      decision: { rule: 'no-bulk-delete' },
    });
  });

  it('shows what would hide, reorder or fake a line, wherever it is', () => {
    const hostile = 'a\u202eb\u200bc\u2028d\r\ne\u001b[31mf\ud800g\u{e0041}';
    const document = refusalDocument({
      ...refusal('policy-block', { extensions: { [`key${hostile}`]: [{ deep: hostile }] } }),
      fault: { code: 'policy-block', detail: hostile },
    });
    expect(document['detail']).toBe(String.raw`a\u{202e}b\u{200b}c\u{2028}d\u{d}\u{a}e\u{1b}[31mf\u{d800}g\u{e0041}`);
    expect(JSON.stringify(document)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  });

  it('cannot be given another meaning by an extension', () => {
    const document = refusalDocument(
      refusal('policy-block', { extensions: { status: 200, code: 'internal', type: 'x', more: 1 } }),
    );
    expect(document).toMatchObject({
      status: 403,
      code: 'policy-block',
      type: 'tag:aegis.dev,2026:fault:policy-block',
      more: 1,
    });
  });

  it('is no flood', () => {
    const long = 'x'.repeat(1_000_000);
    const document = refusalDocument({
      ...refusal('internal', { extensions: { more: long } }),
      fault: { code: 'internal', detail: long },
    });
    expect(JSON.stringify(document).length).toBeLessThan(10_000);
  });
});

describe('a refusal', () => {
  it('is answered with its status, as problem+json that nobody stores', async () => {
    await using server = await refusing(refusal('approval-pending', { retryAfterSeconds: 2.2 }));
    using client = new RawClient(server.port);
    client.request('GET / HTTP/1.1');
    const text = await client.until('}\n');
    expect(text.startsWith('HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\n')).toBe(true);
    expect(text).toContain('\r\nCache-Control: no-store\r\n');
    expect(text).toContain('\r\nRetry-After: 3\r\n');
    expect(bodyOf(text)).toMatchObject({ code: 'approval-pending', retry: true });
  });

  it.each(CODES)('with the code %s has the status of its table', async (code) => {
    await using server = await refusing(refusal(code));
    using client = new RawClient(server.port);
    client.request('GET / HTTP/1.1');
    const text = await client.until('}\n');
    expect(text.startsWith(`HTTP/1.1 ${FAULTS[code].status} `)).toBe(true);
    expect(bodyOf(text)).toMatchObject({ code });
  });

  it('keeps the connection when the request was read, and closes it when it was malformed', async () => {
    for (const [code, expected] of [
      ['policy-block', /\r\nConnection: keep-alive\r\n/u],
      ['malformed-request', /\r\nConnection: close\r\n/u],
    ] as const) {
      await using server = await refusing(refusal(code));
      using client = new RawClient(server.port);
      client.request('GET / HTTP/1.1');
      expect(await client.until('}\n')).toMatch(expected);
    }
  });

  it('of HEAD has no body', async () => {
    await using server = await refusing(refusal('malformed-request'));
    using client = new RawClient(server.port);
    client.request('HEAD / HTTP/1.1');
    const text = await client.untilClosed();
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/u);
    expect(text).toMatch(/Content-Length: \d+/u);
    expect(text).toMatch(/\r\n\r\n$/u);
  });

  it('reaches a client that is still sending its body, and ends the connection', async () => {
    await using server = await refusing(refusal('body-too-large'));
    const request = httpRequest({ port: server.port, method: 'POST', path: '/', agent: false });
    request.on('error', () => undefined);
    const chunk = Buffer.alloc(256 * 1024);
    request.on('drain', () => request.write(chunk));
    request.write(chunk);
    const [response] = await once(request, 'response');
    const text = Buffer.concat(await response.toArray()).toString();
    expect(response.statusCode).toBe(413);
    expect(response.headers.connection).toBe('close');
    expect(JSON.parse(text)).toMatchObject({ code: 'body-too-large' });
    await server.answered;
    request.destroy();
  });

  it('does not wait for ever for a client that neither finishes nor closes', async () => {
    await using server = await refusing(refusal('policy-block'));
    using client = new RawClient(server.port);
    client.request('POST / HTTP/1.1', ['Content-Length: 1000'], 'a part');
    await client.until('}\n');
    await server.answered;
    await client.untilClosed();
    expect(client.received).toMatch(/Connection: close/u);
  });

  it('of an upgrade is plain HTTP on the socket, which then ends', async () => {
    await using server = await refusing(refusal('policy-block', { retryAfterSeconds: 1 }));
    using client = new RawClient(server.port);
    client.request('GET / HTTP/1.1', HANDSHAKE, 'bytes of the other protocol');
    const text = await client.untilClosed();
    expect(text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/u);
    expect(text).toMatch(/\r\nConnection: close\r\n/u);
    expect(bodyOf(text)).toMatchObject({ code: 'policy-block' });
    await server.answered;
  });

  it('that says the client is gone is not written', async () => {
    for (const headers of [[], HANDSHAKE]) {
      await using server = await refusing(refusal('client-gone'));
      using client = new RawClient(server.port);
      client.request('GET / HTTP/1.1', headers);
      expect(await client.untilClosed()).toBe('');
      await server.answered;
    }
  });

  it('after the answer has begun cuts it off and adds nothing', async () => {
    await using server = await refusing(refusal('internal'), async (client) => {
      if (client.kind !== 'http') throw new Error('expected an ordinary request');
      client.response.write('begin');
      await new Promise((resolve) => setImmediate(resolve));
    });
    using client = new RawClient(server.port);
    client.request('GET / HTTP/1.1');
    expect(await client.untilClosed()).toMatch(/begin\r\n$/u);
    await server.answered;
  });

  it('of a client that is gone already ends without more', async () => {
    await using server = await refusing(refusal('internal'), async (client) => {
      const socket = client.kind === 'tunnel' ? client.socket : client.request.socket;
      socket.destroy();
      await once(socket, 'close');
    });
    for (const headers of [[], HANDSHAKE]) {
      using client = new RawClient(server.port);
      client.request('GET / HTTP/1.1', headers);
      await client.untilClosed();
    }
    await server.answered;
    expect(server.sockets.size).toBe(0);
  });
});
