import type { DatabaseSync } from 'node:sqlite';
import { ApprovalStoreError } from './store-error.ts';

/**
 * The steps from an empty file to the present tables. A step that was released is never changed; a new one is added.
 * `seq` orders approvals that were made in the same millisecond; `brief` is the ask without what a list does not show.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE approvals (
     seq INTEGER PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     base TEXT NOT NULL,
     fingerprint TEXT NOT NULL,
     request_key TEXT NOT NULL,
     world_key TEXT NOT NULL,
     scope TEXT NOT NULL CHECK (scope IN ('once', 'action', 'target')),
     scope_key TEXT,
     ask TEXT NOT NULL,
     brief TEXT NOT NULL,
     phase TEXT NOT NULL CHECK (phase IN ('pending', 'approved', 'denied', 'expired', 'consumed', 'void')),
     created_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     grant_ms INTEGER NOT NULL,
     ended_at INTEGER,
     consumed_at INTEGER,
     void_reason TEXT,
     told INTEGER NOT NULL DEFAULT 0,
     uses INTEGER NOT NULL DEFAULT 0,
     predecessor TEXT
   ) STRICT;
   CREATE UNIQUE INDEX one_live_per_fingerprint ON approvals (fingerprint) WHERE phase IN ('pending', 'approved');
   CREATE INDEX by_fingerprint ON approvals (fingerprint, seq);
   CREATE INDEX by_request ON approvals (request_key, seq);
   CREATE INDEX by_scope ON approvals (scope_key, world_key) WHERE phase = 'approved';
   CREATE INDEX by_base ON approvals (base);
   CREATE INDEX by_phase ON approvals (phase, expires_at);
   CREATE TABLE decisions (
     approval TEXT NOT NULL REFERENCES approvals (name) ON DELETE CASCADE,
     approver TEXT NOT NULL,
     verdict TEXT NOT NULL CHECK (verdict IN ('approved', 'denied')),
     reason TEXT NOT NULL,
     at INTEGER NOT NULL,
     PRIMARY KEY (approval, approver)
   ) STRICT;`,
];

/** Brings the file to the present version. Throws when a newer gateway wrote it: its grants could mean something else. */
export function migrate(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT');
    const found = versionOf(database);
    if (found > MIGRATIONS.length) {
      throw new ApprovalStoreError(
        `expected a database of approvals of version ${MIGRATIONS.length} or older, found version ${found}: run the gateway that wrote it, or newer`,
      );
    }
    for (const step of MIGRATIONS.slice(found)) database.exec(step);
    database.exec('DELETE FROM schema_version');
    database.prepare('INSERT INTO schema_version (version) VALUES (?)').run(MIGRATIONS.length);
    database.exec('COMMIT');
  } catch (error) {
    // A full disk has ended the transaction already; the rollback would fail, and hide why.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(database: DatabaseSync): number {
  const version = database.prepare('SELECT max(version) AS version FROM schema_version').get()?.['version'];
  return typeof version === 'number' ? version : 0;
}
