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
 * `record` holds every record as its line of the journal, and the members that filters ask for; `exchange`, `action`
 * and `approver` hold what a whole exchange is found by. Times are milliseconds since the epoch.
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
  id TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  exchange_id TEXT,
  fault TEXT,
  line TEXT NOT NULL
) STRICT;
CREATE INDEX record_by_exchange ON record (exchange_id) WHERE exchange_id IS NOT NULL;
CREATE INDEX record_by_kind ON record (kind, time);
CREATE INDEX record_by_time ON record (time);
CREATE TABLE exchange (
  id TEXT PRIMARY KEY,
  time INTEGER NOT NULL,
  agent TEXT NOT NULL,
  decision TEXT,
  risk TEXT,
  rule TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX exchange_by_time ON exchange (time);
CREATE INDEX exchange_by_decision ON exchange (decision, time);
CREATE INDEX exchange_by_risk ON exchange (risk, time);
CREATE INDEX exchange_by_rule ON exchange (rule, time);
CREATE INDEX exchange_by_agent ON exchange (agent, time);
CREATE TABLE action (
  exchange_id TEXT NOT NULL,
  type TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (exchange_id, type, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX action_by_type ON action (type);
CREATE INDEX action_by_target ON action (target);
CREATE TABLE approver (
  exchange_id TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (exchange_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX approver_by_name ON approver (name);
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Opens the audit database for writing, mode 0600, making its tables where it is new. Throws for another version. */
export function openAuditDatabase(path: string): DatabaseSync {
  createPrivateFile(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Readers never stop the writer; what a power cut takes back, the cursor goes back with, and the journal has it.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
    const version = versionOf(database);
    if (version === 0) database.exec(`BEGIN IMMEDIATE; ${TABLES} COMMIT;`);
    else checkVersion(path, version);
    return database;
  } catch (error) {
    database.close();
    throw error;
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
    `${path}: expected an audit database of version ${SCHEMA_VERSION}, found version ${version}; ` +
      'move the file away and it is made anew from the journal',
  );
}
