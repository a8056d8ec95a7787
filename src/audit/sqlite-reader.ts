import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { AuditRecord } from '../model/record.ts';
import { parseRecord } from './chain.ts';
import type { SinkCursor } from './sink.ts';
import { cursorOf } from './sqlite-sink.ts';
import type { TrailFilter } from './trail-filter.ts';

/** Finds exchanges in the audit database. It narrows down; whoever asks still looks at what comes out. */
export class SqliteReader {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Up to where the sink has the journal. */
  cursor(): SinkCursor | null {
    const row = this.#database.prepare('SELECT segment, start_byte, end_byte, hash FROM cursor').get();
    return row === undefined ? null : cursorOf(row);
  }

  /** The exchanges that may fit the filter, newest first. */
  *candidates(filter: TrailFilter): Generator<string> {
    const { where, values } = conditionsOf(filter);
    const text = `SELECT id FROM exchange ${where} ORDER BY time DESC`;
    for (const row of this.#database.prepare(text).iterate(...values)) yield String(row['id']);
  }

  /** The records of an exchange, or the one record of this id where it belongs to none; oldest first. */
  recordsOf(id: string): readonly AuditRecord[] {
    const text = "SELECT line FROM record WHERE exchange_id = ?1 OR (exchange_id = '' AND id = ?1) ORDER BY seq";
    return this.#database.prepare(text).all(id).map(recordOf);
  }

  /** The exchange that a record belongs to; null when it belongs to none or is not known. Looks through all records. */
  exchangeOf(recordId: string): string | null {
    const row = this.#database
      .prepare("SELECT exchange_id FROM record WHERE id = ? AND exchange_id <> ''")
      .get(recordId);
    return row === undefined ? null : String(row['exchange_id']);
  }

  close(): void {
    this.#database.close();
  }
}

function recordOf(row: Record<string, unknown>): AuditRecord {
  return parseRecord(Buffer.from(String(row['line'])));
}

interface Conditions {
  readonly where: string;
  readonly values: readonly SQLInputValue[];
}

function conditionsOf(filter: TrailFilter): Conditions {
  const found: readonly (readonly [string, SQLInputValue | null])[] = [
    ['time >= ?', filter.since],
    ['time <= ?', filter.until],
    ['decision = ?', filter.decision],
    ['rule = ?', filter.rule],
    ['agent = ?', filter.agent],
    ['risk = ?', filter.risk],
    ['id = ?', filter.exchange],
    ['id IN (SELECT exchange_id FROM approver WHERE name = ?)', filter.approver],
    ['number IN (SELECT exchange FROM action WHERE type = ?)', filter.action?.literal ?? null],
  ];
  const asked = found.flatMap(([text, value]) => (value === null ? [] : [{ text, value }]));
  const where = asked.length === 0 ? '' : `WHERE ${asked.map(({ text }) => text).join(' AND ')}`;
  return { where, values: asked.map(({ value }) => value) };
}
