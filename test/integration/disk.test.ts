import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { throughProxy, type AgentAnswer } from '../support/agent.ts';
import { ExchangeLedger, nameIn } from '../support/exchange-ledger.ts';
import { startGatewayProcess, type Elsewhere, type GatewayProcess } from '../support/gateway-process.ts';
import { GrowingJournal } from '../support/growing-journal.ts';
import { CAN_MOUNT, PrivateDisk } from '../support/private-disk.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { distinct, startCollector, takenIds, type Collector } from '../unit/audit/collector.ts';

const POLICY = `version: "1"
rules:
  - {name: write, match: {type: create}, risk_level: high, approval: auto}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
`;
/** For what happens within a second or two, on a machine that is busy with everything else. */
const PATIENCE_MS = 25_000;

let upstream: HttpUpstream;
let collector: Collector;
let disk: PrivateDisk;
let gateway: GatewayProcess;
let journal: GrowingJournal;
let ledger: ExchangeLedger;

beforeEach(async () => {
  if (!CAN_MOUNT) return;
  upstream = await startHttpUpstream();
  collector = await startCollector();
  gateway = await startGatewayProcess({
    policy: POLICY,
    config: [
      `upstream: {allow: ["127.0.0.1:${upstream.port}"]}`,
      `audit: {sinks: [{kind: webhook, name: siem, url: "${collector.url.href}"}]}`,
    ].join('\n'),
    elsewhere: async (folder) => {
      disk = await PrivateDisk.mountIn(folder);
      return disk.elsewhere;
    },
  });
  journal = new GrowingJournal(gateway.dataDir);
  ledger = new ExchangeLedger();
});
afterEach(async () => {
  if (!CAN_MOUNT) return;
  await gateway.stop('SIGKILL');
  await disk[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

async function call(n: string, kind: 'low' | 'high' = 'low'): Promise<AgentAnswer> {
  return await throughProxy(gateway.port, `${upstream.origin}/call?n=${n}`, kind === 'high' ? { body: { n } } : {});
}

/** Calls until one is refused: a disk that has no block left may have room in the newest one of a file. */
async function untilRefused(name: string, kind: 'low' | 'high'): Promise<AgentAnswer> {
  let answer: AgentAnswer | null = null;
  for (let n = 0; answer === null || answer.status === 200; n += 1) answer = await call(`${name}-${n}`, kind);
  return answer;
}

async function eventually(what: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await what())) {
    if (performance.now() > end) throw new Error('it did not happen in time');
    await sleep(20);
  }
}

async function journalIsReady(): Promise<boolean> {
  const { checks }: { readonly checks: readonly { readonly name: string; readonly ok: boolean }[] } = JSON.parse(
    await (await fetch(`http://127.0.0.1:${gateway.adminPort}/readyz`)).text(),
  );
  return checks.find(({ name }) => name === 'journal')?.ok === true;
}

/** What reached the upstream was recorded before, every exchange is closed, the chain is whole, and the sink has it all. */
async function expectNothingLost(): Promise<void> {
  await eventually(async () => {
    ledger.take(await journal.readOn());
    return ledger.open().length === 0;
  });
  const intended = ledger.intended();
  const reached = upstream.seen.map(({ url }) => nameIn(url));
  expect(reached.filter((one) => !intended.has(one))).toEqual([]);
  const sent = [...ledger.outcomes].filter(([, result]) => result === 'success').map(([id]) => ledger.intents.get(id));
  expect(sent.filter((one) => !reached.includes(one ?? ''))).toEqual([]);
  await eventually(async () => {
    ledger.take(await journal.readOn());
    return distinct(takenIds(collector)).length >= journal.records.length;
  });
  const ids = journal.records.map(({ id }) => id);
  expect(distinct(takenIds(collector)).slice(0, ids.length)).toEqual(ids);
  const { code, stdout } = await gateway.cli('audit', 'verify');
  expect([code, stdout]).toEqual([0, expect.stringContaining('the chain is whole')]);
}

describe.runIf(CAN_MOUNT)('a disk that is really full', () => {
  it('has requests refused, of every risk, and is used again by itself (fault:audit-unavailable)', async () => {
    expect((await call('before')).status).toBe(200);
    disk.fill();
    const refused = await untilRefused('full', 'high');
    expect([refused.status, refused.json['code']]).toEqual([503, 'audit-unavailable']);
    expect(await journalIsReady()).toBe(false);
    const seen = upstream.seen.length;
    for (const kind of ['low', 'high'] as const) expect((await call(`still-full-${kind}`, kind)).status).toBe(503);
    expect(upstream.seen).toHaveLength(seen);
    disk.makeRoom();
    await eventually(journalIsReady);
    expect((await call('after', 'high')).status).toBe(200);
    await expectNothingLost();
    // From when on records were refused.
    expect(ledger.recovered.map(({ detail }) => detail)).toEqual([expect.stringContaining('ENOSPC')]);
  }, 90_000);

  it('loses nothing to a kill -9, and the gateway starts again once there is room', async () => {
    expect((await call('before', 'high')).status).toBe(200);
    disk.fill();
    await untilRefused('full', 'low');
    await gateway.stop('SIGKILL');
    await expect(gateway.restart()).rejects.toThrow(/gateway\.not-started.*(?:disk is full|ENOSPC)/u);
    disk.makeRoom();
    gateway = await gateway.restart();
    expect((await call('after')).status).toBe(200);
    await expectNothingLost();
  }, 90_000);
});

describe.runIf(CAN_MOUNT)('a first start on a full disk', () => {
  it('fails, and leaves nothing that keeps the next one from making its keys', async () => {
    const options = { policy: POLICY, config: '' };
    let other: PrivateDisk | null = null;
    const elsewhere = async (folder: string): Promise<Elsewhere> => {
      other = await PrivateDisk.mountIn(folder);
      other.fill();
      return other.elsewhere;
    };
    const failed = await startGatewayProcess({ ...options, elsewhere }).catch((error: unknown) => String(error));
    expect(failed).toMatch(/gateway\.not-started.*(?:ENOSPC|disk is full)/u);
    await using full = other ?? disk;
    full.makeRoom();
    await using started = await startGatewayProcess({
      ...options,
      elsewhere: async () => await Promise.resolve(full.elsewhere),
      folder: full.folder,
    });
    await started.stop('SIGTERM');
    expect((await started.cli('audit', 'verify')).code).toBe(0);
  }, 90_000);
});

describe.runIf(CAN_MOUNT)('a disk that fails to sync', () => {
  it('has requests refused, believes nothing until it was written and synced again, and goes on by itself', async () => {
    expect((await call('before', 'high')).status).toBe(200);
    disk.failDevice();
    // What the device has taken once, it can take again: it fails where it needs more.
    const refused = await untilRefused('failing', 'high');
    expect([refused.status, refused.json['code']]).toEqual([503, 'audit-unavailable']);
    const seen = upstream.seen.length;
    for (const kind of ['low', 'high'] as const) expect((await call(`still-failing-${kind}`, kind)).status).toBe(503);
    expect(upstream.seen).toHaveLength(seen);
    disk.repairDevice();
    await eventually(journalIsReady);
    expect((await call('after', 'high')).status).toBe(200);
    await expectNothingLost();
    expect(ledger.recovered.map(({ detail }) => detail)).toEqual([expect.stringContaining('sync')]);
  }, 90_000);
});

describe.runIf(CAN_MOUNT)('a disk that goes read-only', () => {
  it('has requests refused until it is mounted anew, and the gateway started', async () => {
    expect((await call('before', 'high')).status).toBe(200);
    disk.goReadOnly();
    for (const kind of ['low', 'high'] as const) {
      const refused = await call(`read-only-${kind}`, kind);
      expect([refused.status, refused.json['code']]).toEqual([503, 'audit-unavailable']);
    }
    expect(upstream.seen).toHaveLength(1);
    expect(await journalIsReady()).toBe(false);
    expect(await gateway.stop('SIGTERM')).toBe(0);
    disk.mountAgain('ro');
    await expect(gateway.restart()).rejects.toThrow(/gateway\.not-started.*read-only file system/u);
    disk.mountAgain('rw');
    gateway = await gateway.restart();
    expect((await call('after', 'high')).status).toBe(200);
    await expectNothingLost();
  }, 90_000);
});
