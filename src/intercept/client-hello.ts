/** What is looked at of a TLS hello (RFC 8446 section 4.1.2) before anything answers it. */
export interface ClientHello {
  /** The host name that the client asks for (RFC 6066 section 3), as sent; null where there is none. */
  readonly serverName: string | null;
}

export type HelloReading =
  | { readonly kind: 'more' }
  | { readonly kind: 'invalid'; readonly problem: string }
  | { readonly kind: 'hello'; readonly hello: ClientHello };

/** The content type `handshake` of a TLS record (RFC 8446 section 5.1). */
export const TLS_HANDSHAKE = 0x16;
/**
 * Bytes in which a hello has to end. With post-quantum key shares, usual ones are below 2 KiB; OpenSSL takes 128 KiB.
 */
export const MAX_HELLO_BYTES = 32 * 1024;

const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;
const MAX_RECORD_BYTES = 16_384;
const MAJOR_VERSION = 3;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RANDOM_BYTES = 32;

/** Reads the hello at the start of a connection from as much of it as has arrived. Never throws. */
export function readClientHello(bytes: Uint8Array): HelloReading {
  try {
    const message = helloMessage(bytes);
    return message === null ? { kind: 'more' } : { kind: 'hello', hello: helloOf(new Cursor(message)) };
  } catch (error) {
    if (error instanceof HelloError) return { kind: 'invalid', problem: error.message };
    throw error;
  }
}

class HelloError extends Error {}

/** The body of the hello, put together from its records; null while some of it is missing. */
function helloMessage(bytes: Uint8Array): Uint8Array | null {
  const fragments: Uint8Array[] = [];
  let start = 0;
  let gathered = 0;
  let expected = MESSAGE_HEADER_BYTES;
  while (gathered < expected) {
    const fragment = recordAt(bytes, start);
    if (fragment === null) return null;
    fragments.push(fragment);
    start += RECORD_HEADER_BYTES + fragment.length;
    gathered += fragment.length;
    if (gathered >= MESSAGE_HEADER_BYTES) expected = messageBytes(Buffer.concat(fragments));
  }
  return Buffer.concat(fragments).subarray(MESSAGE_HEADER_BYTES, expected);
}

function recordAt(bytes: Uint8Array, start: number): Uint8Array | null {
  if (bytes.length < start + RECORD_HEADER_BYTES) return null;
  const header = new Cursor(bytes.subarray(start, start + RECORD_HEADER_BYTES));
  if (header.byte() !== TLS_HANDSHAKE || header.byte() !== MAJOR_VERSION) {
    throw new HelloError('expected a TLS handshake, found something else');
  }
  header.byte();
  const length = header.short();
  if (length === 0 || length > MAX_RECORD_BYTES) throw new HelloError('expected TLS records of 1 to 16384 bytes');
  const end = start + RECORD_HEADER_BYTES + length;
  return bytes.length < end ? null : bytes.subarray(start + RECORD_HEADER_BYTES, end);
}

function messageBytes(message: Uint8Array): number {
  const header = new Cursor(message);
  if (header.byte() !== CLIENT_HELLO) throw new HelloError('expected a TLS hello as the first message');
  const length = header.byte() * 0x1_0000 + header.short();
  if (length > MAX_HELLO_BYTES) throw new HelloError(`expected a TLS hello of at most ${MAX_HELLO_BYTES} bytes`);
  return MESSAGE_HEADER_BYTES + length;
}

function helloOf(hello: Cursor): ClientHello {
  hello.take(2 + RANDOM_BYTES);
  hello.take(hello.byte());
  hello.take(hello.short());
  hello.take(hello.byte());
  // A hello of TLS 1.2 may have no extensions.
  if (hello.atEnd) return { serverName: null };
  const extensions = new Cursor(hello.take(hello.short()));
  let serverName: string | null = null;
  while (!extensions.atEnd) {
    const type = extensions.short();
    const data = extensions.take(extensions.short());
    if (type !== SERVER_NAME) continue;
    if (serverName !== null) throw new HelloError('expected one server name extension, found two');
    serverName = nameOf(new Cursor(data));
  }
  return { serverName };
}

function nameOf(data: Cursor): string {
  const list = new Cursor(data.take(data.short()));
  const type = list.byte();
  const name = list.take(list.short());
  if (type !== HOST_NAME || !list.atEnd || !data.atEnd || name.length === 0) {
    throw new HelloError('expected one host name in the server name extension');
  }
  return Buffer.from(name).toString('latin1');
}

/** Reads numbers and runs of bytes one after the other. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.take(1)[0] ?? 0;
  }

  short(): number {
    return this.byte() * 0x100 + this.byte();
  }

  take(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new HelloError('expected a TLS hello whose lengths fit');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
