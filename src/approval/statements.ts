import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Every statement of the store, prepared once. Those that change a phase name the phase that they expect: they are the compare-and-swap. */
const SQL = {
  byName: 'SELECT * FROM approvals WHERE name = ?',
  decisions: 'SELECT approver, verdict, reason, at FROM decisions WHERE approval = ? ORDER BY at, rowid',
  live: `SELECT * FROM approvals WHERE fingerprint = ? AND phase IN ('pending', 'approved')`,
  covering: `SELECT * FROM approvals INDEXED BY by_scope
    WHERE scope_key = :scopeKey AND world_key = :worldKey AND phase = 'approved' AND expires_at > :now
    ORDER BY expires_at DESC, seq DESC LIMIT 1`,
  // Each half by its own index: as one condition it walks through all that are pending, for every request.
  outdated: `SELECT * FROM approvals WHERE seq IN (
      SELECT seq FROM approvals INDEXED BY by_request
        WHERE request_key = :requestKey AND phase IN ('pending', 'approved') AND expires_at > :now AND fingerprint <> :fingerprint
      UNION ALL
      SELECT seq FROM approvals INDEXED BY by_scope
        WHERE phase = 'approved' AND scope_key = :scopeKey AND world_key <> :worldKey AND expires_at > :now
          AND fingerprint <> :fingerprint)
    ORDER BY seq DESC LIMIT 1`,
  newestOf: 'SELECT * FROM approvals WHERE fingerprint = ? ORDER BY seq DESC LIMIT 1',
  newestEnded: `SELECT * FROM approvals
    WHERE request_key = ? AND phase NOT IN ('pending', 'approved') ORDER BY seq DESC LIMIT 1`,
  names: 'SELECT name FROM approvals WHERE base = ?',
  insert: `INSERT INTO approvals
    (name, base, fingerprint, request_key, world_key, scope, scope_key, ask, brief, phase, created_at, expires_at, grant_ms, predecessor)
    VALUES (:name, :base, :fingerprint, :requestKey, :worldKey, :scope, :scopeKey, :ask, :brief, 'pending', :now, :expiresAt, :grantMs, :predecessor)`,
  list: `SELECT name, brief AS ask, phase, created_at, expires_at, consumed_at, void_reason, uses, predecessor FROM approvals
    WHERE phase IN (SELECT value FROM json_each(:phases)) ORDER BY seq DESC LIMIT :limit`,
  countPending: `SELECT count(*) AS count FROM approvals WHERE phase = 'pending' AND expires_at > ?`,
  addDecision:
    'INSERT INTO decisions (approval, approver, verdict, reason, at) VALUES (:name, :approver, :verdict, :reason, :at)',
  deny: `UPDATE approvals SET phase = 'denied', ended_at = :at WHERE name = :name AND phase = 'pending'`,
  grant: `UPDATE approvals SET phase = 'approved', expires_at = :at + grant_ms WHERE name = :name AND phase = 'pending'`,
  consume: `UPDATE approvals SET phase = 'consumed', consumed_at = :now, ended_at = :now
    WHERE name = :name AND phase = 'approved' AND scope = 'once' AND expires_at > :now`,
  use: `UPDATE approvals SET uses = uses + 1
    WHERE name = :name AND phase = 'approved' AND scope <> 'once' AND expires_at > :now`,
  expire: `UPDATE approvals SET phase = 'expired', ended_at = expires_at
    WHERE name = :name AND phase IN ('pending', 'approved') AND expires_at <= :now`,
  tell: `UPDATE approvals SET told = 1 WHERE name = ? AND phase = 'expired' AND told = 0`,
  annul: `UPDATE approvals SET phase = 'void', void_reason = :reason, ended_at = :now
    WHERE name = :name AND phase IN ('pending', 'approved')`,
  overdue: `SELECT name FROM approvals WHERE phase IN ('pending', 'approved') AND expires_at <= ? ORDER BY seq LIMIT 1000`,
  prune: `DELETE FROM approvals WHERE phase NOT IN ('pending', 'approved') AND ended_at < :before AND expires_at < :before`,
  pruneBeyond: `DELETE FROM approvals WHERE seq IN
    (SELECT seq FROM approvals WHERE phase NOT IN ('pending', 'approved') ORDER BY seq DESC LIMIT -1 OFFSET ?)`,
  version: 'PRAGMA data_version',
} as const;

/** Gives a prepared statement by its name. */
export type Statements = (name: keyof typeof SQL) => StatementSync;

/** Prepares them all: a mistake in one shows at the start, not at the first approval. */
export function prepareStatements(database: DatabaseSync): Statements {
  const prepared = new Map(Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]));
  return (name) => {
    const statement = prepared.get(name);
    if (statement === undefined) throw new TypeError(`expected a statement of the store, found ${name}`);
    return statement;
  };
}
