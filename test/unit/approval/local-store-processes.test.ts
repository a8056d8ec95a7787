import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApprovalRecord } from '../../../src/model/approval.ts';
import { askOf, GRANT_MS, temporaryStore, TTL_MS, type TemporaryStore } from '../../support/approval-asks.ts';

const CHILD = fileURLToPath(new URL('consume-child.ts', import.meta.url));
const RACERS = 8;

let temporary: TemporaryStore;
const children: ChildProcessWithoutNullStreams[] = [];

beforeEach(() => {
  temporary = temporaryStore();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  temporary[Symbol.dispose]();
});

function startChild(
  mode: string,
  name: string,
): { readonly child: ChildProcessWithoutNullStreams; readonly line: () => Promise<string> } {
  const child = spawn(process.execPath, [CHILD, mode, temporary.file, name, String(temporary.clock.now())]);
  children.push(child);
  let problem = '';
  child.stderr.on('data', (chunk: Buffer) => {
    problem += chunk.toString();
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done === true) throw new Error(`the child ended: ${problem}`);
    return next.value;
  };
  return { child, line };
}

async function pending(): Promise<ApprovalRecord> {
  const now = temporary.clock.now();
  return await temporary.store.open(askOf(), { now, expiresAt: now + TTL_MS, grantMs: GRANT_MS });
}

async function granted(): Promise<ApprovalRecord> {
  const { name } = await pending();
  const outcome = await temporary.store.decide(name, {
    approver: 'anna',
    verdict: 'approved',
    reason: '',
    at: temporary.clock.now(),
  });
  if (outcome.kind !== 'recorded') throw new Error(outcome.kind);
  return outcome.approval;
}

describe('several processes on one file', () => {
  it('race for one grant, and exactly one of them wins', async () => {
    const { name } = await granted();
    const racers = Array.from({ length: RACERS }, () => startChild('race', name));
    for (const { line } of racers) expect(await line()).toBe('ready');
    for (const { child } of racers) child.stdin.write('go');
    const results = await Promise.all(racers.map(({ line }) => line()));
    expect(results.filter((result) => result === 'consumed')).toHaveLength(1);
    expect(results.filter((result) => result === 'lost')).toHaveLength(RACERS - 1);
  });

  it('never consume again what a process consumed that was killed before it could act', async () => {
    const { name } = await granted();
    const { child, line } = startChild('consume-and-hang', name);
    expect(await line()).toBe('consumed');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const store = temporary.reopen();
    expect(await store.get(name)).toMatchObject({ phase: 'consumed' });
    expect(await store.consume(name, temporary.clock.now(), 'exchange-x')).toBe('lost');
    expect(await store.find(askOf(), temporary.clock.now())).toBeNull();
    const next = await pending();
    expect(next.predecessor).toMatchObject({ name, phase: 'consumed' });
  });

  it('hear of each other: who waits is woken by a decision made elsewhere', async () => {
    const { name } = await pending();
    const waiting = temporary.store.changed(name, temporary.clock.now() + TTL_MS, new AbortController().signal);
    expect(await startChild('approve', name).line()).toBe('recorded');
    expect(await waiting).toMatchObject({ name, phase: 'approved' });
  });
});

describe('waiting for a decision', () => {
  const never = new AbortController().signal;

  it('ends with the decision', async () => {
    const { name } = await pending();
    const waiting = temporary.store.changed(name, temporary.clock.now() + TTL_MS, never);
    await temporary.store.decide(name, {
      approver: 'anna',
      verdict: 'denied',
      reason: 'no',
      at: temporary.clock.now(),
    });
    expect(await waiting).toMatchObject({ phase: 'denied' });
  });

  it('ends at once when the decision was made before', async () => {
    const { name } = await granted();
    expect(await temporary.store.changed(name, temporary.clock.now(), never)).toMatchObject({ phase: 'approved' });
  });

  it('ends with nothing at the deadline, on abort and when the store closes', async () => {
    const { name } = await pending();
    const abort = new AbortController();
    const [atDeadline, onAbort, onClose] = [
      temporary.store.changed(name, temporary.clock.now() + 1, never),
      temporary.store.changed(name, temporary.clock.now() + TTL_MS, abort.signal),
      temporary.store.changed(name, temporary.clock.now() + 365 * 24 * 60 * TTL_MS, never),
    ];
    abort.abort();
    expect(await atDeadline).toBeNull();
    expect(await onAbort).toBeNull();
    temporary.store[Symbol.dispose]();
    expect(await onClose).toBeNull();
  });
});
