import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { installKey } from './install-key.ts';
import type { Log } from './model/ports.ts';

/** Whoever can write the folder can put another journal or other approvals into the place of those in it. */
const WRITABLE_BY_OTHERS = 0o022;
const FOLDER_MODE = 0o700;

/**
 * Makes the data folder ready and returns the key of this installation, the first file in it. Rejects with a message
 * that says what to do when the folder cannot be made or written.
 */
export async function openDataFolder(folder: string, keyFile: string, log: Log): Promise<Uint8Array> {
  try {
    await make(folder);
    const key = await installKey(keyFile);
    const { mode } = await stat(folder);
    if ((mode & WRITABLE_BY_OTHERS) !== 0) {
      const found = (mode & 0o777).toString(8);
      log.warn('data.folder-writable-by-others', {
        folder,
        mode: found,
        advice: 'make it 700, or mount it into no other container',
      });
    }
    return key;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new Error(
      `the data folder ${folder} cannot be used: ${error.message}; expected a folder that the gateway may make and write ` +
        '(data_dir in the configuration, AEGIS_DATA_DIR or --data-dir)',
      { cause: error },
    );
  }
}

/** Node tries a recursive mkdir without end where the parent is there and still nothing can be made in it (/proc). */
async function make(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: FOLDER_MODE });
  } catch (error) {
    if (await isFolder(folder)) return;
    if (await isFolder(dirname(folder))) throw error;
    await make(dirname(folder));
    await mkdir(folder, { mode: FOLDER_MODE });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
