import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AuditRecord } from '../model/record.ts';
import { digestOf } from './chain.ts';
import type { Sink, SinkBatch, SinkCursor, SinkRecord } from './sink.ts';
import { openAuditDatabase } from './sqlite-schema.ts';

/** Opens the embedded sink at `path`. Throws where the file cannot be used. */
export function openSqliteSink(path: string): Sink {
  return new SqliteSink(openAuditDatabase(path));
}

/** A batch and its cursor go in by one transaction, so that a crash leaves both or neither. */
class SqliteSink implements Sink {
  readonly name = 'sqlite';
  readonly #database: DatabaseSync;
  readonly #insert: Inserts;
  readonly #readCursor: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insert = new Inserts(database);
    this.#readCursor = database.prepare('SELECT segment, start_byte, end_byte, hash FROM cursor');
  }

  async cursor(): Promise<SinkCursor | null> {
    const row = this.#readCursor.get();
    return await Promise.resolve(row === undefined ? null : cursorOf(row));
  }

  async deliver({ records, cursor }: SinkBatch): Promise<void> {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      for (const record of records) this.#insert.record(record);
      this.#insert.cursor(cursor);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
    await Promise.resolve();
  }

  async close(): Promise<void> {
    this.#database.close();
    await Promise.resolve();
  }
}

/** The cursor of a row of its table. */
export function cursorOf(row: Record<string, unknown>): SinkCursor {
  return {
    segment: Number(row['segment']),
    start: Number(row['start_byte']),
    end: Number(row['end_byte']),
    hash: digestOf(String(row['hash'])),
  };
}

/** A record that comes again changes nothing: every insert leaves what is there. */
class Inserts {
  readonly #record: StatementSync;
  readonly #exchange: StatementSync;
  readonly #action: StatementSync;
  readonly #approver: StatementSync;
  readonly #cursor: StatementSync;

  constructor(database: DatabaseSync) {
    this.#record = database.prepare('INSERT OR IGNORE INTO record VALUES (?, ?, ?, ?, ?, ?, ?)');
    // The refusal that follows an intent does not move the exchange in time, but says what was decided in the end.
    this.#exchange = database.prepare(
      `INSERT INTO exchange VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
       decision = excluded.decision, risk = excluded.risk, rule = excluded.rule WHERE excluded.decision IS NOT NULL`,
    );
    this.#action = database.prepare('INSERT OR IGNORE INTO action VALUES (?, ?, ?)');
    this.#approver = database.prepare('INSERT OR IGNORE INTO approver VALUES (?, ?)');
    this.#cursor = database.prepare('INSERT OR REPLACE INTO cursor VALUES (1, ?, ?, ?, ?)');
  }

  record({ record, line }: SinkRecord): void {
    const exchangeId = 'exchangeId' in record ? record.exchangeId : null;
    const fault = 'fault' in record ? record.fault : null;
    this.#record.run(record.id, record.seq, Date.parse(record.time), record.kind, exchangeId, fault, line);
    this.#index(record);
  }

  cursor({ segment, start, end, hash }: SinkCursor): void {
    this.#cursor.run(segment, start, end, hash);
  }

  #index(record: AuditRecord): void {
    if (record.kind === 'approval' && record.approver !== '') this.#approver.run(record.exchangeId, record.approver);
    if (record.kind === 'intent' || record.kind === 'refusal') this.#indexExchange(record);
  }

  #indexExchange(record: Extract<AuditRecord, { kind: 'intent' | 'refusal' }>): void {
    const { exchangeId, agentId, decision, approval } = record;
    const columns = decision === null ? [null, null, null] : [decision.approval, decision.riskLevel, decision.rule];
    this.#exchange.run(exchangeId, Date.parse(record.time), agentId, ...columns);
    for (const { type, target } of record.actions) this.#action.run(exchangeId, type, target);
    if (approval === null) return;
    for (const approver of approval.approvers) this.#approver.run(exchangeId, approver);
  }
}
