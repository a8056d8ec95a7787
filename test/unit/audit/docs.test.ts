import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bodyText, CHAIN_START, parseRecord, seal } from '../../../src/audit/chain.ts';
import { sealCheckpoint, SIGNED_SUFFIX_BYTES } from '../../../src/audit/checkpoint.ts';
import { MAX_HELD_BYTES, MAX_QUEUED_RECORDS } from '../../../src/audit/append-queue.ts';
import { CHECKPOINT_RECORDS } from '../../../src/audit/upkeep.ts';
import { JOURNAL_TIMES } from '../../../src/audit/journal-times.ts';
import { MAX_SESSION_MS, MAX_SESSION_STEPS } from '../../../src/audit/history.ts';
import type { AuditRecord, RecordBody } from '../../../src/model/record.ts';
import { intent, lifecycle, outcome, refusal, ZERO_DIGEST } from './bodies.ts';

const page = readFileSync(new URL('../../../docs/audit.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => parseRecord(Buffer.from(text ?? '')));

const approval: RecordBody = {
  kind: 'approval',
  event: 'decided',
  exchangeId: 'x',
  approval: 'ar',
  fingerprint: ZERO_DIGEST,
  approver: 'alice',
  verdict: 'approved',
  reason: '',
};

describe('docs/audit.md', () => {
  it('has one example of each kind of record', () => {
    expect(examples.map(({ kind }) => kind).sort()).toEqual([
      'approval',
      'checkpoint',
      'intent',
      'lifecycle',
      'outcome',
      'refusal',
    ]);
  });

  it.each([intent('x'), outcome('x'), refusal('x'), approval, lifecycle('')])(
    'shows a record of kind $kind with the members that it has',
    (body) => {
      const stamp = { id: 'r', time: '2026-01-15T12:00:00.000Z' };
      const written = parseRecord(Buffer.from(seal(body, bodyText(body), stamp, CHAIN_START).line));
      const example: AuditRecord | undefined = examples.find(({ kind }) => kind === body.kind);
      expect(Object.keys(example ?? {}).slice(0, 6)).toEqual(Object.keys(written).slice(0, 6));
      expect(Object.keys(example ?? {}).sort()).toEqual(Object.keys(written).sort());
    },
  );

  it('shows a checkpoint with the members that it has', () => {
    const stamp = { id: 'r', time: '2026-01-15T12:00:00.000Z' };
    const signer = { key: ZERO_DIGEST, sign: () => `${'A'.repeat(86)}==` };
    const draft = { reason: 'interval', newest: stamp.time, open: null, removed: null } as const;
    const written = parseRecord(Buffer.from(sealCheckpoint(draft, signer, stamp, CHAIN_START).line));
    const example = examples.find(({ kind }) => kind === 'checkpoint');
    expect(Object.keys(example ?? {})).toEqual(Object.keys(written));
    expect(page).toContain(`the last ${SIGNED_SUFFIX_BYTES} bytes`);
    expect(CHECKPOINT_RECORDS).toBe(10_000);
  });

  it('says the limits that the code has', () => {
    expect([
      MAX_QUEUED_RECORDS,
      MAX_HELD_BYTES / 1024 / 1024,
      JOURNAL_TIMES.stallMs,
      JOURNAL_TIMES.backgroundSyncMs,
    ]).toEqual([10_000, 64, 10_000, 1_000]);
    expect(page).toContain('10,000 records or 64 MiB');
    expect(page).toContain('has not answered for ten seconds');
    expect([MAX_SESSION_STEPS, MAX_SESSION_MS / 3_600_000]).toEqual([20_000, 24]);
    expect(page).toContain('newest 20,000 steps');
    expect(page).toContain('look back, 24 hours at most');
  });
});
