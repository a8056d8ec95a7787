import type { Digest } from '../model/brand.ts';

/** Crockford's alphabet: no letter in it is taken for a digit or for another letter. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const BITS_PER_LETTER = 5n;
/** 50 bits: short enough to type, long enough that two requests on one screen do not share a name by chance. */
const LETTERS = 10;
const HEX_DIGITS = 13;

/** What every name of an approval looks like. */
export const APPROVAL_NAME = /^apr-[0-9a-hjkmnp-tv-z]{10}(?:-[1-9]\d{0,5})?$/u;

/** The name of the first approval of a fingerprint, such as `apr-7zq3k9x2mb`. */
export function baseNameOf(fingerprint: Digest): string {
  let bits = BigInt(`0x${fingerprint.slice(0, HEX_DIGITS)}`);
  let letters = '';
  for (let index = 0; index < LETTERS; index += 1) {
    letters = `${ALPHABET[Number(bits & 31n)] ?? ''}${letters}`;
    bits >>= BITS_PER_LETTER;
  }
  return `apr-${letters}`;
}

/** The name of a later approval of the same fingerprint: `-2`, `-3` and so on; the first has no number. */
export function numberedName(base: string, number: number): string {
  return number === 1 ? base : `${base}-${number}`;
}

/** The number in a name; 1 when it has none. */
export function numberOf(name: string): number {
  const end = name.slice('apr-'.length + LETTERS);
  return end === '' ? 1 : Number(end.slice(1));
}
