import { gzipSync } from 'node:zlib';
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { journalOf } from '../support/audit-trail.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { openTls, tlsThrough } from '../support/tunnel.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { TestAuthority } from '../unit/forward/certificates.ts';

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

const ENTRIES = ['proxy', 'route', 'connect', 'direct TLS'] as const;
const FRAMINGS = ['with a length', 'in chunks', 'in gzip', 'in gzip and chunks'] as const;

/** The same name on every entry: captured TLS has a name and never an address. */
const HOST = 'localhost';

const authority = new TestAuthority();
let upstream: HttpUpstream;
let secure: HttpUpstream;
let gateway: GatewayProcess;
let ca: string;

beforeAll(async () => {
  upstream = await startHttpUpstream();
  secure = await startHttpUpstream(undefined, authority.issue(`DNS:${HOST}`));
  gateway = await startGatewayProcess({
    policy: POLICY,
    actions: ACTIONS,
    files: { 'upstream-ca.pem': authority.cert },
    config: [
      `upstream: {allow: ["${HOST}:${upstream.port}", "${HOST}:${secure.port}"], ca_files: [upstream-ca.pem]}`,
      `routes: {shop: {upstream: "http://${HOST}:${upstream.port}"}}`,
      'limits: {approval_wait: 0s}',
    ].join('\n'),
  });
  ca = await readFile(join(gateway.dataDir, 'agent', 'ca.pem'), 'utf8');
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await secure[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
});

interface Path {
  readonly entry: (typeof ENTRIES)[number];
  readonly framing: (typeof FRAMINGS)[number];
}

/** The body of a case as it is sent, and the fields that say how. */
function framed({ body }: Case, { framing }: Path): { readonly bytes: Buffer | undefined; readonly fields: object } {
  if (body === undefined) return { bytes: undefined, fields: {} };
  const plain = Buffer.from(JSON.stringify(body));
  const bytes = framing.includes('gzip') ? gzipSync(plain) : plain;
  const fields = {
    'content-type': 'application/json',
    ...(framing.includes('gzip') ? { 'content-encoding': 'gzip' } : {}),
    ...(framing.includes('chunks') ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes.byteLength }),
  };
  return { bytes, fields };
}

/** The connection that a request goes out on, its target, and its Host. */
async function openPath({ entry }: Path, target: string): Promise<{ socket?: Socket; path: string; host: string }> {
  const inside = { path: target, host: `${HOST}:${secure.port}` };
  const tls = { servername: HOST, ca };
  switch (entry) {
    case 'proxy':
      return { path: `http://${HOST}:${upstream.port}${target}`, host: `${HOST}:${upstream.port}` };
    case 'route':
      return { path: `/routes/shop${target}`, host: `127.0.0.1:${gateway.port}` };
    case 'connect':
      return { ...inside, socket: await tlsThrough(gateway.port, inside.host, tls) };
    case 'direct TLS':
      return { ...inside, socket: await openTls({ port: gateway.port }, tls) };
    default:
      return entry satisfies never;
  }
}

async function send(one: Case, path: Path): Promise<Verdict> {
  const { bytes, fields } = framed(one, path);
  const opened = await openPath(path, one.path);
  const { socket } = opened;
  const request = httpRequest({
    host: '127.0.0.1',
    port: gateway.port,
    method: one.method ?? (bytes === undefined ? 'GET' : 'POST'),
    path: opened.path,
    ...(socket === undefined ? { agent: false } : { createConnection: () => socket }),
    headers: { host: opened.host, connection: 'close', ...fields },
  });
  request.end(bytes);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  if (response.statusCode === 200) return 'forwarded';
  const { code, decision } = JSON.parse(text) as { code: string; decision?: { rule: string } };
  return [code, decision?.rule ?? null];
}

/** What the newest record of a request says of it, without what differs from one path to another. */
async function recorded(): Promise<object> {
  const record = (await journalOf(gateway)).findLast(({ kind }) => kind === 'intent' || kind === 'refusal');
  const { kind, actions, fault } = record ?? { kind: 'none' };
  const { why, observed } = (record?.['decision'] ?? {}) as { readonly why?: string; readonly observed?: object };
  return { kind, actions, fault, why, observed };
}

const rows = CASES.flatMap((one) =>
  ENTRIES.flatMap((entry) =>
    (one.body === undefined ? FRAMINGS.slice(0, 1) : FRAMINGS).map(
      (framing) => [`${one.name}: ${entry}, ${framing}`, { ...one, entry, framing }] as const,
    ),
  ),
);

/** What was recorded of each case on the first path that it took. */
const firstRecords = new Map<string, object>();

describe('one verdict on every path', () => {
  it.each(rows)('%s', async (_title, row) => {
    const seen = (): number => upstream.seen.length + secure.seen.length;
    const before = seen();
    expect(await send(row, row)).toEqual(row.verdict);
    expect(seen() - before).toBe(row.verdict === 'forwarded' ? 1 : 0);
    const found = await recorded();
    const first = firstRecords.get(row.name) ?? found;
    firstRecords.set(row.name, first);
    expect(found).toEqual(first);
  });
});
