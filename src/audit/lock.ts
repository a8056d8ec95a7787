import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from './append-queue.ts';
import { createPrivateFile } from './private-file.ts';

/** The journal is in use by another process. */
export class JournalLockedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JournalLockedError';
  }
}

/** Who holds a lock: for the message to whoever is refused. */
export interface LockOwner {
  readonly pid: number;
  /** RFC 3339. */
  readonly since: string;
}

/**
 * Takes the lock of a journal directory and holds it until `release`. The lock is an SQLite write lock on a file of its
 * own: the kernel drops it with the process, also after kill -9 and across pid namespaces, where a file with a pid in
 * it would lie (the gateway of a container is pid 1 every time). The file stays empty, since SQLite brings all that it
 * writes to the disk, which no lock needs. Throws `JournalLockedError`, or an error that says why nobody can take it: a
 * disk that is full or read-only.
 */
export function lockDirectory(dir: string, owner: LockOwner): { readonly release: () => void } {
  const path = join(dir, 'lock.db');
  createPrivateFile(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('BEGIN IMMEDIATE');
    writeFileSync(ownerFile(dir), `${JSON.stringify(owner)}\n`, { mode: 0o600 });
  } catch (error) {
    database.close();
    if (!isBusy(error))
      throw new Error(`the lock of the journal in ${dir} cannot be taken: ${messageOf(error)}`, { cause: error });
    throw new JournalLockedError(
      `expected to be the only writer of the journal in ${dir}, but ${describeHolder(dir)} writes it; stop that one or use another data folder`,
      { cause: error },
    );
  }
  return { release: () => database.close() };
}

/** Says who took the lock last. Only believed while somebody holds it. */
function ownerFile(dir: string): string {
  return join(dir, 'lock.json');
}

/** SQLITE_BUSY; the byte above it says of what kind (https://www.sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY;
}

function describeHolder(dir: string): string {
  try {
    const owner: unknown = JSON.parse(readFileSync(ownerFile(dir), 'utf8'));
    return isOwner(owner) ? `process ${owner.pid} (since ${owner.since})` : 'another process';
  } catch {
    return 'another process';
  }
}

function isOwner(value: unknown): value is LockOwner {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('since' in value)) return false;
  return typeof value.pid === 'number' && typeof value.since === 'string';
}
