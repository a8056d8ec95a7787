import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { openJournal, type JournalOptions, type OpenedJournal } from '../../../src/audit/journal.ts';
import { parseRecord } from '../../../src/audit/chain.ts';
import type { AuditRecord } from '../../../src/model/record.ts';
import { countingIds, fixedClock, keptLog } from './bodies.ts';

/** Makes directories that are gone after each test. */
export function temporaryDirectories(): () => string {
  const made: string[] = [];
  afterEach(() => {
    for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
  });
  return () => {
    const dir = mkdtempSync(join(tmpdir(), 'aegis-audit-'));
    made.push(dir);
    return dir;
  };
}

/** Opens a journal with a clock, ids and a log of its own, where the test names none. */
export async function open(dir: string, options: Partial<JournalOptions> = {}): Promise<OpenedJournal> {
  return await openJournal({
    dir,
    clock: fixedClock(),
    newId: countingIds(),
    log: keptLog(),
    pid: process.pid,
    ...options,
  });
}

/** Resolves when `condition` holds; the test's own time limit ends it otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** The records of a segment, as JSON reads them. */
export function recordsIn(dir: string, segment = '00000001.jsonl'): AuditRecord[] {
  const lines = readFileSync(join(dir, segment), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => parseRecord(Buffer.from(line)));
}

/** A promise and what fulfils it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}
