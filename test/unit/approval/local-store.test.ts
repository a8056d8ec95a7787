import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { APPROVAL_NAME } from '../../../src/approval/approval-name.ts';
import { openLocalStore, type LocalStore } from '../../../src/approval/local-store.ts';
import { ApprovalStoreError } from '../../../src/approval/store-error.ts';
import type { ApprovalAsk, ApprovalRecord } from '../../../src/model/approval.ts';
import type { ApprovalStore } from '../../../src/model/ports.ts';
import {
  askOf,
  GRANT_MS,
  MINUTE_MS,
  type SetClock,
  sha256,
  temporaryStore,
  TTL_MS,
  type TemporaryStore,
} from '../../support/approval-asks.ts';

let temporary: TemporaryStore;
let store: LocalStore;
let clock: SetClock;

beforeEach(() => {
  temporary = temporaryStore();
  ({ store, clock } = temporary);
});
afterEach(() => temporary[Symbol.dispose]());

async function open(ask: ApprovalAsk, given: ApprovalStore = store): Promise<ApprovalRecord> {
  return await given.open(ask, { now: clock.now(), expiresAt: clock.now() + TTL_MS, grantMs: GRANT_MS });
}

async function say(name: string, approver: string, verdict: 'approved' | 'denied' = 'approved'): Promise<string> {
  const reason = verdict === 'denied' ? 'not now' : '';
  return (await store.decide(name, { approver, verdict, reason, at: clock.now() })).kind;
}

async function phaseOf(name: string): Promise<string | undefined> {
  return (await store.get(name))?.phase;
}

describe('the file', () => {
  it('can be read by its owner alone, and so can the files that SQLite puts beside it', async () => {
    await open(askOf());
    const modes = ['', '-wal', '-shm'].map((end) => statSync(temporary.file + end).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600, 0o600]);
    expect(statSync(dirname(temporary.file)).mode & 0o777).toBe(0o700);
  });

  it('loses a mode that was too wide', () => {
    chmodSync(temporary.file, 0o666);
    temporary.reopen();
    expect(statSync(temporary.file).mode & 0o777).toBe(0o600);
  });

  it('is refused when a newer gateway wrote it', () => {
    const database = new DatabaseSync(temporary.file);
    database.exec('UPDATE schema_version SET version = 99');
    database.close();
    expect(() => temporary.reopen()).toThrow(
      /expected a database of approvals of version 1 or older, found version 99/u,
    );
  });

  it.each([
    [
      'is no database',
      (file: string) => writeFileSync(file, 'not a database at all, but long enough to be read as one'),
    ],
    ['is a symbolic link', (file: string) => symlinkSync(temporary.file, file)],
  ])('is refused when it %s', (_what, make) => {
    const folder = mkdtempSync(join(tmpdir(), 'aegis-approvals-'));
    try {
      const file = join(folder, 'approvals.db');
      make(file);
      expect(() => openLocalStore({ file, clock, retentionMs: 1 })).toThrow(ApprovalStoreError);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('answers with its own error once it is closed', async () => {
    store[Symbol.dispose]();
    await expect(store.get('apr-0000000000')).rejects.toThrow(ApprovalStoreError);
  });

  it('keeps everything over a restart', async () => {
    const ask = askOf({ terms: { approvers: 2 } });
    const { name } = await open(ask);
    await say(name, 'anna');
    const before = await store.get(name);
    store = temporary.reopen();
    expect(await store.get(name)).toEqual(before);
    expect(before?.ask).toEqual(ask);
    await say(name, 'ben');
    expect(await phaseOf(name)).toBe('approved');
  });
});

describe('opening', () => {
  it('names an approval after its fingerprint, in letters that people can type', async () => {
    const one = await open(askOf());
    expect(one.name).toMatch(APPROVAL_NAME);
    expect(one).toMatchObject({ phase: 'pending', decisions: [], uses: 0, predecessor: null, voidReason: null });
    expect(one.expiresAt - one.createdAt).toBe(TTL_MS);
  });

  it('returns the pending or granted one when there is one', async () => {
    const first = await open(askOf());
    expect((await open(askOf())).name).toBe(first.name);
    await say(first.name, 'anna');
    expect((await open(askOf())).name).toBe(first.name);
    expect(await store.list({ phases: null, limit: 10 })).toHaveLength(1);
  });

  it('numbers a later one and names what became of the one before', async () => {
    const first = await open(askOf());
    await say(first.name, 'anna');
    clock.forward(1_000);
    await store.consume(first.name, clock.now(), 'exchange-x');
    const second = await open(askOf());
    expect(second.name).toBe(`${first.name}-2`);
    expect(second.predecessor).toEqual({ name: first.name, phase: 'consumed', endedAt: clock.now(), reason: '' });
    await say(second.name, 'anna', 'denied');
    const third = await open(askOf());
    expect(third.name).toBe(`${first.name}-3`);
    expect(third.predecessor).toMatchObject({ name: second.name, phase: 'denied', reason: 'not now' });
  });

  it('names a predecessor from another world', async () => {
    const first = await open(askOf());
    await store.annul(first.name, 'policy-changed', clock.now());
    const next = await open(askOf({ binding: { policyDigest: sha256('policy 2') } }));
    expect(next.predecessor).toEqual({
      name: first.name,
      phase: 'void',
      endedAt: clock.now(),
      reason: 'policy-changed',
    });
  });

  it('opens a new one when the pending one is overdue', async () => {
    const first = await open(askOf());
    clock.forward(TTL_MS);
    const second = await open(askOf());
    expect(second.name).toBe(`${first.name}-2`);
    expect(await phaseOf(first.name)).toBe('expired');
  });
});

describe('deciding', () => {
  it('needs as many different people as the rule says', async () => {
    const { name } = await open(askOf({ terms: { approvers: 2 } }));
    expect(await say(name, 'anna')).toBe('recorded');
    expect(await say(name, 'anna')).toBe('already-decided');
    expect(await phaseOf(name)).toBe('pending');
    clock.forward(1);
    expect(await say(name, 'ben')).toBe('recorded');
    const approval = await store.get(name);
    expect(approval?.phase).toBe('approved');
    expect(approval?.decisions.map(({ approver }) => approver)).toEqual(['anna', 'ben']);
  });

  it('ends with one denial, however many agreed', async () => {
    const { name } = await open(askOf({ terms: { approvers: 3 } }));
    await say(name, 'anna');
    await say(name, 'ben', 'denied');
    expect(await phaseOf(name)).toBe('denied');
    expect(await say(name, 'cleo')).toBe('not-pending');
  });

  it('lets nobody take back what he said', async () => {
    const { name } = await open(askOf({ terms: { approvers: 2 } }));
    await say(name, 'anna', 'approved');
    expect(await say(name, 'anna', 'denied')).toBe('already-decided');
  });

  it('is too late from the millisecond of the expiry on', async () => {
    const { name } = await open(askOf());
    clock.forward(TTL_MS);
    expect(await say(name, 'anna')).toBe('not-pending');
  });

  it('knows only what was asked', async () => {
    expect(await say('apr-0000000000', 'anna')).toBe('unknown-approval');
  });

  it('gives a grant its own time from the decision on', async () => {
    const { name } = await open(askOf());
    clock.forward(TTL_MS - 1);
    await say(name, 'anna');
    expect((await store.get(name))?.expiresAt).toBe(clock.now() + GRANT_MS);
  });
});

describe('consuming', () => {
  it('works once', async () => {
    const { name } = await open(askOf());
    await say(name, 'anna');
    expect(await store.consume(name, clock.now(), 'exchange-x')).toBe('consumed');
    expect(await store.consume(name, clock.now(), 'exchange-x')).toBe('lost');
    expect(await store.get(name)).toMatchObject({ phase: 'consumed', consumedAt: clock.now() });
  });

  it.each([
    ['pending', async () => undefined],
    ['denied', async (name: string) => void (await say(name, 'anna', 'denied'))],
    ['void', async (name: string) => void (await store.annul(name, 'policy-changed', clock.now()))],
    [
      'a grant that has run out',
      async (name: string) => {
        await say(name, 'anna');
        clock.forward(GRANT_MS);
      },
    ],
  ])('is lost on what is %s', async (_phase, prepare) => {
    const { name } = await open(askOf());
    await prepare(name);
    expect(await store.consume(name, clock.now(), 'exchange-x')).toBe('lost');
  });

  it('counts the uses of a grant for more than one execution, until it runs out', async () => {
    const { name } = await open(askOf({ terms: { scope: 'action' } }));
    await say(name, 'anna');
    expect(await store.consume(name, clock.now(), 'exchange-x')).toBe('consumed');
    expect(await store.consume(name, clock.now(), 'exchange-x')).toBe('consumed');
    expect(await store.get(name)).toMatchObject({ phase: 'approved', uses: 2 });
    clock.forward(GRANT_MS);
    expect(await store.consume(name, clock.now(), 'exchange-x')).toBe('lost');
  });
});

describe('finding', () => {
  const otherBody = { bodyDigest: sha256('other bytes, same actions') };
  const otherAction = { ...otherBody, actionDigest: sha256('refund 60') };

  it('finds the pending and the granted one of the same fingerprint', async () => {
    expect(await store.find(askOf(), clock.now())).toBeNull();
    const { name } = await open(askOf());
    expect((await store.find(askOf(), clock.now()))?.name).toBe(name);
    await say(name, 'anna');
    expect(await store.find(askOf(), clock.now())).toMatchObject({ name, phase: 'approved' });
  });

  it('finds nothing after a grant was consumed, so that a new one is asked for', async () => {
    const { name } = await open(askOf());
    await say(name, 'anna');
    await store.consume(name, clock.now(), 'exchange-x');
    expect(await store.find(askOf(), clock.now())).toBeNull();
  });

  it('finds a denial until the time of the request has run', async () => {
    const { name } = await open(askOf());
    await say(name, 'anna', 'denied');
    clock.forward(TTL_MS - 1);
    expect((await store.find(askOf(), clock.now()))?.phase).toBe('denied');
    clock.forward(1);
    expect(await store.find(askOf(), clock.now())).toBeNull();
  });

  it('finds an expiry until the agent was told', async () => {
    const { name } = await open(askOf());
    clock.forward(TTL_MS);
    expect((await store.sweep(clock.now())).map((ended) => ended.name)).toEqual([name]);
    expect((await store.find(askOf(), clock.now()))?.phase).toBe('expired');
    expect(await store.expire(name, clock.now())).toBe(false);
    expect(await store.find(askOf(), clock.now())).toBeNull();
  });

  it.each([
    ['once', otherBody, false],
    ['action', otherBody, true],
    ['action', otherAction, false],
    ['target', otherAction, true],
  ] as const)('a grant of scope %s, asked for %j: %s', async (scope, binding, found) => {
    const { name } = await open(askOf({ terms: { scope } }));
    const ask = askOf({ terms: { scope }, binding });
    expect(await store.find(ask, clock.now())).toBeNull();
    await say(name, 'anna');
    expect((await store.find(ask, clock.now()))?.name ?? null).toBe(found ? name : null);
    clock.forward(GRANT_MS);
    expect(await store.find(ask, clock.now())).toBeNull();
  });

  it.each<[string, Parameters<typeof askOf>[0]]>([
    ['another agent', { binding: { ...otherAction, agentId: 'other' } }],
    ['another rule', { binding: otherAction, rest: { rule: 'large refunds' } }],
    ['another risk', { binding: otherAction, rest: { riskLevel: 'critical' } }],
    ['more approvers', { binding: otherAction, terms: { approvers: 2 } }],
    ['the scope once', { binding: otherAction, terms: { scope: 'once' } }],
    [
      'another server',
      { binding: otherAction, rest: { request: { ...askOf().request, url: 'https://evil.example/refunds' } } },
    ],
    ['no readable URL', { binding: otherAction, rest: { request: { ...askOf().request, url: '' } } }],
    [
      'another target',
      { binding: otherAction, rest: { actions: askOf().actions.map((a) => ({ ...a, target: 'x' })) } },
    ],
    [
      'one more action',
      { binding: otherAction, rest: { actions: [...askOf().actions, { ...askOf().actions[0]!, type: 'pay' }] } },
    ],
  ])('a grant of scope target does not cover %s', async (_what, changes) => {
    const { name } = await open(askOf({ terms: { scope: 'target' } }));
    await say(name, 'anna');
    const ask = askOf({ ...changes, terms: { scope: 'target', ...changes?.terms } });
    expect(await store.find(ask, clock.now())).toBeNull();
  });

  it.each<[string, Parameters<typeof askOf>[0]]>([
    ['policy', { binding: { policyDigest: sha256('2') } }],
    ['action map', { binding: { actionMapDigest: sha256('2'), actionDigest: sha256('pay 50') } }],
    ['credential', { binding: { credentialGeneration: '2' } }],
  ])('finds the live approval of the same request when the %s changed', async (_part, changes) => {
    const { name } = await open(askOf());
    expect((await store.find(askOf(changes), clock.now()))?.name).toBe(name);
    await store.annul(name, 'policy-changed', clock.now());
    expect(await store.find(askOf(changes), clock.now())).toBeNull();
  });

  it('finds a grant whose scope would cover the request, were it not from another world', async () => {
    const { name } = await open(askOf({ terms: { scope: 'target' } }));
    await say(name, 'anna');
    const ask = askOf({ terms: { scope: 'target' }, binding: { ...otherAction, policyDigest: sha256('2') } });
    expect((await store.find(ask, clock.now()))?.name).toBe(name);
  });
});

describe('listing and forgetting', () => {
  it('lists the newest first, by phase, at most as many as asked for', async () => {
    const names = [];
    for (const body of ['1', '2', '3']) names.push((await open(askOf({ binding: { bodyDigest: sha256(body) } }))).name);
    await say(names[1] ?? '', 'anna', 'denied');
    const list = async (phases: readonly ('pending' | 'denied')[] | null, limit: number): Promise<string[]> =>
      (await store.list({ phases, limit })).map(({ name }) => name);
    expect(await list(null, 2)).toEqual([names[2], names[1]]);
    expect(await list(['pending'], 9)).toEqual([names[2], names[0]]);
    expect(await list(['denied'], 9)).toEqual([names[1]]);
    expect(store.pendingCount()).toBe(2);
    clock.forward(TTL_MS);
    expect(store.pendingCount()).toBe(0);
  });

  it('forgets what ended before the retention, decisions and all', async () => {
    using short = temporaryStore(60 * MINUTE_MS);
    ({ store, clock } = short);
    const ended = await open(askOf());
    await say(ended.name, 'anna', 'denied');
    clock.forward(TTL_MS + 60 * MINUTE_MS + 1);
    const live = await open(askOf({ binding: { bodyDigest: sha256('live') } }));
    await store.sweep(clock.now());
    expect((await store.list({ phases: null, limit: 9 })).map(({ name }) => name)).toEqual([live.name]);
    store[Symbol.dispose]();
    const database = new DatabaseSync(short.file);
    expect(database.prepare('SELECT count(*) AS n FROM decisions').get()?.['n']).toBe(0);
    database.close();
  });
});
