import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApprovalEvent } from '../../../src/approval/approval-event.ts';
import { createDecider, type Decide } from '../../../src/approval/decider.ts';
import { createApprovalGate, type GateSettings, type SweptGate } from '../../../src/approval/gate.ts';
import { openLocalStore } from '../../../src/approval/local-store.ts';
import { ApprovalsUnreachableError } from '../../../src/approval/store-error.ts';
import type { ApprovalRecord, HoldOutcome } from '../../../src/model/approval.ts';
import { FaultError } from '../../../src/model/fault.ts';
import { askOf, MINUTE_MS, sha256, temporaryStore, TTL_MS, type TemporaryStore } from '../../support/approval-asks.ts';

const SETTINGS: GateSettings = {
  waitMs: 0,
  ttlMs: TTL_MS,
  forMs: 10 * MINUTE_MS,
  maxPending: 10,
  maxHeld: 10,
  holdThroughOutage: false,
};
const HELD: GateSettings = { ...SETTINGS, waitMs: 10 * MINUTE_MS };
const never = new AbortController().signal;

let temporary: TemporaryStore;
let events: ApprovalEvent[];
let journalBroken: boolean;
let gate: SweptGate;
let decide: Decide;

async function onEvent(event: ApprovalEvent): Promise<void> {
  if (journalBroken) throw new FaultError('audit-unavailable', 'disk full');
  events.push(event);
}

function gateWith(settings: GateSettings): SweptGate {
  return createApprovalGate({ store: temporary.store, clock: temporary.clock, onEvent }, settings);
}

beforeEach(() => {
  temporary = temporaryStore();
  events = [];
  journalBroken = false;
  gate = gateWith(SETTINGS);
  decide = createDecider(temporary.store, temporary.clock, onEvent);
});
afterEach(() => temporary[Symbol.dispose]());

function approvalOf(outcome: HoldOutcome): ApprovalRecord {
  if (!('approval' in outcome)) throw new Error(`expected an approval, found ${outcome.kind}`);
  return outcome.approval;
}

const approve = async (name: string, approver = 'anna'): Promise<string> =>
  (await decide(name, { approver, verdict: 'approved', reason: '' })).kind;
const deny = async (name: string): Promise<string> =>
  (await decide(name, { approver: 'anna', verdict: 'denied', reason: 'too much' })).kind;
const eventNames = (): string[] => events.map(({ event }) => event);

describe('holding a request', () => {
  it('asks, says when to come back, and grants the retry once a human agreed', async () => {
    const first = await gate.hold(askOf(), never);
    expect(first).toMatchObject({ kind: 'pending', retryAfterMs: 5_000 });
    const again = await gate.hold(askOf(), never);
    expect(approvalOf(again).name).toBe(approvalOf(first).name);
    await approve(approvalOf(first).name);
    const granted = await gate.hold(askOf(), never);
    expect(granted.kind).toBe('granted');
    expect(await gate.consume(approvalOf(granted), 'exchange-x')).toBe('consumed');
    expect(eventNames()).toEqual(['requested', 'decided', 'consumed']);
    expect(events[1]).toMatchObject({ approver: 'anna', verdict: 'approved' });
    expect(events[2]).toMatchObject({ exchangeId: 'exchange-x', approver: '', verdict: null });
  });

  it('waits for the decision while the client does', async () => {
    gate = gateWith(HELD);
    const ask = askOf();
    const held = gate.hold(ask, never);
    await untilPending();
    await approve((await pendingNames())[0] ?? '');
    expect((await held).kind).toBe('granted');
  });

  it('takes the wait of the rule over that of the gateway', async () => {
    gate = gateWith(HELD);
    expect((await gate.hold(askOf({ terms: { waitMs: 1 } }), never)).kind).toBe('pending');
  });

  it('takes ttl and for of the rule over those of the gateway', async () => {
    const held = await gate.hold(askOf({ terms: { ttlMs: 7_000, scope: 'action', forMs: 3_000 } }), never);
    const { name, createdAt, expiresAt } = approvalOf(held);
    expect(expiresAt - createdAt).toBe(7_000);
    await approve(name);
    expect((await temporary.store.get(name))?.expiresAt).toBe(temporary.clock.now() + 3_000);
  });

  it('ends when the client goes away, and leaves the approval to its retry', async () => {
    gate = gateWith(HELD);
    const client = new AbortController();
    const held = gate.hold(askOf(), client.signal);
    await untilPending();
    client.abort();
    expect(await held).toEqual({ kind: 'client-gone' });
    await approve((await pendingNames())[0] ?? '');
    expect((await gate.hold(askOf(), never)).kind).toBe('granted');
  });

  it('asks nobody for a client that has gone already', async () => {
    expect(await gate.hold(askOf(), AbortSignal.abort())).toEqual({ kind: 'client-gone' });
    expect(temporary.store.pendingCount()).toBe(0);
  });

  it('does not hold more connections than it may', async () => {
    gate = gateWith({ ...HELD, maxHeld: 1 });
    const client = new AbortController();
    const first = gate.hold(askOf(), client.signal);
    await untilPending();
    expect((await gate.hold(askOf(), never)).kind).toBe('pending');
    client.abort();
    await first;
    const held = gate.hold(askOf(), never);
    await approve((await pendingNames())[0] ?? '');
    expect((await held).kind).toBe('granted');
  });

  it('asks no more than may be pending, even when all come at once', async () => {
    gate = gateWith({ ...SETTINGS, maxPending: 3 });
    const asks = Array.from({ length: 20 }, (_, index) => askOf({ binding: { bodyDigest: sha256(String(index)) } }));
    const outcomes = await Promise.all(asks.map((ask) => gate.hold(ask, never)));
    expect(outcomes.filter(({ kind }) => kind === 'pending')).toHaveLength(3);
    expect(outcomes.filter(({ kind }) => kind === 'full')).toHaveLength(17);
    expect(outcomes.at(-1)).toEqual({ kind: 'full', limit: 3 });
    expect((await gate.hold(asks[0] ?? askOf(), never)).kind).toBe('pending');
  });
});

describe('one grant for one execution', () => {
  it('goes to exactly one of those who hold it', async () => {
    const { name } = approvalOf(await gate.hold(askOf(), never));
    await approve(name);
    const holders = await Promise.all([1, 2, 3, 4].map(() => gate.hold(askOf(), never)));
    const results = await Promise.all(holders.map((holder) => gate.consume(approvalOf(holder), 'x')));
    expect(results.toSorted()).toEqual(['consumed', 'lost', 'lost', 'lost']);
    expect(eventNames().filter((event) => event === 'consumed')).toHaveLength(1);
  });

  it('lets a retry after it ask anew, and says what ran before', async () => {
    const { name } = approvalOf(await gate.hold(askOf(), never));
    await approve(name);
    await gate.consume(approvalOf(await gate.hold(askOf(), never)), 'x');
    const again = await gate.hold(askOf(), never);
    expect(again.kind).toBe('pending');
    expect(approvalOf(again)).toMatchObject({ name: `${name}-2`, predecessor: { name, phase: 'consumed' } });
  });

  it('is reported as used to those who still waited for it', async () => {
    gate = gateWith(HELD);
    const held = gate.hold(askOf(), never);
    await untilPending();
    const { store, clock } = temporary;
    const [name = ''] = await pendingNames();
    // Decided and consumed by another process, both before this one looks.
    const other = openLocalStore({
      file: temporary.file,
      clock,
      retentionMs: TTL_MS,
    });
    await other.decide(name, { approver: 'anna', verdict: 'approved', reason: '', at: clock.now() });
    await other.consume(name, clock.now(), 'exchange-x');
    other[Symbol.dispose]();
    expect(await held).toMatchObject({ kind: 'consumed', approval: { name } });
    expect((await store.get(name))?.phase).toBe('consumed');
  });

  it('counts every use of a wider grant', async () => {
    const terms = { scope: 'action' } as const;
    const { name } = approvalOf(await gate.hold(askOf({ terms }), never));
    await approve(name);
    for (const body of ['a', 'b']) {
      const held = await gate.hold(askOf({ terms, binding: { bodyDigest: sha256(body) } }), never);
      expect(held).toMatchObject({ kind: 'granted', approval: { name } });
      expect(await gate.consume(approvalOf(held), body)).toBe('consumed');
    }
    expect(eventNames()).toEqual(['requested', 'decided', 'used', 'used']);
    expect((await temporary.store.get(name))?.uses).toBe(2);
  });
});

describe('how approvals end', () => {
  it('a denial answers retries until the time of the request has run, then may be asked again', async () => {
    const { name } = approvalOf(await gate.hold(askOf(), never));
    await deny(name);
    expect((await gate.hold(askOf(), never)).kind).toBe('denied');
    expect((await gate.hold(askOf(), never)).kind).toBe('denied');
    temporary.clock.forward(TTL_MS);
    expect(await gate.hold(askOf(), never)).toMatchObject({
      kind: 'pending',
      approval: { predecessor: { phase: 'denied' } },
    });
  });

  it.each(['swept', 'not swept'])('an expiry is told once, then may be asked again (%s)', async (how) => {
    const { name } = approvalOf(await gate.hold(askOf(), never));
    temporary.clock.forward(TTL_MS);
    if (how === 'swept') await gate.sweep();
    expect(await gate.hold(askOf(), never)).toMatchObject({ kind: 'expired', approval: { name, phase: 'expired' } });
    expect(await gate.hold(askOf(), never)).toMatchObject({
      kind: 'pending',
      approval: { predecessor: { phase: 'expired' } },
    });
    expect(eventNames()).toEqual(['requested', 'expired', 'requested']);
  });

  it('a grant that nobody used runs out', async () => {
    const { name } = approvalOf(await gate.hold(askOf(), never));
    await approve(name);
    const granted = await gate.hold(askOf(), never);
    temporary.clock.forward(TTL_MS);
    expect(await gate.consume(approvalOf(granted), 'x')).toBe('lost');
    expect((await gate.hold(askOf(), never)).kind).toBe('expired');
  });

  it.each([
    ['policy-changed', { policyDigest: sha256('2') }],
    ['actions-changed', { actionMapDigest: sha256('2') }],
    ['credential-changed', { credentialGeneration: '2' }],
  ])('%s: the grant is void, which is told once, then is asked anew', async (reason, binding) => {
    const { name } = approvalOf(await gate.hold(askOf(), never));
    await approve(name);
    const told = await gate.hold(askOf({ binding }), never);
    expect(told).toMatchObject({ kind: 'void', approval: { name, phase: 'void', voidReason: reason } });
    expect(events.at(-1)).toMatchObject({ event: 'voided', approval: name, reason });
    const anew = await gate.hold(askOf({ binding }), never);
    expect(anew).toMatchObject({ kind: 'pending', approval: { predecessor: { name, phase: 'void', reason } } });
    expect(await temporary.store.consume(name, temporary.clock.now(), 'exchange-x')).toBe('lost');
  });

  it('one that runs out while it is held is expired, to the millisecond of the clock', async () => {
    const time = { now: () => Date.now(), monotonic: () => performance.now() };
    using other = temporaryStore();
    const store = openLocalStore({ file: `${other.file}-2`, clock: time, retentionMs: TTL_MS });
    gate = createApprovalGate({ store, clock: time, onEvent }, { ...HELD, ttlMs: 30 });
    expect((await gate.hold(askOf(), never)).kind).toBe('expired');
    store[Symbol.dispose]();
  });

  it('those who are held hear that their approval is void', async () => {
    gate = gateWith(HELD);
    const held = gate.hold(askOf(), never);
    await untilPending();
    await gate.hold(askOf({ binding: { policyDigest: sha256('2') } }), never);
    expect(await held).toMatchObject({ kind: 'void', approval: { voidReason: 'policy-changed' } });
  });

  it('an approval that the exchange annuls is void', async () => {
    const { name } = approvalOf(await gate.hold(askOf(), never));
    await approve(name);
    await gate.annul(approvalOf(await gate.hold(askOf(), never)), 'policy-blocks');
    expect(await temporary.store.get(name)).toMatchObject({ phase: 'void', voidReason: 'policy-blocks' });
  });
});

describe('when something fails', () => {
  it('a store that fails grants nothing', async () => {
    temporary.store[Symbol.dispose]();
    expect(await gate.hold(askOf(), never)).toMatchObject({ kind: 'unavailable' });
  });

  it('a request that cannot be recorded is not asked', async () => {
    journalBroken = true;
    expect(await gate.hold(askOf(), never)).toMatchObject({ kind: 'unavailable' });
    expect(temporary.store.pendingCount()).toBe(0);
  });

  it('a consumption that cannot be recorded is a fault, and the grant is spent', async () => {
    await approve(approvalOf(await gate.hold(askOf(), never)).name);
    const granted = approvalOf(await gate.hold(askOf(), never));
    journalBroken = true;
    await expect(gate.consume(granted, 'x')).rejects.toThrow(FaultError);
    expect((await temporary.store.get(granted.name))?.phase).toBe('consumed');
  });

  it('a consumption that the store cannot tell of is a fault', async () => {
    await approve(approvalOf(await gate.hold(askOf(), never)).name);
    const granted = approvalOf(await gate.hold(askOf(), never));
    temporary.store[Symbol.dispose]();
    await expect(gate.consume(granted, 'x')).rejects.toMatchObject({ fault: { code: 'approvals-unavailable' } });
  });

  it('a decision that cannot be recorded has no effect', async () => {
    const { name } = approvalOf(await gate.hold(askOf(), never));
    journalBroken = true;
    await expect(approve(name)).rejects.toThrow('disk full');
    expect(await temporary.store.get(name)).toMatchObject({ phase: 'pending', decisions: [] });
  });
});

describe('a store that is out of reach', () => {
  let away: boolean;
  let calls: number;
  let losesOpening: boolean;
  const far = (settings: GateSettings): SweptGate => {
    const store = new Proxy(temporary.store, {
      get: (target, member) => {
        const value: unknown = Reflect.get(target, member);
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]): Promise<unknown> => {
          calls += 1;
          if (away) throw new ApprovalsUnreachableError('the API server is away');
          const done: unknown = await Reflect.apply(value, target, given);
          if (member !== 'open' || !losesOpening) return done;
          losesOpening = false;
          throw new ApprovalsUnreachableError('the answer was lost');
        };
      },
    });
    return createApprovalGate(
      { store, clock: { now: () => Date.now(), monotonic: () => performance.now() }, onEvent },
      settings,
    );
  };
  beforeEach(() => {
    away = true;
    calls = 0;
    losesOpening = false;
    temporary.clock.time = Date.now();
  });

  it('lets nothing pass, and refuses at once where it is told to', async () => {
    const outcome = await far({ ...HELD, holdThroughOutage: false }).hold(askOf(), never);
    expect(outcome).toEqual({ kind: 'unavailable', problem: 'the API server is away' });
    expect(calls).toBe(1);
  });

  it('is waited for as long as for a human, and then asked', async () => {
    const outcome = far({ ...SETTINGS, waitMs: 20_000, holdThroughOutage: true }).hold(askOf(), never);
    setTimeout(() => (away = false), 300);
    let [name] = await pendingNames();
    while (name === undefined)
      [name] = await new Promise<string[]>((done) => setTimeout(() => done(pendingNames()), 20));
    await approve(name);
    expect((await outcome).kind).toBe('granted');
    away = true;
    const gone = await far({ ...SETTINGS, waitMs: 600, holdThroughOutage: true }).hold(askOf(), never);
    expect(gone.kind).toBe('unavailable');
  });

  it('and loses the answer to an opening has it recorded once all the same', async () => {
    away = false;
    losesOpening = true;
    const outcome = far({ ...SETTINGS, waitMs: 20_000, holdThroughOutage: true }).hold(askOf(), never);
    while (!eventNames().includes('requested')) await new Promise((done) => setTimeout(done, 20));
    const [name = ''] = await pendingNames();
    await approve(name);
    expect((await outcome).kind).toBe('granted');
    expect(eventNames()).toEqual(['requested', 'decided']);
  });

  it('keeps nobody who has gone, and no more than may be held', async () => {
    const client = new AbortController();
    const outcome = far({ ...HELD, holdThroughOutage: true }).hold(askOf(), client.signal);
    setTimeout(() => client.abort(), 50);
    expect((await outcome).kind).toBe('client-gone');
    const none = await far({ ...HELD, holdThroughOutage: true, maxHeld: 0 }).hold(askOf(), never);
    expect(none.kind).toBe('unavailable');
  });
});

describe('decisions of people', () => {
  it('are recorded only when they count, however many come at once', async () => {
    const { name } = approvalOf(await gate.hold(askOf(), never));
    const said = await Promise.all([
      approve(name, 'anna'),
      deny(name),
      approve(name, 'ben'),
      approve('apr-0000000000'),
    ]);
    expect(said).toEqual(['recorded', 'not-pending', 'not-pending', 'unknown-approval']);
    expect(eventNames()).toEqual(['requested', 'decided']);
  });

  it('are taken once from each person', async () => {
    const { name } = approvalOf(await gate.hold(askOf({ terms: { approvers: 2 } }), never));
    expect([await approve(name), await approve(name)]).toEqual(['recorded', 'already-decided']);
    expect((await gate.hold(askOf({ terms: { approvers: 2 } }), never)).kind).toBe('pending');
  });
});

async function pendingNames(): Promise<string[]> {
  return (await temporary.store.list({ phases: ['pending'], limit: 10 })).map(({ name }) => name);
}

/** Lets the gate go on until it has opened its approval: every step until then is a resolved promise. */
async function untilPending(): Promise<void> {
  for (let turns = 0; turns < 100 && events.length === 0; turns += 1) await Promise.resolve();
  expect(eventNames()).toContain('requested');
}
