import { chmodSync, closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { requestKeyOf, worldKeyOf } from '../binding/fingerprint.ts';
import { APPROVAL_PHASES, type ApprovalAsk, type ApprovalRecord, type ApproverDecision } from '../model/approval.ts';
import type { ApprovalFilter, ApprovalStore, Clock, DecideOutcome, OpenTerms } from '../model/ports.ts';
import { baseNameOf, numberedName, numberOf } from './approval-name.ts';
import { askText, briefOf } from './brief.ts';
import { integer, phaseOf, predecessorOf, recordOf, text, type Row } from './row.ts';
import { migrate } from './schema.ts';
import { scopeKeyOf } from './scope.ts';
import { prepareStatements, type Statements } from './statements.ts';
import { ApprovalStoreError } from './store-error.ts';
import { Waiters } from './waiters.ts';

/** What the local store needs. */
export interface LocalStoreSettings {
  /** The SQLite file; it and its folder are made when they are missing. */
  readonly file: string;
  readonly clock: Clock;
  /** How long ended approvals are kept, in milliseconds. */
  readonly retentionMs: number;
}

/** Approvals in an SQLite file. Dispose it to close the file; who still waits gets null. */
export type LocalStore = ApprovalStore & Disposable;

/** How long a write waits for another process: writes take milliseconds, and the event loop stands still meanwhile. */
const BUSY_TIMEOUT_MS = 2_000;
/** An agent that asks without end must not fill the disk within the retention: the oldest go first. */
const MAX_ENDED = 10_000;
/** The owner alone: whoever can write the file can grant. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

const DAMAGED_ADVICE =
  'it has to be a file that the gateway may write; where it is damaged, move it away with its -wal and -shm: requests are asked anew';

/** Opens or creates the store. Throws `ApprovalStoreError` when the file cannot be used. */
export function openLocalStore(settings: LocalStoreSettings): LocalStore {
  const { file } = settings;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: FOLDER_MODE });
    // SQLite would create the file with the process's umask; it gives its side files (-wal, -shm) the mode of this one.
    closeSync(openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, FILE_MODE));
    chmodSync(file, FILE_MODE);
    return new SqliteStore(openDatabase(file), settings);
  } catch (error) {
    throw new ApprovalStoreError(
      `the database of approvals ${file} cannot be opened: ${messageOf(error)}; ${DAMAGED_ADVICE}`,
      {
        cause: error,
      },
    );
  }
}

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    database.exec('PRAGMA journal_mode = WAL');
    // A grant that was consumed must still be so after a power cut.
    database.exec('PRAGMA synchronous = FULL');
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

class SqliteStore implements LocalStore {
  readonly #database: DatabaseSync;
  readonly #sql: Statements;
  readonly #settings: LocalStoreSettings;
  readonly #waiters: Waiters;

  constructor(database: DatabaseSync, settings: LocalStoreSettings) {
    this.#database = database;
    this.#sql = prepareStatements(database);
    this.#settings = settings;
    this.#waiters = new Waiters({
      clock: settings.clock,
      version: () => guarded(() => integer(this.#sql('version').get() ?? {}, 'data_version')),
      settled: (name) => guarded(() => this.#settled(name)),
    });
  }

  async find(ask: ApprovalAsk, now: number): Promise<ApprovalRecord | null> {
    return guarded(() => {
      const row = this.#findLive(ask, now) ?? this.#findEnded(ask, now);
      return row === undefined ? null : this.#record(row);
    });
  }

  async open(ask: ApprovalAsk, terms: OpenTerms): Promise<ApprovalRecord> {
    return this.#write(() => {
      const live = this.#sql('live').get(ask.fingerprint);
      if (live !== undefined && integer(live, 'expires_at') > terms.now) return this.#record(live);
      if (live !== undefined) this.#sql('expire').run({ name: text(live, 'name'), now: terms.now });
      return this.#insert(ask, terms);
    });
  }

  async get(name: string): Promise<ApprovalRecord | null> {
    return guarded(() => this.#get(name));
  }

  async list(filter: ApprovalFilter): Promise<readonly ApprovalRecord[]> {
    const phases = JSON.stringify(filter.phases ?? APPROVAL_PHASES);
    return guarded(() =>
      this.#sql('list')
        .all({ phases, limit: filter.limit })
        .map((row) => this.#record(row)),
    );
  }

  pendingCount(): number {
    return guarded(() => integer(this.#sql('countPending').get(this.#settings.clock.now()) ?? {}, 'count'));
  }

  async decide(name: string, decision: ApproverDecision): Promise<DecideOutcome> {
    const outcome = this.#write(() => this.#decide(name, decision));
    this.#waiters.wake(name);
    return outcome;
  }

  async consume(name: string, now: number): Promise<'consumed' | 'lost'> {
    const won = this.#write(
      () => changedOne(this.#sql('consume').run({ name, now })) || changedOne(this.#sql('use').run({ name, now })),
    );
    this.#waiters.wake(name);
    return won ? 'consumed' : 'lost';
  }

  async expire(name: string, now: number): Promise<boolean> {
    const ended = this.#write(() => {
      const expired = changedOne(this.#sql('expire').run({ name, now }));
      this.#sql('tell').run(name);
      return expired;
    });
    this.#waiters.wake(name);
    return ended;
  }

  async annul(name: string, reason: string, now: number): Promise<boolean> {
    const ended = this.#write(() => changedOne(this.#sql('annul').run({ name, reason, now })));
    this.#waiters.wake(name);
    return ended;
  }

  async sweep(now: number): Promise<readonly ApprovalRecord[]> {
    const ended = this.#write(() => {
      this.#sql('prune').run({ before: now - this.#settings.retentionMs });
      this.#sql('pruneBeyond').run(MAX_ENDED);
      const names = this.#sql('overdue')
        .all(now)
        .map((row) => text(row, 'name'));
      for (const name of names) this.#sql('expire').run({ name, now });
      return names.map((name) => this.#get(name)).filter((record) => record !== null);
    });
    for (const { name } of ended) this.#waiters.wake(name);
    return ended;
  }

  async changed(name: string, deadline: number, signal: AbortSignal): Promise<ApprovalRecord | null> {
    return await this.#waiters.wait(name, deadline, signal);
  }

  [Symbol.dispose](): void {
    this.#waiters.dismiss();
    if (this.#database.isOpen) this.#database.close();
  }

  #findLive(ask: ApprovalAsk, now: number): Row | undefined {
    const same = this.#sql('live').get(ask.fingerprint);
    if (same !== undefined) return same;
    const scopeKey = scopeKeyOf(ask);
    const worldKey = worldKeyOf(ask.binding);
    const { fingerprint } = ask;
    const requestKey = requestKeyOf(ask.binding);
    return (
      this.#sql('covering').get({ scopeKey, worldKey, now }) ??
      this.#sql('outdated').get({ fingerprint, requestKey, scopeKey, worldKey, now })
    );
  }

  #findEnded(ask: ApprovalAsk, now: number): Row | undefined {
    const newest = this.#sql('newestOf').get(ask.fingerprint);
    if (newest === undefined) return undefined;
    const denied = phaseOf(newest) === 'denied' && integer(newest, 'expires_at') > now;
    const expired = phaseOf(newest) === 'expired' && newest['told'] === 0;
    return denied || expired ? newest : undefined;
  }

  #insert(ask: ApprovalAsk, { now, expiresAt, grantMs }: OpenTerms): ApprovalRecord {
    const whole = askText(ask);
    const base = baseNameOf(ask.fingerprint);
    const taken = this.#sql('names')
      .all(base)
      .map((row) => numberOf(text(row, 'name')));
    const name = numberedName(base, Math.max(0, ...taken) + 1);
    const requestKey = requestKeyOf(ask.binding);
    this.#sql('insert').run({
      name,
      base,
      fingerprint: ask.fingerprint,
      requestKey,
      worldKey: worldKeyOf(ask.binding),
      scope: ask.terms.scope,
      scopeKey: scopeKeyOf(ask),
      ask: whole,
      brief: JSON.stringify(briefOf(ask)),
      now,
      expiresAt,
      grantMs,
      predecessor: this.#predecessor(requestKey),
    });
    return this.#mustGet(name);
  }

  #predecessor(requestKey: string): string | null {
    const row = this.#sql('newestEnded').get(requestKey);
    if (row === undefined) return null;
    const denial = this.#record(row).decisions.find(({ verdict }) => verdict === 'denied')?.reason ?? '';
    return JSON.stringify(predecessorOf(row, denial));
  }

  #decide(name: string, decision: ApproverDecision): DecideOutcome {
    const before = this.#get(name);
    if (before === null) return { kind: 'unknown-approval' };
    if (before.phase !== 'pending' || before.expiresAt <= decision.at) return { kind: 'not-pending', approval: before };
    const { approver, verdict, reason, at } = decision;
    if (before.decisions.some((earlier) => earlier.approver === approver)) {
      return { kind: 'already-decided', approval: before };
    }
    this.#sql('addDecision').run({ name, approver, verdict, reason, at });
    const agreed = before.decisions.length + 1;
    if (verdict === 'denied') this.#sql('deny').run({ name, at });
    else if (agreed >= before.ask.terms.approvers) this.#sql('grant').run({ name, at });
    return { kind: 'recorded', approval: this.#mustGet(name) };
  }

  #settled(name: string): ApprovalRecord | null {
    const record = this.#get(name);
    return record === null || record.phase === 'pending' ? null : record;
  }

  #get(name: string): ApprovalRecord | null {
    const row = this.#sql('byName').get(name);
    return row === undefined ? null : this.#record(row);
  }

  #mustGet(name: string): ApprovalRecord {
    const record = this.#get(name);
    if (record === null) throw new ApprovalStoreError(`approval ${name} is gone from the database`);
    return record;
  }

  #record(row: Row): ApprovalRecord {
    return recordOf(row, this.#sql('decisions').all(text(row, 'name')));
  }

  /** Runs a change in one transaction that takes the write lock first, so that what it reads is what it changes. */
  #write<T>(change: () => T): T {
    return guarded(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        const value = change();
        this.#database.exec('COMMIT');
        return value;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }
}

function changedOne(result: { readonly changes: number | bigint }): boolean {
  return Number(result.changes) === 1;
}

/** Turns whatever SQLite throws into the one error of this port. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ApprovalStoreError) throw error;
    throw new ApprovalStoreError(`the database of approvals failed: ${messageOf(error)}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
