import type { Digest } from '../model/brand.ts';
import type { Entry } from './entry.ts';
import type { RequestFacts } from './facts.ts';
import type { HostIndex } from './host-pattern.ts';
import type { Candidate, PathIndex } from './path-index.ts';

/** Action maps, loaded: what a request means. */
export interface ActionMap {
  /** SHA-256 over all texts, in their order. */
  readonly digest: Digest;
  /** Every entry, in the order of the files. */
  readonly entries: readonly Entry[];
  readonly index: HostIndex<PathIndex>;
}

/** The entries whose host, path and method fit a request, the most specific first. */
export function* candidatesFor(map: ActionMap, facts: RequestFacts): Generator<Candidate> {
  const { host, port } = facts.request.destination;
  for (const paths of map.index.covering(host, port)) yield* paths.candidates(facts.path, facts.method);
}
