import { closeSync, openSync, statSync } from 'node:fs';
import { isMissing } from './segment.ts';

/**
 * Creates an empty file with mode 0600 where there is none: SQLite would create it readable by all. One that exists is
 * never opened here, since closing it would drop every lock that this process holds on it (fcntl(2)).
 */
export function createPrivateFile(path: string): void {
  try {
    statSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    closeSync(openSync(path, 'a', 0o600));
  }
}
