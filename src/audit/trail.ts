import { statSync } from 'node:fs';
import type { AuditRecord } from '../model/record.ts';
import { messageOf } from './append-queue.ts';
import { lineText, parseRecord, readLine } from './chain.ts';
import { exchangeOf, foldRecord, isOfExchange, type ExchangeView } from './exchange-view.ts';
import { readLines } from './lines.ts';
import { isMissing, listSegments, type JournalPosition, type Segment } from './segment.ts';
import { cursorFits } from './sink-reader.ts';
import type { SinkCursor } from './sink.ts';
import { SqliteReader } from './sqlite-reader.ts';
import { openAuditDatabaseForReading } from './sqlite-schema.ts';
import { matchesExchange, type TrailFilter } from './trail-filter.ts';

export interface TrailPaths {
  readonly journalDir: string;
  readonly databasePath: string;
}

/** A record as it is read back, with its line of the journal. */
export interface TrailRecord {
  readonly record: AuditRecord;
  readonly line: string;
}

/**
 * The audit trail for reading, whether a gateway writes it or not: the database finds, and the journal has what the
 * database has not yet taken. Without a database that can be read, the journal answers alone.
 */
export class Trail {
  readonly #journalDir: string;
  readonly #database: SqliteReader | null;
  /** Where the journal is read from: what the database had when the trail was opened, it answers itself. */
  readonly #behind: JournalPosition | null;
  /** Why the database does not take part; null where it does, or where there is none. */
  readonly databaseProblem: string | null;

  private constructor(
    journalDir: string,
    database: { reader: SqliteReader; cursor: SinkCursor | null } | null,
    problem: string | null,
  ) {
    const cursor = database?.cursor ?? null;
    this.#journalDir = journalDir;
    this.#database = database?.reader ?? null;
    this.#behind = cursor === null ? null : { segment: cursor.segment, offset: cursor.end };
    this.databaseProblem = problem;
  }

  static async open({ journalDir, databasePath }: TrailPaths): Promise<Trail> {
    if (!exists(databasePath)) return new Trail(journalDir, null, null);
    try {
      const reader = new SqliteReader(openAuditDatabaseForReading(databasePath));
      const cursor = reader.cursor();
      if (cursor === null || (await cursorFits(journalDir, cursor)))
        return new Trail(journalDir, { reader, cursor }, null);
      reader.close();
      return new Trail(journalDir, null, 'it was made from another journal');
    } catch (error) {
      return new Trail(journalDir, null, messageOf(error));
    }
  }

  /** Every record of the journal, oldest first; lines that are no records are passed over (`verify` reports them). */
  async *records(): AsyncGenerator<TrailRecord> {
    yield* readRecords(this.#journalDir, null);
  }

  /** The newest exchanges that fit, at most `limit` of them, oldest first. */
  async exchanges(filter: TrailFilter, limit: number): Promise<readonly ExchangeView[]> {
    const fresh = await this.#notInDatabase();
    const found = [...fresh.values()].filter((view) => matchesExchange(filter, view));
    const room = limit - found.length;
    if (this.#database !== null && room > 0) found.push(...this.#stored(this.#database, filter, { fresh, limit }));
    return found.sort((left, right) => left.seq - right.seq).slice(-limit);
  }

  /** The records of the exchange that has this id or a record of this id, oldest first; empty when there is none. */
  async show(id: string): Promise<readonly AuditRecord[]> {
    const wanted = (await this.#exchangeOfRecord(id)) ?? id;
    const found = [...(this.#database?.recordsOf(wanted) ?? [])];
    const ids = new Set(found.map((record) => record.id));
    for await (const { record } of readRecords(this.#journalDir, this.#behind)) {
      const asked = record.id === id || exchangeOf(record) === wanted;
      if (asked && !ids.has(record.id)) found.push(record);
    }
    return found;
  }

  close(): void {
    this.#database?.close();
  }

  /** The exchange of a record; null where the id is that of an exchange, or of nothing. */
  async #exchangeOfRecord(id: string): Promise<string | null> {
    const database = this.#database;
    if (database !== null && database.recordsOf(id).length > 0) return null;
    const stored = database?.exchangeOf(id) ?? null;
    if (stored !== null) return stored;
    for await (const { record } of readRecords(this.#journalDir, this.#behind)) {
      if (record.id === id) return exchangeOf(record);
    }
    return null;
  }

  /** The exchanges with records behind the cursor of the sink, whole. */
  async #notInDatabase(): Promise<Map<string, ExchangeView>> {
    const views = new Map<string, ExchangeView>();
    for await (const { record } of readRecords(this.#journalDir, this.#behind)) {
      if (!isOfExchange(record)) continue;
      const id = record.exchangeId;
      const known = views.get(id) ?? (this.#database === null ? undefined : viewOf(this.#database.recordsOf(id)));
      views.set(id, foldRecord(known, record));
    }
    return views;
  }

  #stored(
    database: SqliteReader,
    filter: TrailFilter,
    { fresh, limit }: { fresh: Map<string, ExchangeView>; limit: number },
  ): readonly ExchangeView[] {
    const found: ExchangeView[] = [];
    for (const id of database.candidates(filter)) {
      if (found.length >= limit) break;
      if (fresh.has(id)) continue;
      const view = viewOf(database.recordsOf(id));
      if (view !== undefined && matchesExchange(filter, view)) found.push(view);
    }
    return found;
  }
}

/** What the records of one exchange come to; undefined for none. */
export function viewOf(records: readonly AuditRecord[]): ExchangeView | undefined {
  let view: ExchangeView | undefined;
  for (const record of records) if (isOfExchange(record)) view = foldRecord(view, record);
  return view;
}

async function* readRecords(dir: string, behind: JournalPosition | null): AsyncGenerator<TrailRecord> {
  for (const segment of await listSegments(dir)) {
    if (behind !== null && segment.number < behind.segment) continue;
    const from = segment.number === behind?.segment ? behind.offset : 0;
    try {
      yield* recordsOf(segment, from);
    } catch (error) {
      // Retention took it away meanwhile.
      if (!isMissing(error)) throw error;
    }
  }
}

async function* recordsOf(segment: Segment, from: number): AsyncGenerator<TrailRecord> {
  for await (const { bytes } of readLines(segment.path, { from })) {
    if (readLine(bytes).kind !== 'intact') continue;
    const line = lineText(bytes);
    yield { record: parseRecord(line), line };
  }
}

function exists(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
