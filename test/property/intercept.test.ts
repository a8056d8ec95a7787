import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KIB, answer, startPort, type TestPort } from '../unit/intercept/port-fixture.ts';

/** A request that is the body of another. */
const HIDDEN = 'GET http://a/hidden HTTP/1.1\r\n\r\n';

/** Requests of every framing, some of them wrong, as bytes on one connection. */
const piece = fc.oneof(
  fc.constantFrom(
    'GET http://a/1 HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST http://a/2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
    'POST /routes/r/3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: t\r\n\r\n',
    `POST http://a/9 HTTP/1.1\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
    `POST http://a/10 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
    'HEAD /4 HTTP/1.1\r\n\r\n',
    'POST http://a/5 HTTP/1.1\r\nContent-Length: 0\r\n\r\n',
    'POST http://a/6 HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST http://a/7 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'GET http://a/8 HTTP/1.1\r\nConnection: close\r\n\r\n',
    '\r\n',
  ),
  fc.string({ unit: 'binary-ascii', maxLength: 20 }),
);
const conversation = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(''));

/** The targets that the port hands over of some bytes, sent in the pieces that `cuts` make of them. */
async function handedOver(port: TestPort, bytes: string, cuts: readonly number[]): Promise<readonly string[]> {
  const before = port.seen.length;
  using client = await port.connect({ allowHalfOpen: true });
  client.socket.setNoDelay(true);
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let sent = 0;
  for (const end of [...ends, bytes.length]) {
    if (client.socket.writable) client.send(bytes.slice(sent, end));
    sent = end;
    await new Promise(setImmediate);
  }
  client.socket.end();
  await client.untilEnded();
  return port.seen.slice(before).map(({ head }) => head.target);
}

describe('the data port', () => {
  it('answers any bytes and closes, and the port lives on', async () => {
    await using port = await startPort(async (raw) => {
      const read = await raw.body.read(KIB);
      answer(raw, read.ok ? 200 : 400, 'x');
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(conversation, fc.string({ unit: 'binary', maxLength: 200 })), async (bytes) => {
        using client = await port.connect({ allowHalfOpen: true });
        client.send(Buffer.from(bytes));
        client.socket.end();
        await client.untilEnded();
        // What begins as a TLS handshake does is answered in TLS: by a fatal alert (RFC 8446 section 6).
        const language = bytes.startsWith('\u0016') ? '\u0015\u0003' : 'HTTP/1.1 ';
        expect(client.received === '' || client.received.startsWith(language)).toBe(true);
      }),
      { numRuns: 150 },
    );
    using client = await port.connect();
    expect((await client.send('GET http://a/ HTTP/1.1\r\n\r\n').answer()).status).toBe(200);
    expect(port.lines).toEqual([]);
    expect(port.listener.bufferedBytes()).toBe(0);
  });

  it('hands over nothing twice and nothing that the bytes do not hold, however they are cut', async () => {
    await using port = await startPort(async (raw) => {
      const read = await raw.body.read(KIB);
      answer(raw, read.ok ? 200 : 400, 'x');
    });
    await fc.assert(
      fc.asyncProperty(conversation, fc.array(fc.nat(), { maxLength: 6 }), async (bytes, cuts) => {
        const visible = bytes.replaceAll(HIDDEN, '').matchAll(/(?:GET|POST|HEAD) (\S+) HTTP\/1\.1\r\n/gu);
        const possible = Array.from(visible, ([, target]) => target);
        const targets = await handedOver(port, bytes, cuts);
        expect(targets).toEqual(possible.slice(0, targets.length));
      }),
      { numRuns: 100 },
    );
  });
});
