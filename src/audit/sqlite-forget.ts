import type { DatabaseSync } from 'node:sqlite';

/** Few enough to hold up the event loop for a millisecond or two. */
const STEP_RECORDS = 200;
/** Leaves most of a busy event loop to requests. */
const REST_MS = 5;

/**
 * Removes the records up to a number, and the exchanges that have none left, step by step. The space is used again. Ends
 * when the database is closed meanwhile.
 */
export async function forgetRecords(database: DatabaseSync, upToSeq: number): Promise<void> {
  while (database.isOpen && forgetStep(database, upToSeq)) {
    await new Promise((resolve) => {
      setTimeout(resolve, REST_MS);
    });
  }
}

/** Removes the oldest; false where none is left that has to go. */
function forgetStep(database: DatabaseSync, upToSeq: number): boolean {
  const oldest = database.prepare('SELECT number, seq, exchange_id FROM record ORDER BY number LIMIT ?');
  const rows = oldest.all(STEP_RECORDS).filter((row) => Number(row['seq']) <= upToSeq);
  const last = rows.at(-1);
  if (last === undefined) return false;
  const exchanges = new Set(rows.map((row) => String(row['exchange_id'])));
  database.exec('BEGIN IMMEDIATE');
  try {
    database.prepare('DELETE FROM record WHERE number <= ? AND seq <= ?').run(Number(last['number']), upToSeq);
    for (const id of exchanges) forgetExchange(database, id);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
  return rows.length === STEP_RECORDS;
}

function forgetExchange(database: DatabaseSync, id: string): void {
  if (database.prepare('SELECT 1 FROM record WHERE exchange_id = ? LIMIT 1').get(id) !== undefined) return;
  database.prepare('DELETE FROM action WHERE exchange = (SELECT number FROM exchange WHERE id = ?)').run(id);
  database.prepare('DELETE FROM approver WHERE exchange_id = ?').run(id);
  database.prepare('DELETE FROM exchange WHERE id = ?').run(id);
}
