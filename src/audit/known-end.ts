import { existsSync } from 'node:fs';
import type { JournalPosition } from './segment.ts';
import { cursorFits } from './sink-reader.ts';
import type { SinkCursor } from './sink.ts';
import { SqliteReader } from './sqlite-reader.ts';
import { openAuditDatabaseForReading } from './sqlite-schema.ts';

/**
 * Up to where the audit database has the journal; null where there is no database, or none that can be read. It reads no
 * further than the journal is on the disk, so no crash takes back what it has.
 */
export function knownEndOf(databasePath: string): SinkCursor | null {
  if (!existsSync(databasePath)) return null;
  try {
    const reader = new SqliteReader(openAuditDatabaseForReading(databasePath));
    try {
      return reader.cursor();
    } finally {
      reader.close();
    }
  } catch {
    // A database that cannot be read knows nothing; who needs it says what is wrong with it.
    return null;
  }
}

/**
 * Why a journal cannot be the whole of what it was: it does not hold the newest record that the audit database has.
 * Null where it does, or where nothing is known. `end`: where the journal is to be cut off, if anywhere.
 */
export async function cutProblem(
  dir: string,
  known: SinkCursor | null,
  end: JournalPosition | null = null,
): Promise<string | null> {
  const within = known === null || end === null || known.segment !== end.segment || known.end <= end.offset;
  if (known === null || (within && (await cursorFits(dir, known)))) return null;
  return (
    `the audit database has records of segment ${known.segment} up to byte ${known.end} that the journal does not hold: ` +
    'records were cut off, or files of the journal were removed or replaced'
  );
}
