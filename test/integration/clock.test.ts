import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlClient } from '../../src/cli/control-client.ts';
import { approvalOf, throughProxy, type AgentAnswer } from '../support/agent.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { GrowingJournal } from '../support/growing-journal.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { distinct, startCollector, takenIds, type Collector } from '../unit/audit/collector.ts';

const HOUR_MS = 3_600_000;
const POLICY = `version: "1"
rules:
  - {name: held, match: {type: create}, conditions: {param_gte: {held: 0}}, risk_level: high, approval: {wait: 2s, ttl: 1h}}
  - {name: short, match: {type: create}, conditions: {param_gte: {short: 0}}, risk_level: high, approval: {wait: 0s, ttl: 5s}}
  - {name: write, match: {type: create}, risk_level: high, approval: auto}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
`;

let upstream: HttpUpstream;
let collector: Collector;
let gateway: GatewayProcess;

beforeEach(async () => {
  upstream = await startHttpUpstream();
  collector = await startCollector();
  gateway = await startGatewayProcess({
    policy: POLICY,
    config: [
      `upstream: {allow: ["127.0.0.1:${upstream.port}"]}`,
      `audit: {segment_size: 64KiB, sinks: [{kind: webhook, name: siem, url: "${collector.url.href}"}]}`,
    ].join('\n'),
    env: { NODE_OPTIONS: `--import=${pathToFileURL(resolve('test/support/settable-clock.ts')).href}` },
  });
});
afterEach(async () => {
  for (const one of [gateway, collector, upstream]) await one[Symbol.asyncDispose]();
});

async function call(n: string, body?: object): Promise<AgentAnswer> {
  return await throughProxy(gateway.port, `${upstream.origin}/call?n=${n}`, body === undefined ? {} : { body });
}

/** Sets the clock of the gateway back by an hour, and waits until its records show it. */
async function setBack(journal: GrowingJournal): Promise<void> {
  gateway.process.kill('SIGUSR2');
  for (let n = 0; ; n += 1) {
    await call(`probe-${n}`);
    const time = (await journal.readOn()).at(-1)?.time ?? '';
    if (Date.parse(time) < Date.now() - HOUR_MS / 2) return;
    await sleep(20);
  }
}

describe('a clock that is set back by an hour under a running gateway', () => {
  it('stops no request; numbers and chain go on, segments too, and the sink gets every record', async () => {
    const journal = new GrowingJournal(gateway.dataDir);
    expect((await call('before', { a: 1 })).status).toBe(200);
    await setBack(journal);
    for (let n = 0; n < 120; n += 1) expect((await call(`after-${n}`, { a: 1 })).status).toBe(200);
    await gateway.stop('SIGTERM');
    gateway = await gateway.restart();
    expect((await call('again')).status).toBe(200);
    await gateway.stop('SIGTERM');
    await journal.readOn();
    expect(journal.segments).toBeGreaterThan(1);
    expect(journal.records.map(({ seq }) => seq)).toEqual(journal.records.map((_, index) => index + 1));
    const { code, stdout } = await gateway.cli('audit', 'verify');
    expect([code, stdout]).toEqual([0, expect.stringContaining('the chain is whole')]);
    expect(distinct(takenIds(collector))).toEqual(journal.records.map(({ id }) => id));
    // What was recorded when can be told from the checkpoints: the newest time before each never goes back.
    const newest = journal.records.flatMap((record) => (record.kind === 'checkpoint' ? [record.newest] : []));
    expect(newest).toEqual(newest.toSorted((left, right) => (left < right ? -1 : 1)));
  }, 60_000);

  it('holds nobody longer than the rule says, and lengthens no approval', async () => {
    const journal = new GrowingJournal(gateway.dataDir);
    const short = approvalOf(await call('short', { short: 1 }));
    const control = new ControlClient(join(gateway.dataDir, 'control.sock'));
    await control.decide(short, { verdict: 'approved', reason: '', fingerprint: null });
    const held = call('held', { held: 1 });
    await setBack(journal);
    // The test itself would end before the clock of the gateway is there again.
    expect((await held).json['code']).toBe('approval-pending');
    const { expiresAt } = await control.get(short);
    while (Date.now() <= expiresAt) await sleep(50);
    const late = await call('short', { short: 1 });
    expect([late.status, late.json['code']]).toEqual([403, 'approval-expired']);
    expect(upstream.seen.some(({ url }) => url.endsWith('n=short'))).toBe(false);
  }, 60_000);
});
