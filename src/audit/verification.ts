import type { ChainHead } from './chain.ts';

/** A place where the journal is not what it was when it was written. */
export interface ChainBreak {
  readonly file: string;
  /** The line, from 1; null where a whole file is missing. */
  readonly line: number | null;
  readonly problem: string;
}

/**
 * What is known of the end of the journal. A chain shows that nothing before its newest record was changed; that
 * nothing was cut off behind it, only a hash that was kept elsewhere can show.
 */
export type JournalEnd =
  | { readonly kind: 'unproven' }
  /**
   * The newest record is a signed end mark: the gateway stopped there in an orderly way, once. A journal that was cut
   * back to an earlier end mark looks the same.
   */
  | { readonly kind: 'closed'; readonly seq: number }
  /** Everything up to and with the anchor is proven; `later` records follow it. `closed`: the newest is an end mark. */
  | { readonly kind: 'anchored'; readonly seq: number; readonly later: number; readonly closed: boolean };

/** What the signatures of the checkpoints say. */
export interface SignatureFindings {
  /** How many public keys there were to check with; with none, nothing was checked. */
  readonly keys: number;
  readonly checkpoints: number;
  /** The newest checkpoint whose signature is good: everything up to it was written by a holder of the key. */
  readonly newest: (ChainHead & { readonly time: string }) | null;
  /** How many records follow it, which nothing vouches for. */
  readonly later: number;
}

export interface Verification {
  readonly ok: boolean;
  readonly segments: number;
  readonly records: number;
  /** The newest record: kept elsewhere, it is the anchor of a later verification. Null in an empty journal. */
  readonly head: (ChainHead & { readonly time: string }) | null;
  /** The first breaks, at most `NAMED_BREAKS`. */
  readonly breaks: readonly ChainBreak[];
  readonly breakCount: number;
  readonly signatures: SignatureFindings;
  /** Retention removed everything up to this record; null where the journal begins with its first. */
  readonly removed: number | null;
  readonly end: JournalEnd;
}
