import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AuditRecord } from '../model/record.ts';
import { digestOf } from './chain.ts';
import { exchangeOf } from './exchange-view.ts';
import type { Sink, SinkBatch, SinkCursor, SinkRecord } from './sink.ts';
import { forgetRecords } from './sqlite-forget.ts';
import { openAuditDatabase } from './sqlite-schema.ts';

/**
 * After how many records SQLite's write-ahead log is copied into the database: in a quiet moment, about 2 MB of it; at
 * the latest, about 10 MB. It waits for the disk, 10 to 50 ms where that was measured, so neither often nor for long.
 */
const COPY_WHEN_QUIET_RECORDS = 1_000;
const COPY_AT_LATEST_RECORDS = 5_000;

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
  #sinceCopied = 0;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insert = new Inserts(database);
    this.#readCursor = database.prepare('SELECT segment, start_byte, end_byte, hash FROM cursor');
  }

  async cursor(): Promise<SinkCursor | null> {
    const row = this.#readCursor.get();
    return await Promise.resolve(row === undefined ? null : cursorOf(row));
  }

  async idle(): Promise<void> {
    if (this.#sinceCopied >= COPY_WHEN_QUIET_RECORDS) this.#copyLog();
    await Promise.resolve();
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
    this.#sinceCopied += records.length;
    if (this.#sinceCopied >= COPY_AT_LATEST_RECORDS) this.#copyLog();
    await Promise.resolve();
  }

  async forget(upToSeq: number): Promise<void> {
    await forgetRecords(this.#database, upToSeq);
  }

  /** Copying the log waits until both are on the disk. */
  async persist(): Promise<void> {
    this.#copyLog();
    await Promise.resolve();
  }

  async close(): Promise<void> {
    this.#database.close();
    await Promise.resolve();
  }

  #copyLog(): void {
    this.#sinceCopied = 0;
    this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)');
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
    this.#record = database.prepare(
      'INSERT OR IGNORE INTO record (exchange_id, id, seq, time, kind, fault, line) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    // The refusal that follows an intent does not move the exchange in time, but says what came of it.
    this.#exchange = database.prepare(
      `INSERT INTO exchange (id, time, agent, decision, risk, rule, fault) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET decision = coalesce(excluded.decision, decision),
       risk = coalesce(excluded.risk, risk), rule = coalesce(excluded.rule, rule), fault = coalesce(excluded.fault, fault)
       RETURNING number`,
    );
    this.#action = database.prepare('INSERT OR IGNORE INTO action VALUES (?, ?, ?)');
    this.#approver = database.prepare('INSERT OR IGNORE INTO approver VALUES (?, ?)');
    this.#cursor = database.prepare('INSERT OR REPLACE INTO cursor VALUES (1, ?, ?, ?, ?)');
  }

  record({ record, line }: SinkRecord): void {
    const exchangeId = exchangeOf(record) ?? '';
    const fault = 'fault' in record ? record.fault : null;
    this.#record.run(exchangeId, record.id, record.seq, Date.parse(record.time), record.kind, fault, line);
    if (record.kind === 'approval' && record.approver !== '') this.#approver.run(record.approver, exchangeId);
    if (record.kind === 'intent' || record.kind === 'refusal') this.#indexExchange(record);
  }

  cursor({ segment, start, end, hash }: SinkCursor): void {
    this.#cursor.run(segment, start, end, hash);
  }

  #indexExchange(record: Extract<AuditRecord, { kind: 'intent' | 'refusal' }>): void {
    const { exchangeId, agentId, decision, approval } = record;
    const fault = record.kind === 'refusal' ? record.fault : null;
    const judged = decision === null ? [null, null, null] : [decision.approval, decision.riskLevel, decision.rule];
    const row = this.#exchange.get(exchangeId, Date.parse(record.time), agentId, ...judged, fault);
    for (const { type, target } of record.actions) this.#action.run(Number(row?.['number']), type, target);
    if (approval === null) return;
    for (const approver of approval.approvers) this.#approver.run(approver, exchangeId);
  }
}
