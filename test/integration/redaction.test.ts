import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalOf, throughProxy, throughRoute, type AgentAnswer, type AgentRequest } from '../support/agent.ts';
import { journalOf } from '../support/audit-trail.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';
import { sendRaw } from '../support/wire.ts';

const POLICY = `version: "1"
rules:
  - {name: cannot-compare, match: {type: update}, conditions: {param_gt: {password: 5}}, risk_level: high, approval: block}
  - {name: cannot-convert, match: {type: create}, conditions: {param_eq: {path: /numbers}, when: 'int(action.params.note) > 5'}, risk_level: high, approval: block}
  - {name: asks, match: {type: refund}, risk_level: high, approval: approve}
  - {name: no-deletes, match: {type: delete}, risk_level: high, approval: block}
  - {name: rest, risk_level: low, approval: auto}
`;
const ACTIONS = `version: 1
host: "*"
actions:
  - match: {method: POST, path: /refunds}
    action: {type: refund}
    description: "refund for {note}"
    params: {amount: {body: /amount, as: number}, note: {body: /note}, api_key: {header: x-api-key}}
    amount: amount
`;

/** Letters and digits that are in no other text. */
const random = (length: number): string => {
  let text = '';
  while (text.length < length)
    text += randomBytes(length)
      .toString('base64')
      .replaceAll(/[^A-Za-z0-9]/gu, '');
  return text.slice(0, length);
};

/** Each a secret by its name, at the place that the name says. */
const NAMED = [
  'password',
  'client_secret',
  'access_token',
  'api_key',
  'refreshToken',
  'private_key',
  'otp',
  'cookie',
  'connection_string',
  'acme_badge',
] as const;
/** Each a secret by its form, whatever it is called. They are put together here so that no scanner takes this file for a leak. */
const SHAPED = {
  github: `ghp_${random(36)}`,
  slack: `xoxb-${random(24)}`,
  openai: `sk-proj-${random(40)}`,
  stripe: `sk_live_${random(24)}`,
  aws: `AKIA${random(16).toUpperCase()}`,
  google: `AIza${random(35)}`,
  databricks: `dapi${randomBytes(16).toString('hex')}`,
  npm: `npm_${random(36)}`,
  jwt: `eyJ${random(30)}.eyJ${random(40)}.${random(43)}`,
  telegram: `123456789:AA${random(33)}`,
  bearer: `Bearer ${random(20)}1`,
  basic: `Basic ${Buffer.from(`user:${random(16)}`).toString('base64')}`,
  pem: `-----BEGIN PRIVATE KEY-----${random(64)}-----END PRIVATE KEY-----`,
} as const;

const named = Object.fromEntries(NAMED.map((name) => [name, random(22)]));
/** What must be found nowhere: the secrets without the words around them. */
const SECRETS: readonly (readonly [name: string, needle: string])[] = [
  ...Object.entries(named),
  ...Object.entries(SHAPED).map(([name, text]) => [name, needleOf(text)] as const),
];

function needleOf(text: string): string {
  return text.replace(/^(?:Bearer|Basic) /u, '').replaceAll(/-----(?:BEGIN|END) PRIVATE KEY-----/gu, '');
}

let upstream: HttpUpstream;
let gateway: GatewayProcess;
const answers: string[] = [];

beforeAll(async () => {
  upstream = await startHttpUpstream();
  gateway = await startGatewayProcess({
    policy: POLICY,
    actions: ACTIONS,
    config: [
      `upstream: {allow: ["127.0.0.1:${upstream.port}", "127.0.0.1:9"]}`,
      `routes: {shop: {upstream: "${upstream.origin}"}}`,
      'redaction: {keys: [acme_badge]}',
      'limits: {approval_wait: 0s}',
    ].join('\n'),
  });
  await sendEverything();
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** Sends every secret in every place, so that requests pass, are blocked, wait, fail and cannot be read. */
async function sendEverything(): Promise<void> {
  const all = { ...named, ...SHAPED };
  const query = new URLSearchParams(all).toString();
  const multipart = Object.entries(all)
    .map(([name, value]) => `--b0\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join('');
  const headers = {
    authorization: SHAPED.bearer,
    cookie: `session=${named['cookie']}`,
    'proxy-authorization': SHAPED.basic,
    'x-api-key': named['api_key'] ?? '',
    'x-github': SHAPED.github,
    'x-note': Object.values(SHAPED).join(' '),
  };
  const send = async (path: string, given: AgentRequest = {}): Promise<AgentAnswer> => {
    const throughBoth = [
      await throughProxy(gateway.port, `${upstream.origin}${path}`, { headers, ...given }),
      await throughRoute(gateway.port, `/routes/shop${path}`, { headers, ...given }),
    ];
    answers.push(...throughBoth.map(({ text, headers: fields }) => `${JSON.stringify(fields)}\n${text}`));
    return throughBoth[0] ?? Promise.reject(new Error('no answer'));
  };
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const note = `use ${Object.values(SHAPED).join(' or ')}`;
  expect((await send(`/search?${query}`)).status).toBe(200);
  expect((await send(`/bot${SHAPED.telegram}/${SHAPED.github}`)).status).toBe(200);
  expect((await send('/orders', { body: { ...all, nested: { deep: [all, { note }] } } })).status).toBe(200);
  expect((await send('/orders', { body: query, headers: { ...headers, ...form } })).status).toBe(200);
  const boundary = { 'content-type': 'multipart/form-data; boundary=b0' };
  expect((await send('/orders', { body: `${multipart}--b0--\r\n`, headers: { ...headers, ...boundary } })).status).toBe(
    200,
  );
  expect((await send(`/orders?${query}`, { method: 'DELETE', body: all })).json['code']).toBe('policy-block');
  expect((await send('/orders', { method: 'PUT', body: all })).json['code']).toBe('policy-block');
  expect((await send('/numbers', { body: { note } })).json['code']).toBe('policy-block');
  expect((await send(`/refunds?${query}`, { body: { ...all, amount: 5, note } })).json['code']).toBe(
    'approval-pending',
  );
  expect((await send('/refunds', { body: { amount: SHAPED.github } })).json['code']).toBe('body-mismatch');
  expect(
    (await send('/orders', { body: `{"password": "${named['password']}", "note": "${SHAPED.npm}` })).json['code'],
  ).toBe('malformed-body');
  expect((await send('/orders', { body: `{"${SHAPED.github}": 1, "${SHAPED.github}": 2}` })).json['code']).toBe(
    'duplicate-key',
  );
  answers.push((await throughProxy(gateway.port, `http://127.0.0.1:9/closed?${query}`)).text);
  answers.push((await throughProxy(gateway.port, `http://${SHAPED.databricks}.invalid/?${query}`)).text);
  for (const line of [
    `GET /no/destination?${query}`,
    `TRACE http://x.example/?${query}`,
    `GET http://user:${named['password']}@x.example/`,
    `GET /routes/none/?${query}`,
  ]) {
    answers.push((await sendRaw(gateway.port, `${line} HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n`)).raw);
  }
  answers.push(
    (
      await sendRaw(
        gateway.port,
        `GET http://x.example/ HTTP/1.1\r\nHost: x.example\r\nAuthorization ${SHAPED.bearer}\r\n\r\n`,
      )
    ).raw,
  );
}

/** Everything that the gateway keeps, by file, byte for character. */
async function keptFiles(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(gateway.dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(gateway.dataDir.length + 1), await readFile(path, 'latin1'));
  }
  return files;
}

/** The names of the secrets that a text holds, as they are or as they are written in a URL or in base64. */
function leaksIn(text: string): readonly string[] {
  const found = SECRETS.filter(([, secret]) => {
    const encoded = Buffer.from(secret).toString('base64').slice(0, -4);
    return [secret, encodeURIComponent(secret), encoded].some((form) => text.includes(form));
  });
  return found.map(([name]) => name);
}

describe(`${SECRETS.length} secrets, sent in URLs, header fields, JSON, forms and multipart bodies`, () => {
  it('do reach the upstream, since the gateway changes nothing', () => {
    const sent = upstream.seen.map(({ url, body, rawHeaders }) => `${url} ${body} ${rawHeaders.join(' ')}`).join('\n');
    expect(leaksIn(sent).toSorted()).toEqual(SECRETS.map(([name]) => name).toSorted());
  });

  it('are in no file that the gateway keeps', async () => {
    await expect
      .poll(async () => (await gateway.cli('audit', 'list')).stdout.split('\n').length, { timeout: 15_000 })
      .toBeGreaterThan(10);
    const files = await keptFiles();
    expect([...files.keys()].map((name) => name.split('/')[0])).toEqual(
      expect.arrayContaining(['journal', 'audit.db', 'approvals.db']),
    );
    const leaks = [...files]
      .map(([name, text]) => [name, leaksIn(text)] as const)
      .filter(([, names]) => names.length > 0);
    expect(leaks).toEqual([]);
  });

  it('are in no answer of the gateway, no log line and no metric', async () => {
    expect(leaksIn(answers.join('\n'))).toEqual([]);
    expect(leaksIn(JSON.stringify(gateway.log))).toEqual([]);
    const admin = `http://127.0.0.1:${gateway.adminPort}`;
    for (const path of ['/metrics', '/readyz', '/healthz']) {
      expect([path, leaksIn(await (await fetch(`${admin}${path}`)).text())]).toEqual([path, []]);
    }
  });

  it('are in nothing that the commands print', async () => {
    for (const args of [
      ['audit', 'export', '--format', 'jsonl'],
      ['audit', 'export', '--format', 'csv'],
      ['audit', 'list'],
      ['approvals', 'list'],
    ]) {
      const { code, stdout, stderr } = await gateway.cli(...args);
      expect([args.join(' '), code, leaksIn(stdout + stderr)]).toEqual([args.join(' '), 0, []]);
    }
  });

  it('are shown to an approver as digest and length, the same secret by the same digest', async () => {
    const body = {
      amount: 5,
      note: 'for customer 7',
      password: named['password'],
      again: { password: named['password'] },
    };
    const asked = await throughProxy(gateway.port, `${upstream.origin}/refunds`, { body });
    const { stdout } = await gateway.cli('approvals', 'show', approvalOf(asked));
    expect(leaksIn(stdout)).toEqual([]);
    expect(stdout).toContain('for customer 7');
    const marks = [...stdout.matchAll(/\[redacted sha256:[0-9a-f]{12} 22 chars\]/gu)].map(([mark]) => mark);
    expect(marks.length).toBeGreaterThanOrEqual(2);
    expect(new Set(marks).size).toBe(1);
  });

  it('leave what is no secret readable in the journal', async () => {
    await throughProxy(gateway.port, `${upstream.origin}/orders?page=3&token=${named['access_token']}`);
    const record = (await journalOf(gateway)).findLast(({ kind }) => kind === 'intent');
    expect(JSON.stringify(record?.['request'])).toMatch(
      /\/orders\?page=3&token=\[redacted sha256:[0-9a-f]{12} 22 chars\]"/u,
    );
  });
});
