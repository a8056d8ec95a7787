import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';

/** As long as the digests that it keys (HMAC-SHA-256). */
const KEY_BYTES = 32;

/**
 * Reads the key of this installation, or makes one. It keys the digests that stand for secrets in records and
 * approvals, so that nobody can find a short secret by trying; it is kept, so that the digests stay comparable. Throws
 * when the file is there and holds no key.
 */
export async function installKey(file: string): Promise<Uint8Array> {
  try {
    // `wx` fails where the file exists: two starts at once end up with one key.
    await writeFile(file, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const key = await readFile(file);
  if (key.length !== KEY_BYTES) {
    throw new Error(
      `expected a key of ${KEY_BYTES} bytes in ${file}, found ${key.length}: move the file away to get a new key`,
    );
  }
  return key;
}
