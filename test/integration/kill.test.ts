import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRecord } from '../../src/audit/chain.ts';
import { verifyJournal } from '../../src/audit/verify.ts';
import { ControlClient } from '../../src/cli/control-client.ts';
import type { AuditRecord } from '../../src/model/record.ts';
import { approvalOf, throughProxy } from '../support/agent.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';

const POLICY = `version: "1"
rules:
  - {name: refund, match: {type: create}, conditions: {param_gte: {approved: 0}}, risk_level: high, approval: approve}
  - {name: high, match: {type: create}, risk_level: high, approval: auto}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
`;

/** As many rounds as fit, up to these: a gateway starts in half a second, or in two on a busy machine. */
const ROUNDS = 40;
const ROUNDS_MS = 40_000;
/** Moments from the first request to the kill: a request takes about ten milliseconds. */
const MOMENTS_MS = [0, 3, 6, 9, 12, 16, 20, 25, 30, 40, 55, 80, 120] as const;

let upstream: HttpUpstream;
let gateway: GatewayProcess;

beforeEach(async () => {
  upstream = await startHttpUpstream();
  const config = `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nlimits: {approval_wait: 0s}`;
  gateway = await startGatewayProcess({ policy: POLICY, config });
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** Every record of the journal, in order. */
async function recordsOf(dataDir: string): Promise<readonly AuditRecord[]> {
  const dir = join(dataDir, 'journal');
  const records: AuditRecord[] = [];
  for (const name of (await readdir(dir)).filter((entry) => entry.endsWith('.jsonl')).toSorted()) {
    // What stands behind the last line feed is being written.
    const lines = (await readFile(join(dir, name), 'utf8')).split('\n').slice(0, -1);
    records.push(...lines.map((line) => parseRecord(Buffer.from(line))));
  }
  return records;
}

const send = async (id: string, body?: object): Promise<void> => {
  // A request that is cut off by the kill has no answer.
  await throughProxy(gateway.port, `${upstream.origin}/call?n=${id}`, body === undefined ? {} : { body }).catch(
    () => null,
  );
};

/** Reads, writes and three holders of one grant at once, without end until they are told. */
async function load(round: number, stop: AbortSignal): Promise<void> {
  const worker = async (name: string, body?: object): Promise<void> => {
    for (let n = 0; !stop.aborted; n += 1) await send(`${name}-${round}-${n}`, body);
  };
  const holders = [1, 2, 3].map(async () => await send(`approved-${round}`, { approved: round }));
  await Promise.all([...holders, worker('read'), worker('read2'), worker('write', { a: 1 })]);
}

/** Asks for one approval and gives it, over the control socket as people do. */
async function approve(round: number): Promise<void> {
  const answer = await throughProxy(gateway.port, `${upstream.origin}/call?n=approved-${round}`, {
    body: { approved: round },
  });
  const client = new ControlClient(join(gateway.dataDir, 'control.sock'));
  await client.decide(approvalOf(answer), { verdict: 'approved', reason: '', fingerprint: null });
}

/** The records, once every intent has an outcome: the last one comes after its answer. */
async function closedRecords(): Promise<readonly AuditRecord[]> {
  for (;;) {
    const records = await recordsOf(gateway.dataDir);
    const count = (kind: AuditRecord['kind']): number => records.filter((record) => record.kind === kind).length;
    if (count('intent') <= count('outcome')) return records;
    await sleep(5);
  }
}

async function expectSound(): Promise<void> {
  const verified = await verifyJournal({
    dir: join(gateway.dataDir, 'journal'),
    anchors: [],
    keys: new Map(),
    wait: (ms) => sleep(ms),
  });
  expect(verified.breaks).toEqual([]);
  const records = await closedRecords();
  expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index + 1));
  const intents = records.filter((record) => record.kind === 'intent');
  const outcomes = records.flatMap((record) => (record.kind === 'outcome' ? [record.exchangeId] : []));
  expect(outcomes.toSorted()).toEqual(intents.map(({ exchangeId }) => exchangeId).toSorted());
  const intended = new Set(intents.map(({ request }) => new URL(request.url).searchParams.get('n')));
  const seen = upstream.seen.map(({ url }) => new URL(url, upstream.origin).searchParams.get('n') ?? '');
  expect(seen.filter((id) => !intended.has(id))).toEqual([]);
  const approved = seen.filter((id) => id.startsWith('approved-'));
  expect(approved).toEqual([...new Set(approved)]);
}

describe('a gateway that is killed under load, again and again', () => {
  it(
    'forwarded nothing without an intent, used no approval twice, and leaves a whole chain with every exchange closed',
    { timeout: 90_000 },
    async () => {
      const end = performance.now() + ROUNDS_MS;
      let round = 0;
      for (; round < ROUNDS && performance.now() < end; round += 1) {
        await approve(round);
        const stop = new AbortController();
        const loading = load(round, stop.signal);
        await sleep(MOMENTS_MS[round % MOMENTS_MS.length] ?? 0);
        await gateway.stop('SIGKILL');
        stop.abort();
        await loading;
        gateway = await gateway.restart();
        // Whoever retries is asked for anew, or has his grant still; nothing runs a second time.
        await send(`approved-${round}`, { approved: round });
        await send(`read-after-${round}`);
        await expectSound();
      }
      expect(round).toBeGreaterThan(3);
      const records = await recordsOf(gateway.dataDir);
      expect(records.some((record) => record.kind === 'outcome' && record.result === 'unknown')).toBe(true);
      expect(upstream.seen.filter(({ url }) => url.includes('approved-')).length).toBeGreaterThan(0);
    },
  );
});
