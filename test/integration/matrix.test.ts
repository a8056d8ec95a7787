import { gzipSync } from 'node:zlib';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { journalOf } from '../support/audit-trail.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';

/*
 * One verdict on every path: each case must come out the same through every entry, and however its body is sent. A peer
 * of this gateway had an approval path that was right on one entry and fell through on another.
 */

const POLICY = `version: "1"
defaults: {risk_level: medium, approval: block}
rules:
  - {name: observed, match: {type: create}, conditions: {param_eq: {path: /observed}}, risk_level: critical, approval: block, mode: observe}
  - {name: no-deletes, match: {type: delete}, risk_level: critical, approval: block}
  - {name: refund-large, match: {type: refund}, conditions: {param_gt: {amount: 100}}, risk_level: critical, approval: block}
  - {name: refund-negative, match: {type: refund}, conditions: {param_lt: {amount: 0}}, risk_level: critical, approval: block}
  - {name: refund-small, match: {type: refund}, risk_level: medium, approval: auto}
  - {name: deploy-at-night, match: {type: deploy}, conditions: {param_eq: {env: night}, time_after: "00:00", weekdays: [1, 2, 3, 4, 5, 6, 7]}, risk_level: high, approval: block}
  - {name: deploy-never, match: {type: deploy}, conditions: {param_eq: {env: never}, when: 'now < timestamp("2020-01-01T00:00:00Z")'}, risk_level: high, approval: auto}
  - {name: transfer, match: {type: transfer}, conditions: {param_gt: {amount: 10}}, on_missing: block, risk_level: high, approval: approve}
  - {name: transfer-small, match: {type: transfer}, risk_level: low, approval: auto}
  - {name: expression, match: {type: create}, conditions: {when: '"order" in action.params && action.params.order.lines.exists(line, line.price > 1000)'}, risk_level: high, approval: block}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
  - {name: step, match: {type: "step_*"}, risk_level: low, approval: auto}
  - {name: create, match: {type: create}, risk_level: low, approval: auto}
plan_rules:
  sequence_patterns:
    - {name: export-then-purge, steps: [step_export, step_purge], approval: block, risk_level: critical}
`;
const ACTIONS = `version: 1
host: "*"
actions:
  - {match: {method: POST, path: /refunds}, action: {type: refund}, params: {amount: {body: /amount, as: number}}}
  - {match: {method: POST, path: /transfers}, action: {type: transfer}}
  - {match: {method: POST, path: /deploys}, action: {type: deploy}}
  - {match: {method: POST, path: /steps}, each: /steps, action: {type: "step_{kind}"}, params: {kind: {item: /kind}}}
`;

/** What a request came to: forwarded, or the code and the rule of the refusal. */
type Verdict = 'forwarded' | readonly [code: string, rule: string | null];

interface Case {
  readonly name: string;
  readonly method?: string;
  readonly path: string;
  readonly body?: object;
  readonly verdict: Verdict;
}

const CASES: readonly Case[] = [
  { name: 'a read passes', path: '/customers?page=3', verdict: 'forwarded' },
  { name: 'a delete is blocked', method: 'DELETE', path: '/customers/7', verdict: ['policy-block', 'no-deletes'] },
  {
    name: 'a delete with a body is blocked',
    method: 'DELETE',
    path: '/customers',
    body: { ids: [1, 2] },
    verdict: ['policy-block', 'no-deletes'],
  },
  { name: 'a small amount passes', path: '/refunds', body: { amount: 100 }, verdict: 'forwarded' },
  {
    name: 'a large amount is blocked',
    path: '/refunds',
    body: { amount: 100.01 },
    verdict: ['policy-block', 'refund-large'],
  },
  {
    name: 'a negative amount is blocked',
    path: '/refunds',
    body: { amount: -1 },
    verdict: ['policy-block', 'refund-negative'],
  },
  {
    name: 'an amount that is no number is refused',
    path: '/refunds',
    body: { amount: 'all' },
    verdict: ['body-mismatch', null],
  },
  {
    name: 'a time that is always blocks',
    path: '/deploys',
    body: { env: 'night' },
    verdict: ['policy-block', 'deploy-at-night'],
  },
  {
    name: 'a time that is past matches never',
    path: '/deploys',
    body: { env: 'never' },
    verdict: ['policy-block', '<default>'],
  },
  {
    name: 'a missing parameter blocks',
    path: '/transfers',
    body: { to: 'DE00' },
    verdict: ['policy-block', 'transfer'],
  },
  {
    name: 'a value of the wrong type blocks',
    path: '/transfers',
    body: { amount: 'many' },
    verdict: ['policy-block', 'transfer'],
  },
  {
    name: 'what needs a human waits for one',
    path: '/transfers',
    body: { amount: 11 },
    verdict: ['approval-pending', 'transfer'],
  },
  { name: 'below that it passes', path: '/transfers', body: { amount: 10 }, verdict: 'forwarded' },
  { name: 'a rule in observe mode decides nothing', path: '/observed', body: { a: 1 }, verdict: 'forwarded' },
  {
    name: 'an expression looks into nested values',
    path: '/orders',
    body: { order: { lines: [{ price: 5 }, { price: 1001 }] } },
    verdict: ['policy-block', 'expression'],
  },
  {
    name: 'an expression that does not hold passes',
    path: '/orders',
    body: { order: { lines: [{ price: 5 }] } },
    verdict: 'forwarded',
  },
  {
    name: 'an expression that cannot be evaluated blocks',
    path: '/orders',
    body: { order: 5 },
    verdict: ['policy-block', 'expression'],
  },
  {
    name: 'a plan of two steps is blocked',
    path: '/steps',
    body: { steps: [{ kind: 'export' }, { kind: 'purge' }] },
    verdict: ['policy-block', 'export-then-purge'],
  },
  {
    name: 'what no rule names is blocked',
    method: 'PATCH',
    path: '/customers/7',
    body: { name: 'x' },
    verdict: ['policy-block', '<default>'],
  },
];

const ENTRIES = ['proxy', 'route'] as const;
const FRAMINGS = ['with a length', 'in chunks', 'in gzip', 'in gzip and chunks'] as const;

let upstream: HttpUpstream;
let gateway: GatewayProcess;

beforeAll(async () => {
  upstream = await startHttpUpstream();
  gateway = await startGatewayProcess({
    policy: POLICY,
    actions: ACTIONS,
    config: [
      `upstream: {allow: ["127.0.0.1:${upstream.port}"]}`,
      `routes: {shop: {upstream: "${upstream.origin}"}}`,
      'limits: {approval_wait: 0s}',
    ].join('\n'),
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

async function send(
  { method, path, body }: Case,
  entry: (typeof ENTRIES)[number],
  framing: (typeof FRAMINGS)[number],
): Promise<Verdict> {
  const plain = body === undefined ? null : Buffer.from(JSON.stringify(body));
  const bytes = plain !== null && framing.includes('gzip') ? gzipSync(plain) : plain;
  const chunked = framing.includes('chunks');
  const request = httpRequest({
    host: '127.0.0.1',
    port: gateway.port,
    method: method ?? (bytes === null ? 'GET' : 'POST'),
    path: entry === 'proxy' ? `${upstream.origin}${path}` : `/routes/shop${path}`,
    agent: false,
    headers: {
      host: entry === 'proxy' ? `127.0.0.1:${upstream.port}` : `127.0.0.1:${gateway.port}`,
      ...(bytes === null ? {} : { 'content-type': 'application/json' }),
      ...(bytes !== null && framing.includes('gzip') ? { 'content-encoding': 'gzip' } : {}),
      ...(bytes === null ? {} : chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes.byteLength }),
    },
  });
  request.end(bytes ?? undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  if (response.statusCode === 200) return 'forwarded';
  const { code, decision } = JSON.parse(text) as { code: string; decision?: { rule: string } };
  return [code, decision?.rule ?? null];
}

const rows = CASES.flatMap((one) =>
  ENTRIES.flatMap((entry) =>
    (one.body === undefined ? FRAMINGS.slice(0, 1) : FRAMINGS).map(
      (framing) => [`${one.name}: ${entry}, ${framing}`, { ...one, entry, framing }] as const,
    ),
  ),
);

describe('one verdict on every path', () => {
  it.each(rows)('%s', async (_title, row) => {
    const before = upstream.seen.length;
    expect(await send(row, row.entry, row.framing)).toEqual(row.verdict);
    expect(upstream.seen.length - before).toBe(row.verdict === 'forwarded' ? 1 : 0);
  });

  it('records the same actions and the same reason for one case on all of them', async () => {
    const seen = new Map<string, Set<string>>();
    for (const record of await journalOf(gateway)) {
      if (record.kind !== 'intent' && record.kind !== 'refusal') continue;
      const { request, actions, decision } = record as unknown as {
        request: { url: string; method: string };
        actions: object;
        decision: { why: string } | null;
      };
      const key = `${request.method} ${new URL(request.url).pathname}`;
      const verdicts = seen.get(key) ?? new Set();
      seen.set(key, verdicts.add(JSON.stringify([actions, decision?.why ?? null, record['fault'] ?? null])));
    }
    const distinct = new Map<string, Set<string>>();
    for (const { method, path, body } of CASES) {
      const key = `${method ?? (body === undefined ? 'GET' : 'POST')} ${path.split('?')[0] ?? ''}`;
      distinct.set(key, (distinct.get(key) ?? new Set()).add(JSON.stringify(body ?? null)));
    }
    for (const [key, bodies] of distinct) expect([key, seen.get(key)?.size]).toEqual([key, bodies.size]);
  });
});
