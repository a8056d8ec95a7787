import { hash } from 'node:crypto';
import { bigEndianText } from './der.ts';

/** Sizes of SHA-256 in bytes: its block and its digest. */
const BLOCK_BYTES = 64;
/** Which of the three keys of RFC 7292 appendix B.3 is made: the one of a MAC. */
const FOR_MAC = 3;

/**
 * The key of the MAC of a PKCS#12 store (RFC 7292 appendix B.2) with SHA-256. Its 32 bytes are one digest, so that the
 * chaining of further blocks never comes up.
 */
export function macKeyOf(password: string, salt: Uint8Array, iterations: number): Buffer {
  // The password ends in two zero bytes.
  const secret = Buffer.concat([bigEndianText(password), Buffer.alloc(2)]);
  let key = Buffer.concat([Buffer.alloc(BLOCK_BYTES, FOR_MAC), repeated(salt), repeated(secret)]);
  for (let round = 0; round < iterations; round += 1) key = hash('sha256', key, 'buffer');
  return key;
}

/** The bytes over and over, up to whole blocks. */
function repeated(bytes: Uint8Array): Buffer {
  return Buffer.alloc(Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES, bytes);
}
