import { constants, crc32, brotliDecompressSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { failed, passed, type Outcome } from '../model/fault.ts';
import { isText } from './text.ts';

/** Nobody compresses twice on purpose; each layer multiplies what a bomb can expand to (CWE-409). */
const MAX_LAYERS = 3;

/** RFC 9659: the largest window a zstd decoder has to offer for HTTP is 8 MiB, that is 2 to the power of 23. */
const MAX_ZSTD_WINDOW_LOG = 23;

/** A compressed text opened, and how many bytes of the input that took. */
interface Opened {
  readonly bytes: Uint8Array;
  readonly consumed: number;
}
type Opener = (bytes: Uint8Array, maxBytes: number) => Opened;

const OPENERS: ReadonlyMap<string, Opener> = new Map([
  ['gzip', openGzip],
  ['deflate', (bytes, maxOutputLength) => opened(inflateSync(bytes, { info: true, maxOutputLength }))],
  ['br', (bytes, maxOutputLength) => opened(brotliDecompressSync(bytes, { info: true, maxOutputLength }))],
  ['zstd', openZstd],
]);

/**
 * Opens content codings, given in the order in which they were applied (RFC 9110 section 8.4). Each has to be exactly
 * one stream: what follows it, or a second gzip member or zstd frame, is read by some servers and not by others. A
 * stream that is also plain text is refused, since a server that ignores Content-Encoding would read that. Faults:
 * unsupported-encoding, malformed-body, body-too-complex (more than `maxBytes` on any layer).
 */
export function openCodings(bytes: Uint8Array, codings: readonly string[], maxBytes: number): Outcome<Uint8Array> {
  if (codings.length > MAX_LAYERS) {
    return failed('body-too-complex', `expected at most ${MAX_LAYERS} content codings, found ${codings.length}`);
  }
  let current = bytes;
  for (const coding of codings.toReversed()) {
    const opener = OPENERS.get(coding);
    if (opener === undefined)
      return failed('unsupported-encoding', 'expected gzip, deflate, br or zstd as content coding');
    const layer = openLayer(current, coding, (input) => opener(input, maxBytes));
    if (!layer.ok) return layer;
    current = layer.value;
  }
  return passed(current);
}

function openLayer(bytes: Uint8Array, coding: string, open: (bytes: Uint8Array) => Opened): Outcome<Uint8Array> {
  // An empty brotli stream is one legible character, in which nothing can hide.
  if (bytes.length > 1 && isText(bytes)) return failed('malformed-body', `expected ${coding} data, found text`);
  try {
    const result = open(bytes);
    if (result.consumed === bytes.length) return passed(result.bytes);
    return failed('malformed-body', `expected the body to end with its ${coding} stream, found more bytes`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ERR_BUFFER_TOO_LARGE')
      return failed('body-too-complex', `the ${coding} body expands beyond what is judged`);
    return failed('malformed-body', `expected valid ${coding} data`);
  }
}

const GZIP_HEADER_BYTES = 10;
const GZIP_TRAILER_BYTES = 8;
const [FLAG_HEADER_CRC, FLAG_EXTRA, FLAG_NAME, FLAG_COMMENT] = [0x02, 0x04, 0x08, 0x10];
const RESERVED_FLAGS = 0xe0;

/** One gzip member (RFC 1952); the platform's reader would go on to further ones without saying so. */
function openGzip(input: Uint8Array, maxOutputLength: number): Opened {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const start = gzipHeaderLength(bytes);
  const { bytes: output, consumed } = opened(inflateRawSync(bytes.subarray(start), { info: true, maxOutputLength }));
  const trailer = start + consumed;
  const intact = bytes.readUInt32LE(trailer) === crc32(output) && bytes.readUInt32LE(trailer + 4) === output.length;
  if (!intact) throw new RangeError('gzip trailer');
  return { bytes: output, consumed: trailer + GZIP_TRAILER_BYTES };
}

function gzipHeaderLength(bytes: Buffer): number {
  const flags = bytes.readUInt8(3);
  if (bytes.readUIntBE(0, 3) !== 0x1f_8b_08 || (flags & RESERVED_FLAGS) !== 0) throw new RangeError('gzip header');
  let at = GZIP_HEADER_BYTES;
  if ((flags & FLAG_EXTRA) !== 0) at += 2 + bytes.readUInt16LE(at);
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) {
    if ((flags & flag) === 0) continue;
    const end = bytes.indexOf(0, at);
    if (end === -1) throw new RangeError('gzip header text');
    at = end + 1;
  }
  return (flags & FLAG_HEADER_CRC) === 0 ? at : at + 2;
}

function openZstd(input: Uint8Array, maxOutputLength: number): Opened {
  const params = { [constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG };
  const frame = zstdFrameLength(Buffer.from(input.buffer, input.byteOffset, input.byteLength));
  const result = opened(zstdDecompressSync(input, { info: true, maxOutputLength, params }));
  return { bytes: result.bytes, consumed: Math.min(frame, result.consumed) };
}

/** The length of the first zstd frame (RFC 8878 section 3.1.1); throws a RangeError where it is none or is cut off. */
function zstdFrameLength(bytes: Buffer): number {
  const descriptor = bytes.readUInt8(4);
  // Frames that need a dictionary are refused: nobody has agreed on one.
  if (bytes.readUInt32LE(0) !== 0xfd_2f_b5_28 || (descriptor & 0x03) !== 0) throw new RangeError('zstd header');
  const singleSegment = (descriptor & 0x20) !== 0;
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  let at = 5 + (singleSegment ? 0 : 1) + contentSizeBytes;
  for (;;) {
    const header = bytes.readUIntLE(at, 3);
    const type = (header >> 1) & 0x03;
    at += 3 + (type === 1 ? 1 : header >> 3);
    if ((header & 1) === 1) break;
  }
  return at + ((descriptor & 0x04) === 0 ? 0 : 4);
}

/** The platform's types leave `info` out: with it, the stream that did the work comes along. */
function opened(result: unknown): Opened {
  if (!isDetailed(result)) throw new TypeError('expected a buffer and its stream');
  return { bytes: result.buffer, consumed: result.engine.bytesWritten };
}

function isDetailed(
  result: unknown,
): result is { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } } {
  if (typeof result !== 'object' || result === null || !('buffer' in result) || !('engine' in result)) return false;
  const { buffer, engine } = result;
  return buffer instanceof Uint8Array && typeof engine === 'object' && engine !== null && 'bytesWritten' in engine;
}
