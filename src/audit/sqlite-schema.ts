import { DatabaseSync } from 'node:sqlite';
import { createPrivateFile } from './private-file.ts';

/** The version of the tables, kept in the file: a file of another version is refused rather than misread. */
const SCHEMA_VERSION = 1;

/**
 * How long a reader waits for another process to let go of the file. The writer never does: it would stop the event
 * loop, and what fails is tried again.
 */
const READER_TIMEOUT_MS = 2_000;

/**
 * `record` holds every record as its line of the journal; `exchange`, `action` and `approver` hold what an exchange is
 * found by. Times are milliseconds since the epoch. Rows are numbered in the order of the journal, so that nearly all of
 * an insert goes to the end of its table, and of its indexes: ids of exchanges begin with the time.
 */
const TABLES = `
CREATE TABLE cursor (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  segment INTEGER NOT NULL,
  start_byte INTEGER NOT NULL,
  end_byte INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE TABLE record (
  number INTEGER PRIMARY KEY,
  exchange_id TEXT NOT NULL,
  id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  fault TEXT,
  line TEXT NOT NULL,
  UNIQUE (exchange_id, id)
) STRICT;
CREATE TABLE exchange (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  time INTEGER NOT NULL,
  agent TEXT NOT NULL,
  decision TEXT,
  risk TEXT,
  rule TEXT,
  fault TEXT
) STRICT;
CREATE INDEX exchange_by_time ON exchange (time);
CREATE TABLE action (
  exchange INTEGER NOT NULL,
  type TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (exchange, type, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX action_by_type ON action (type, exchange);
CREATE TABLE approver (
  name TEXT NOT NULL,
  exchange_id TEXT NOT NULL,
  PRIMARY KEY (name, exchange_id)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/**
 * Bytes of a page. A page of 4,096 has room for one intent of a usual request and its outcome, and a third of it stays
 * empty; larger ones than this cost more to write again than they save.
 */
const PAGE_BYTES = 8_192;

const REMADE = 'move the file away and it is made anew from the journal';

/** Opens the audit database for writing, mode 0600, making its tables where it is new. Throws for another version. */
export function openAuditDatabase(path: string): DatabaseSync {
  createPrivateFile(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Readers never stop the writer; what a power cut takes back, the cursor goes back with, and the journal has it.
    // The sink says itself when the log is copied into the database, since that waits for the disk.
    // A file that has tables keeps the size of its pages.
    database.exec(`PRAGMA page_size = ${PAGE_BYTES};`);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;');
    const version = versionOf(database);
    if (version === 0) database.exec(`BEGIN IMMEDIATE; ${TABLES} COMMIT;`);
    else checkVersion(path, version);
    return database;
  } catch (error) {
    database.close();
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new Error(`${path}: the audit database cannot be used: ${error.message}; ${REMADE}`, { cause: error });
  }
}

/** Opens it for reading only, whether a gateway is writing it or not. Throws where it cannot be read. */
export function openAuditDatabaseForReading(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: READER_TIMEOUT_MS });
  try {
    checkVersion(path, versionOf(database));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

function checkVersion(path: string, version: number): void {
  if (version === SCHEMA_VERSION) return;
  throw new Error(
    `${path}: expected an audit database of version ${SCHEMA_VERSION}, found version ${version}; ` + REMADE,
  );
}
