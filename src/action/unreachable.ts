import { conditionKey } from './condition.ts';
import type { Entry } from './entry.ts';
import { shapeOf } from './path-template.ts';

/** Two entries of which the later one can never decide. */
export interface Hidden {
  readonly later: Entry;
  readonly earlier: Entry;
}

interface Seen {
  readonly entry: Entry;
  readonly conditions: readonly string[];
}

/**
 * Entries for a host, path and method that an earlier entry with no further conditions takes whole. An entry is hidden
 * when that is so for every host and method that it names.
 */
export function neverReached(entries: readonly Entry[]): readonly Hidden[] {
  const seen = new Map<string, Seen[]>();
  const hidden: Hidden[] = [];
  for (const entry of entries) {
    const conditions = new Set(entry.conditions.map(conditionKey));
    const keys = keysOf(entry);
    const takers = keys.map((key) =>
      seen.get(key)?.find((earlier) => earlier.conditions.every((condition) => conditions.has(condition))),
    );
    const [first] = takers;
    if (first !== undefined && takers.every((taker) => taker !== undefined))
      hidden.push({ later: entry, earlier: first.entry });
    for (const key of keys) {
      const known = seen.get(key);
      if (known === undefined) seen.set(key, [{ entry, conditions: [...conditions] }]);
      else known.push({ entry, conditions: [...conditions] });
    }
  }
  return hidden;
}

function keysOf(entry: Entry): readonly string[] {
  return entry.hosts.flatMap((host) =>
    (entry.methods ?? ['*']).map((method) =>
      JSON.stringify([host.labels, host.open, host.port, shapeOf(entry.template), entry.formatSuffixes, method]),
    ),
  );
}
