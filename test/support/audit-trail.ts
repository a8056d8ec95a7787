import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { GatewayProcess } from './gateway-process.ts';

/** A record of the journal, as it stands in the file. */
export interface Recorded {
  readonly kind: string;
  readonly [member: string]: unknown;
}

/** Every record of a gateway's journal so far, in order. */
export async function journalOf({ dataDir }: Pick<GatewayProcess, 'dataDir'>): Promise<readonly Recorded[]> {
  const folder = join(dataDir, 'journal');
  const records: Recorded[] = [];
  for (const name of (await readdir(folder)).filter((entry) => entry.endsWith('.jsonl')).toSorted()) {
    const text = await readFile(join(folder, name), 'utf8');
    // What stands behind the last line end is being written.
    for (const line of text.split('\n').slice(0, -1)) records.push(JSON.parse(line) as Recorded);
  }
  return records;
}

/** Waits until the newest record of a kind has these members. */
export async function expectRecord(gateway: GatewayProcess, kind: string, members: object): Promise<void> {
  const newest = async (): Promise<unknown> => (await journalOf(gateway)).findLast((record) => record.kind === kind);
  await expect.poll(newest, { timeout: 10_000 }).toMatchObject(members);
}
