import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Journal, Log } from '../model/ports.ts';
import type { AuditRecord, RecordBody, RemovedPrefix } from '../model/record.ts';
import { JOURNAL_LIMITS, type JournalLimits } from './append-queue.ts';
import type { ChainHead } from './chain.ts';
import { unknownOutcome } from './closing.ts';
import { GroupCommit } from './group-commit.ts';
import { JOURNAL_TIMES, type JournalTimes } from './journal-times.ts';
import { lockDirectory } from './lock.ts';
import { recover, type Recovered } from './recovery.ts';
import type { SinkCursor } from './sink.ts';
import { RollingWriter } from './rolling-writer.ts';
import type { SigningKeys } from './signing-key.ts';
import { Upkeep, type UpkeepOptions, type UpkeepSettings } from './upkeep.ts';
import { nodeDisk, syncDirectory, type JournalDisk, type JournalPosition } from './segment.ts';

export interface JournalOptions {
  /** The directory of the journal; created with mode 0700. */
  readonly dir: string;
  readonly clock: Clock;
  /** Makes the ids of records: up to 128 of `A-Z a-z 0-9 _ . : -`, never the same twice. */
  readonly newId: () => string;
  readonly log: Log;
  /** The process that asks, for the message to whoever finds the journal in use. */
  readonly pid: number;
  /** Go on in a new segment where the chain is broken, instead of refusing to start. */
  readonly acceptBrokenChain?: boolean;
  /** Says, once nobody else writes, up to where the journal is known to have been on the disk. */
  readonly knownEnd?: () => SinkCursor | null;
  /** Signs checkpoints and begins new segments; without it, the journal is one unsigned segment. */
  readonly signing?: Signing;
  readonly disk?: JournalDisk;
  readonly limits?: JournalLimits;
  readonly times?: JournalTimes;
}

/** How a journal is signed and divided. */
export interface Signing {
  readonly keys: SigningKeys;
  readonly settings: UpkeepSettings;
  /** Called with each checkpoint that is on the disk. */
  readonly announce: UpkeepOptions['announce'];
}

/** The journal of a running gateway. */
export interface OpenedJournal extends Journal {
  readonly dir: string;
  /** What was found on opening. */
  readonly recovered: Recovered;
  /** The newest record: an anchor, once it is on the disk. */
  head(): ChainHead;
  /** Up to where the journal is on the disk: sinks read no further, so that no power cut takes back what they saw. */
  syncedPosition(): JournalPosition;
  /** Why records are refused now; null when they are not. For readiness. */
  problem(): string | null;
  /** Calls back whenever more is on the disk; returns what ends that. */
  onSynced(listener: () => void): () => void;
  /**
   * Records that the segments up to one are taken away: resolves when a checkpoint on the disk says so, and never where
   * the journal is closed before. Throws where the journal is not signed.
   */
  recordRemoval(removed: RemovedPrefix): Promise<void>;
  /** Writes and syncs what was appended, and gives the lock back. */
  close(): Promise<void>;
}

/** How many records recovery appends at once: well below what the queue takes. */
const RECOVERY_BATCH = 500;

/**
 * Opens the journal in `dir`: takes its lock, checks and mends what is there, and records what was found. Throws
 * `JournalLockedError`, `BrokenChainError`, or the error of the system.
 */
export async function openJournal(options: JournalOptions): Promise<OpenedJournal> {
  const { dir, clock, log } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  await syncDirectory(dirname(dir));
  const time = new Date(clock.now()).toISOString();
  const lock = lockDirectory(dir, { pid: options.pid, since: time });
  try {
    const acceptBrokenChain = options.acceptBrokenChain ?? false;
    const knownEnd = options.knownEnd?.() ?? null;
    const keys = options.signing?.keys.known ?? new Map();
    const recovered = await recover({ dir, acceptBrokenChain, knownEnd, keys, time, log });
    const writer = await openWriter(options, recovered);
    const journal = new FileJournal(options, { recovered, writer, release: lock.release });
    await recordFindings(journal, recovered, log).catch(async (error: unknown) => {
      await journal.close();
      throw error;
    });
    return journal;
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openWriter({ disk = nodeDisk }: JournalOptions, recovered: Recovered): Promise<RollingWriter> {
  const { segment, length, missing } = recovered;
  const writer = await RollingWriter.open(disk, segment, length);
  if (missing !== '') await writer.append(Buffer.from(missing));
  return writer;
}

function upkeepOf(options: JournalOptions, recovered: Recovered, writer: RollingWriter): Upkeep | null {
  const { signing, clock, log } = options;
  if (signing === undefined) return null;
  // A crash between a new segment and its first record leaves an empty one.
  const rolled = recovered.length === 0 && recovered.segment.number > 1 && recovered.acceptedBreaks.length === 0;
  const { settings, announce, keys } = signing;
  return new Upkeep({ writer, signer: keys.signer, settings, announce, state: { ...recovered, rolled }, clock, log });
}

/** Records what recovery found, and `unknown` as the outcome of every intent that has none. Never tries one again. */
async function recordFindings(journal: Journal, recovered: Recovered, log: Log): Promise<void> {
  const { openIntents, tornBytes, tornFile, acceptedBreaks } = recovered;
  if (openIntents.length === 0 && tornBytes === 0 && acceptedBreaks.length === 0) return;
  const detail = describeFindings(recovered);
  const data = {
    torn_bytes: tornBytes,
    torn_file: tornFile,
    open_intents: openIntents.length,
    accepted_breaks: acceptedBreaks,
  };
  log.warn('audit.recovered', { detail, ...data });
  await journal.append({ kind: 'lifecycle', event: 'recovered', detail, data }, 'synced');
  for (let from = 0; from < openIntents.length; from += RECOVERY_BATCH) {
    const batch = openIntents.slice(from, from + RECOVERY_BATCH);
    await Promise.all(batch.map(({ exchangeId }) => journal.append(unknownOutcome(exchangeId), 'synced')));
  }
}

function describeFindings({ openIntents, tornBytes, tornFile, acceptedBreaks }: Recovered): string {
  const found: string[] = [];
  if (acceptedBreaks.length > 0)
    found.push(`a broken chain was accepted, a new one starts here: ${acceptedBreaks.join('; ')}`);
  if (tornBytes > 0) found.push(`bytes of a torn record that were cut off and kept in ${tornFile ?? ''}: ${tornBytes}`);
  if (openIntents.length > 0) found.push(`requests that were under way when the gateway ended: ${openIntents.length}`);
  return found.join('; ');
}

interface Opened {
  readonly recovered: Recovered;
  readonly writer: RollingWriter;
  readonly release: () => void;
}

class FileJournal implements OpenedJournal {
  readonly dir: string;
  readonly recovered: Recovered;
  readonly #writer: RollingWriter;
  readonly #upkeep: Upkeep | null;
  readonly #commits: GroupCommit;
  readonly #release: () => void;
  readonly #listeners = new Set<() => void>();
  #closing: Promise<void> | null = null;

  constructor(options: JournalOptions, { recovered, writer, release }: Opened) {
    const { clock, newId, log, limits = JOURNAL_LIMITS, times = JOURNAL_TIMES } = options;
    this.dir = options.dir;
    this.recovered = recovered;
    this.#writer = writer;
    this.#release = release;
    const onSynced = (): void => {
      for (const listener of this.#listeners) listener();
    };
    this.#upkeep = upkeepOf(options, recovered, writer);
    const upkeep = this.#upkeep;
    this.#commits = new GroupCommit({
      writer,
      upkeep,
      head: recovered.head,
      clock,
      newId,
      log,
      limits,
      times,
      onSynced,
    });
  }

  append(body: RecordBody, durability: 'written' | 'synced'): Promise<AuditRecord> {
    return this.#commits.append(body, durability);
  }

  head(): ChainHead {
    const { seq, hash } = this.#commits.head;
    return { seq, hash };
  }

  syncedPosition(): JournalPosition {
    return this.#writer.syncedEnd;
  }

  problem(): string | null {
    return this.#commits.problem;
  }

  onSynced(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async recordRemoval(removed: RemovedPrefix): Promise<void> {
    if (this.#upkeep === null)
      throw new Error('expected a signed journal: only a checkpoint can tell of removed segments');
    await this.#upkeep.recordRemoval(removed);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#commits.close();
    await this.#writer.close();
    this.#release();
  }
}
