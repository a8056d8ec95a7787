/** The tags (ITU-T X.690) that a PKCS#12 store needs. */
export const TAG = {
  integer: 0x02,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  explicit0: 0xa0,
} as const;

/** One element in DER: tag, length, and what is in it. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.of(tag), lengthOf(bytes), ...parts]);
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
