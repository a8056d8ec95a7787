/** Times of the journal, in milliseconds. */
export interface JournalTimes {
  readonly backgroundSyncMs: number;
  readonly stallMs: number;
  readonly repairMs: number;
}

export const JOURNAL_TIMES: JournalTimes = {
  /** How long a record that nobody waits for may be in the file and not on the disk. */
  backgroundSyncMs: 1_000,
  /** A disk that has not answered by then is refused as if it had failed: a request must not wait without end. */
  stallMs: 10_000,
  /** How often a disk that failed to sync is tried again: each try rewrites what is not known to be on it. */
  repairMs: 500,
};
