import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What the journal of a soak holds. */
export interface Trail {
  readonly records: number;
  /** The ids in the URLs of intents. */
  readonly intended: ReadonlySet<string>;
  /** Intents of tunnels that are carried as they are. */
  readonly tunnels: number;
  /** Exchanges with an intent and not exactly one outcome. */
  readonly open: readonly string[];
}

interface Line {
  readonly kind: string;
  readonly exchangeId?: string;
  readonly request?: { readonly method: string; readonly url: string };
}

/** Reads a journal line by line: it may be larger than memory. */
export async function readTrail(dataDir: string): Promise<Trail> {
  const folder = join(dataDir, 'journal');
  const intended = new Set<string>();
  const outcomes = new Map<string, number>();
  let records = 0;
  let tunnels = 0;
  for (const name of (await readdir(folder)).filter((entry) => entry.endsWith('.jsonl')).toSorted()) {
    for await (const text of createInterface({ input: createReadStream(join(folder, name)) })) {
      records += 1;
      const { kind, exchangeId = '', request } = JSON.parse(text) as Line;
      if (kind === 'outcome') outcomes.set(exchangeId, (outcomes.get(exchangeId) ?? 0) + 1);
      if (kind !== 'intent' || request === undefined) continue;
      outcomes.set(exchangeId, outcomes.get(exchangeId) ?? 0);
      if (request.method === 'CONNECT') tunnels += 1;
      else intended.add(idOf(request.url));
    }
  }
  return { records, intended, tunnels, open: [...outcomes].filter(([, count]) => count !== 1).map(([id]) => id) };
}

/** The id in a URL of the load: `/WAY/ID`. */
function idOf(url: string): string {
  return new URL(url).pathname.split('/')[2] ?? '';
}
