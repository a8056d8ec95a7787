import { randomBytes, randomUUID } from 'node:crypto';
import { link, open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** As long as the digests that it keys (HMAC-SHA-256). */
const KEY_BYTES = 32;

/**
 * Reads the key of this installation, or makes one. It keys the digests that stand for secrets in records and
 * approvals, so that nobody can find a short secret by trying; it is kept, so that the digests stay comparable. Throws
 * when the file is there and holds no key.
 */
export async function installKey(file: string): Promise<Uint8Array> {
  const key = (await readKey(file)) ?? (await makeKey(file));
  if (key.length !== KEY_BYTES) {
    throw new Error(
      `expected a key of ${KEY_BYTES} bytes in ${file}, found ${key.length}: move the file away to get a new key`,
    );
  }
  return key;
}

async function readKey(file: string): Promise<Uint8Array | null> {
  try {
    return await readFile(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** The file is there once the key is on the disk: neither a full one nor a power cut leaves one that holds none. */
async function makeKey(file: string): Promise<Uint8Array> {
  const made = `${file}.${randomUUID()}.new`;
  try {
    await writeFile(made, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx', flush: true });
    // Fails where the file exists: two starts at once end up with one key.
    await link(made, file).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
  } finally {
    await rm(made, { force: true });
  }
  await syncFolder(dirname(file));
  return await readFile(file);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
