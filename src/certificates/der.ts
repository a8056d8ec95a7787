/** The tags (ITU-T X.690) that a certificate and a PKCS#12 store need. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  explicit0: 0xa0,
  explicit3: 0xa3,
} as const;

/** One element in DER: tag, length, and what is in it. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const length = lengthOf(bytes);
  return Buffer.concat([Buffer.of(tag), length, ...parts], 1 + length.length + bytes);
}

/** A whole number that is not negative and below 2^31. */
export function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  const first = bytes.findIndex((byte) => byte !== 0);
  const start = first === -1 ? 3 : first;
  // A leading bit of one would make it negative.
  return element(TAG.integer, bytes.subarray((bytes[start] ?? 0) > 0x7f ? start - 1 : start));
}

/** An object identifier from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(TAG.objectIdentifier, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** A text in the basic multilingual plane. */
export function bmpString(text: string): Buffer {
  return element(TAG.bmpString, bigEndianText(text));
}

/** Bits of which the last `unused` count for nothing. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return element(TAG.bitString, Buffer.of(unused), bytes);
}

/** RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime after it; neither with fractions of a second. */
export function time(milliseconds: number): Buffer {
  const date = new Date(milliseconds);
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/gu, '')}Z`;
  if (date.getUTCFullYear() >= 2050) return element(TAG.generalizedTime, Buffer.from(digits));
  return element(TAG.utcTime, Buffer.from(digits.slice(2)));
}

/** The UTF-16 code units of a text, the higher byte first. */
export function bigEndianText(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}

function lengthOf(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.of(bytes);
  const digits: number[] = [];
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return Buffer.of(0x80 | digits.length, ...digits);
}

function base128(value: number): readonly number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(0x80 | (rest % 128));
  return digits;
}
