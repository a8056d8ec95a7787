import { join } from 'node:path';
import type { OpenedJournal, Signing } from '../../../src/audit/journal.ts';
import { openSigningKeys, type SigningKeys } from '../../../src/audit/signing-key.ts';
import type { UpkeepSettings } from '../../../src/audit/upkeep.ts';
import type { AuditRecord, CheckpointBody } from '../../../src/model/record.ts';
import { outcome } from './bodies.ts';

/** Nothing is due by itself. */
export const NEVER: UpkeepSettings = {
  checkpointRecords: 1_000_000,
  checkpointMs: 3_600_000,
  segmentBytes: 1_000_000_000,
  segmentMs: 1_000_000_000,
};

/** The keys of an installation whose key files are in `folder`. */
export function keysIn(folder: string): Promise<SigningKeys> {
  const publicFile = join(folder, 'journal-key.pub.pem');
  return openSigningKeys({ privateFile: join(folder, 'journal-key.pem'), make: true, publicFile });
}

export interface KeptSigning extends Signing {
  readonly announced: (AuditRecord & CheckpointBody)[];
}

/** Signing that keeps the checkpoints that got onto the disk. */
export async function signingWith(folder: string, settings: Partial<UpkeepSettings> = {}): Promise<KeptSigning> {
  const announced: (AuditRecord & CheckpointBody)[] = [];
  return {
    keys: await keysIn(folder),
    settings: { ...NEVER, ...settings },
    announced,
    announce: (checkpoint) => void announced.push(checkpoint),
  };
}

/** Appends so many outcomes, each waited for. */
export async function appendMany(journal: OpenedJournal, count: number, from = 0): Promise<void> {
  for (let index = from; index < from + count; index += 1) await journal.append(outcome(`x-${index}`), 'written');
}

/** The same, and all of it on the disk, where sinks can see it. */
export async function appendSynced(journal: OpenedJournal, count: number, from = 0): Promise<void> {
  for (let index = from; index < from + count; index += 1) await journal.append(outcome(`x-${index}`), 'synced');
}
