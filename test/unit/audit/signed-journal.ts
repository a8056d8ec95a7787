import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { ChainHead } from '../../../src/audit/chain.ts';
import type { Verification } from '../../../src/audit/verification.ts';
import { verifyJournal } from '../../../src/audit/verify.ts';
import type { AuditRecord } from '../../../src/model/record.ts';
import { appendMany, keysIn, signingWith } from './signing.ts';
import { open, recordsIn } from './temporary.ts';

export const FIRST = '00000001.jsonl';
export const SECOND = '00000002.jsonl';

export interface Written {
  readonly dir: string;
  readonly keys: string;
  /** All records of all segments. */
  readonly records: readonly AuditRecord[];
}

/** A journal of several segments that was closed in an orderly way. */
export async function written(directory: () => string): Promise<Written> {
  const dir = directory();
  const keys = directory();
  const journal = await open(dir, { signing: await signingWith(keys, { segmentBytes: 2_000, checkpointRecords: 2 }) });
  await appendMany(journal, 20);
  await journal.close();
  return { dir, keys, records: allRecords(dir) };
}

export function segmentsIn(dir: string): readonly string[] {
  return readdirSync(dir).filter((name) => name.endsWith('.jsonl'));
}

export function allRecords(dir: string): readonly AuditRecord[] {
  return segmentsIn(dir).flatMap((name) => recordsIn(dir, name));
}

interface Given {
  readonly keys?: string;
  readonly anchor?: ChainHead | null;
}

export async function verify(dir: string, { keys, anchor = null }: Given = {}): Promise<Verification> {
  return await verifyJournal({
    dir,
    anchors: anchor === null ? [] : [anchor],
    keys: keys === undefined ? new Map() : (await keysIn(keys)).known,
    wait: () => Promise.resolve(),
  });
}

export function headOf(records: readonly AuditRecord[], index = -1): ChainHead {
  const record = records.at(index);
  if (record === undefined) throw new Error('expected a record');
  return { seq: record.seq, hash: record.hash };
}

export function editLines(file: string, edit: (lines: string[]) => readonly string[]): void {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const edited = edit(lines);
  writeFileSync(file, edited.map((line) => `${line}\n`).join(''));
}
