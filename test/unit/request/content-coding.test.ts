import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openCodings } from '../../../src/request/content-coding.ts';
import { codeOf } from './heads.ts';

const TEXT = Buffer.from('{"amount":5000,"to":"é"}');
const LIMIT = 1_000_000;
const COMPRESS = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync } as const;
const CODINGS = ['gzip', 'deflate', 'br', 'zstd'] as const;

function open(bytes: Uint8Array, codings: readonly string[], maxBytes = LIMIT): string {
  const result = openCodings(bytes, codings, maxBytes);
  return result.ok ? Buffer.from(result.value).toString() : result.fault.code;
}

describe.each(CODINGS)('%s', (coding) => {
  const compress = COMPRESS[coding];

  it('is opened', () => {
    expect(open(compress(TEXT), [coding])).toBe(TEXT.toString());
    expect(open(compress(Buffer.alloc(0)), [coding])).toBe('');
    const large = Buffer.alloc(300_000, 'abcdefghij0123');
    expect(open(compress(large), [coding])).toBe(large.toString());
  });

  it('is opened from the middle of a larger buffer', () => {
    const whole = Buffer.concat([Buffer.from('before'), compress(TEXT), Buffer.from('after')]);
    expect(open(whole.subarray(6, -5), [coding])).toBe(TEXT.toString());
  });

  it('is refused when it is cut off, at every byte', () => {
    const bytes = compress(TEXT);
    for (let length = 1; length < bytes.length; length += 1) {
      expect(open(bytes.subarray(0, length), [coding])).toBe('malformed-body');
    }
  });

  it('is refused with anything behind it', () => {
    for (const tail of ['x', '\0', '{"amount":1}', '\0'.repeat(8)]) {
      expect(open(Buffer.concat([compress(TEXT), Buffer.from(tail)]), [coding])).toBe('malformed-body');
    }
  });

  it('is refused with a second stream behind it, which some servers read and others do not', () => {
    expect(open(Buffer.concat([compress(TEXT), compress(TEXT)]), [coding])).toBe('malformed-body');
    expect(open(Buffer.concat([compress(Buffer.alloc(0)), compress(TEXT)]), [coding])).toBe('malformed-body');
  });

  it('is refused when it expands beyond the limit, exactly', () => {
    expect(open(compress(TEXT), [coding], TEXT.length)).toBe(TEXT.toString());
    expect(open(compress(TEXT), [coding], TEXT.length - 1)).toBe('body-too-complex');
    expect(open(compress(Buffer.alloc(20_000_000)), [coding], LIMIT)).toBe('body-too-complex');
  });

  it('is refused when it is not what it says', () => {
    expect(open(TEXT, [coding])).toBe('malformed-body');
    expect(open(Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]), [coding])).toBe('malformed-body');
  });
});

describe('layers', () => {
  it('are opened from the last to the first', () => {
    expect(open(brotliCompressSync(gzipSync(TEXT)), ['gzip', 'br'])).toBe(TEXT.toString());
    expect(open(gzipSync(gzipSync(gzipSync(TEXT))), ['gzip', 'gzip', 'gzip'])).toBe(TEXT.toString());
    expect(open(brotliCompressSync(gzipSync(TEXT)), ['br', 'gzip'])).toBe('malformed-body');
  });

  it('are at most three', () => {
    expect(open(TEXT, ['gzip', 'gzip', 'gzip', 'gzip'])).toBe('body-too-complex');
  });

  it('are each bounded', () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(20_000_000)));
    expect(bomb.length).toBeLessThan(1000);
    expect(open(bomb, ['gzip', 'gzip'])).toBe('body-too-complex');
  });

  it('of an unknown coding are refused', () => {
    for (const coding of ['compress', 'aws-chunked', 'exi', 'constructor', '']) {
      expect(codeOf(openCodings(gzipSync(TEXT), [coding], LIMIT))).toBe('unsupported-encoding');
    }
  });
});

describe('a stream that some servers would read as something else is refused', () => {
  it('raw deflate, which is not what the coding deflate means', () => {
    expect(open(deflateRawSync(TEXT), ['deflate'])).toBe('malformed-body');
  });

  it('gzip with a wrong checksum or length', () => {
    const bytes = gzipSync(TEXT);
    for (const at of [bytes.length - 1, bytes.length - 5]) {
      const wrong = Buffer.from(bytes);
      wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at);
      expect(open(wrong, ['gzip'])).toBe('malformed-body');
    }
  });

  it('gzip with reserved flags, while names, comments and extra fields are read over', () => {
    const bytes = gzipSync(TEXT);
    const reserved = Buffer.from(bytes);
    reserved.writeUInt8(0x20, 3);
    expect(open(reserved, ['gzip'])).toBe('malformed-body');
    const head = Buffer.from(bytes.subarray(0, 10));
    head.writeUInt8(0x1c, 3);
    const named = Buffer.concat([head, Buffer.from([2, 0, 1, 2]), Buffer.from('name\0comment\0'), bytes.subarray(10)]);
    expect(open(named, ['gzip'])).toBe(TEXT.toString());
  });

  it('zstd with a skippable frame before or behind it', () => {
    const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
    expect(open(Buffer.concat([skippable, zstdCompressSync(TEXT)]), ['zstd'])).toBe('malformed-body');
    expect(open(Buffer.concat([zstdCompressSync(TEXT), skippable]), ['zstd'])).toBe('malformed-body');
  });

  it('zstd that needs a dictionary, or a window beyond 8 MiB', () => {
    const dictionary = Buffer.from(zstdCompressSync(TEXT));
    dictionary.writeUInt8(dictionary.readUInt8(4) | 1, 4);
    expect(open(dictionary, ['zstd'])).toBe('malformed-body');
    // RFC 8878 section 3.1.1.1.2: exponent 14 is a window of 2 to the power of 24.
    const window = Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3]),
      Buffer.from([0x09, 0, 0, 0x41]),
    ]);
    expect(open(window, ['zstd'])).toBe('malformed-body');
    const allowed = Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3]),
      Buffer.from([0x09, 0, 0, 0x41]),
    ]);
    expect(open(allowed, ['zstd'])).toBe('A');
  });

  it('compressed data that is text all through, which a server that ignores Content-Encoding would read', () => {
    // A zlib stream of one stored block would have control characters; text of any kind is refused before it is opened.
    expect(open(Buffer.from('x^{"amount":5000}'), ['deflate'])).toBe('malformed-body');
    expect(open(Buffer.from('amount=5000&to=é'), ['br'])).toBe('malformed-body');
  });
});
