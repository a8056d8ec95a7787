import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_HELLO_BYTES, readClientHello } from '../../../src/intercept/client-hello.ts';
import { helloOf, inRecordsOf } from '../../support/hello.ts';

const found = (serverName: string | null): object => ({ kind: 'hello', hello: { serverName } });

describe('a TLS hello', () => {
  it.each([['TLSv1.2'], ['TLSv1.3']] as const)('of %s is read with its server name', async (version) => {
    const options = { minVersion: version, maxVersion: version } as const;
    expect(readClientHello(await helloOf({ ...options, servername: 'api.example.com' }))).toEqual(
      found('api.example.com'),
    );
    expect(readClientHello(await helloOf({ ...options, servername: '' }))).toEqual(found(null));
  });

  it('is read whole or not at all, however it is cut', async () => {
    const hello = await helloOf({ servername: 'api.example.com', ALPNProtocols: ['h2', 'http/1.1'] });
    for (let length = 0; length < hello.length; length += 1)
      expect(readClientHello(hello.subarray(0, length)).kind).toBe('more');
    for (const size of [1, 2, 3, 40, 300]) {
      const cut = inRecordsOf(hello, size);
      expect(readClientHello(cut)).toEqual(found('api.example.com'));
      expect(readClientHello(cut.subarray(0, -1))).toEqual({ kind: 'more' });
    }
    expect(readClientHello(Buffer.concat([hello, Buffer.from('more')]))).toEqual(found('api.example.com'));
  });

  it('that names two hosts, or something else than a host, is refused', async () => {
    const hello = await helloOf({ servername: 'api.example.com' });
    const at = hello.indexOf('api.example.com');
    const otherType = Buffer.from(hello);
    otherType[at - 3] = 1;
    expect(readClientHello(otherType)).toMatchObject({ kind: 'invalid' });
    const shorter = Buffer.from(hello);
    shorter.writeUInt16BE(3, at - 2);
    expect(readClientHello(shorter)).toMatchObject({ kind: 'invalid' });
  });

  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['SSL 2', Buffer.from([0x80, 0x2e, 0x01, 0x03, 0x01])],
    ['another message', Buffer.from([0x16, 3, 1, 0, 4, 2, 0, 0, 0])],
    ['a record without content', Buffer.from([0x16, 3, 1, 0, 0])],
    ['a record that is too long', Buffer.from([0x16, 3, 1, 0x40, 1])],
    ['a message that is too long', Buffer.from([0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff])],
  ])('is not %s', (_, bytes) => {
    expect(readClientHello(bytes)).toMatchObject({ kind: 'invalid' });
  });

  it('of any bytes is read without an exception', async () => {
    const hello = await helloOf({ servername: 'api.example.com' });
    const damaged = fc
      .array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 8 })
      .map((edits) => edits.reduce((bytes, [at, value]) => bytes.fill(value, at, at + 1), Buffer.from(hello)));
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 600 })), (bytes) => {
        expect(['more', 'invalid', 'hello']).toContain(readClientHello(bytes).kind);
      }),
    );
    expect(MAX_HELLO_BYTES).toBeGreaterThan(16_384);
  });
});
