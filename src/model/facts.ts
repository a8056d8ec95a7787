import type { ValueMap } from './value.ts';

/** What a policy's `when` may ask of a request. */
export interface RequestFacts {
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Empty for a request that came by none. */
  readonly route: string;
  readonly entry: string;
  /** Query parameters by decoded name; one that repeats is a list. */
  readonly query: ValueMap;
  /** Header fields by lower-case name; a repeated field's values joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  /** The media type in lower case; empty for none. */
  readonly contentType: string;
  /**
   * Bytes of the body as received. A body that streams without a length counts as the largest there is, so that a rule
   * against large bodies cannot be passed by not saying how large one is.
   */
  readonly bodyBytes: number;
}
