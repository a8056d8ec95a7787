import { afterEach, expect, it } from 'vitest';
import { throughProxy } from '../support/agent.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { gaugeOf, scrape } from '../support/measures.ts';
import { all, expectServed, refusalsOf, strainOf } from '../support/strain.ts';
import { startHttpUpstream } from '../support/upstream.ts';

const POLICY = `version: "1"
rules:
  - {name: desk, match: {type: create}, risk_level: high, approval: approve}
  - {name: rest, risk_level: low, approval: auto}
`;
const ASKED = 10_000;
const PENDING = 1_000;
/** What a thousand approvals and ten thousand calls may cost in memory, garbage included. */
const MOST_GROWN_MIB = 200;

const ended: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of ended.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

const pendingOf = async (gateway: GatewayProcess): Promise<number> =>
  gaugeOf(await scrape(gateway), 'aegis_approvals_pending');

it(
  'of 10,000 requests for a human as many wait as may, the others are refused and counted, and the list stays usable',
  { timeout: 180_000 },
  async () => {
    const upstream = await startHttpUpstream();
    ended.push(upstream);
    const gateway = await startGatewayProcess({
      policy: POLICY,
      config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nlimits: {approval_wait: 0s, approval_ttl: 2m}`,
    });
    ended.push(gateway);
    const counts = new Map<unknown, number>();
    const ask = async (order: number): Promise<void> => {
      const { json } = await throughProxy(gateway.port, `${upstream.origin}/orders`, { body: { order } });
      counts.set(json['code'], (counts.get(json['code']) ?? 0) + 1);
    };
    const found = await strainOf(gateway, `${upstream.origin}/other`, async () => {
      await all(20, async (from) => {
        for (let order = from; order < ASKED; order += 20) await ask(order);
      });
    });
    expect(counts).toEqual(
      new Map([
        ['approval-pending', PENDING],
        ['approvals-full', ASKED - PENDING],
      ]),
    );
    expect(found.counted(refusalsOf('approvals-full'))).toBe(ASKED - PENDING);
    expect(await pendingOf(gateway)).toBe(PENDING);
    expectServed(found, MOST_GROWN_MIB);

    const listed = await gateway.cli('approvals', 'list', '--output', 'json');
    expect(listed.code).toBe(0);
    expect(listed.stdout).toContain('apr-');
    const [name = ''] = /apr-[\w-]+/u.exec(listed.stdout) ?? [];
    expect((await gateway.cli('approvals', 'deny', name, '--reason', 'too many')).code).toBe(0);
    expect(await pendingOf(gateway)).toBe(PENDING - 1);
    // There is room for one again.
    counts.clear();
    await ask(ASKED);
    expect(counts).toEqual(new Map([['approval-pending', 1]]));
  },
);

it('approvals that ran out make room for others, all of them', { timeout: 120_000 }, async () => {
  const upstream = await startHttpUpstream();
  ended.push(upstream);
  const gateway = await startGatewayProcess({
    policy: POLICY,
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nlimits: {approval_wait: 0s, approval_ttl: 20s, pending: 200}`,
  });
  ended.push(gateway);
  const ask = async (order: number): Promise<unknown> =>
    (await throughProxy(gateway.port, `${upstream.origin}/orders`, { body: { order } })).json['code'];
  const codes = await all(300, async (order) => await ask(order));
  expect(codes.filter((code) => code === 'approval-pending')).toHaveLength(200);
  await expect.poll(async () => await pendingOf(gateway), { timeout: 60_000 }).toBe(0);
  expect(new Set(await all(100, async (order) => await ask(1_000 + order)))).toEqual(new Set(['approval-pending']));
});
