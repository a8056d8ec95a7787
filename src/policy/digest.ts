import { createHash } from 'node:crypto';
import type { Digest } from '../model/brand.ts';

/** SHA-256 of texts that follow one another. */
export function sha256(...texts: readonly string[]): Digest {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text);
  const digest = hash.digest('hex');
  if (!isDigest(digest)) throw new TypeError('SHA-256 gave something that is no digest');
  return digest;
}

function isDigest(text: string): text is Digest {
  return /^[0-9a-f]{64}$/u.test(text);
}
