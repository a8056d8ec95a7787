import { Duplex } from 'node:stream';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;
const PADDING = 21;

/** The first thing that Node says as a TLS client: one record with one hello. */
export async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const wire = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      resolve(chunk);
      done();
    },
  });
  const tls = connectTls({ socket: wire, ...options });
  tls.on('error', () => undefined);
  const bytes = await promise;
  tls.destroy();
  return bytes;
}

/** The same hello in records of at most so many bytes each (RFC 8446 section 5.1 allows any cut). */
export function inRecordsOf(hello: Buffer, bytes: number): Buffer {
  const message = hello.subarray(RECORD_HEADER_BYTES);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += bytes) {
    const part = message.subarray(at, at + bytes);
    records.push(Buffer.concat([Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 0xff]), part]));
  }
  return Buffer.concat(records);
}

/** The same hello with an extension more (RFC 8446 section 4.2), in as many records as that needs. */
export function withExtension(hello: Buffer, type: number, data: Buffer): Buffer {
  const message = Buffer.from(hello.subarray(RECORD_HEADER_BYTES));
  const lengthAt = extensionsAt(message);
  const added = Buffer.concat([Buffer.from([type >> 8, type & 0xff, data.length >> 8, data.length & 0xff]), data]);
  const longer = Buffer.concat([message, added]);
  longer.writeUInt16BE(message.readUInt16BE(lengthAt) + added.length, lengthAt);
  longer.writeUIntBE(longer.length - MESSAGE_HEADER_BYTES, 1, 3);
  return inRecordsOf(Buffer.concat([Buffer.alloc(RECORD_HEADER_BYTES), longer]), 16_384);
}

/** The same hello, so many bytes longer by padding (RFC 7685). */
export function padded(hello: Buffer, bytes: number): Buffer {
  return withExtension(hello, PADDING, Buffer.alloc(bytes));
}

/** Where the length of the extensions stands: behind version, random, session, ciphers and compression. */
function extensionsAt(message: Buffer): number {
  let at = MESSAGE_HEADER_BYTES + 2 + 32;
  at += 1 + (message[at] ?? 0);
  at += 2 + message.readUInt16BE(at);
  return at + 1 + (message[at] ?? 0);
}
