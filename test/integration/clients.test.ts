import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EnvHttpProxyAgent, fetch, ProxyAgent, type Dispatcher } from 'undici';
import { describeWith } from '../support/counterparts.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';

const POLICY = `version: "1"
rules:
  - {name: large-refund, match: {type: create}, conditions: {param_gt: {amount: 100}}, risk_level: high, approval: block}
  - {name: rest, risk_level: low, approval: auto}
`;

let upstream: HttpUpstream;
let gateway: GatewayProcess;

beforeAll(async () => {
  upstream = await startHttpUpstream();
  gateway = await startGatewayProcess({
    policy: POLICY,
    config: `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nroutes: {shop: {upstream: "${upstream.origin}"}}`,
  });
});
beforeEach(() => void upstream.seen.splice(0));
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly text: string;
}
/** One call of a client that knows nothing of the gateway but a proxy, or (with none) a base URL. */
type Call = (url: string, body: object | null, proxy: string | null) => Promise<Answer>;

/** Every client must get the answer of the upstream where policy agrees, and the reason in words where it does not. */
function itIsGoverned(call: Call): void {
  it.each([['as a proxy'], ['by a base URL']])('is governed %s', async (way) => {
    const gatewayUrl = `http://127.0.0.1:${gateway.port}`;
    const [base, proxy] = way === 'as a proxy' ? [upstream.origin, gatewayUrl] : [`${gatewayUrl}/routes/shop`, null];
    expect(await call(`${base}/orders?page=2`, null, proxy)).toEqual({ status: 200, text: '{"ok":true}' });
    expect(await call(`${base}/refunds`, { amount: 50 }, proxy)).toEqual({ status: 200, text: '{"ok":true}' });
    const refused = await call(`${base}/refunds`, { amount: 5_000 }, proxy);
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([
      403,
      { code: 'policy-block', decision: { rule: 'large-refund' } },
    ]);
    expect(upstream.seen.map(({ method, url, body }) => `${method} ${url} ${body.replaceAll(' ', '')}`)).toEqual([
      'GET /orders?page=2 ',
      'POST /refunds {"amount":50}',
    ]);
  });
}

const run = promisify(execFile);

/** Runs a program that prints the status in its first line and the body in the rest. */
async function program(
  [path, ...args]: readonly [string, ...string[]],
  proxy: string | null,
  more: { readonly [name: string]: string } = {},
): Promise<Answer> {
  const proxied = proxy === null ? {} : { HTTP_PROXY: proxy, http_proxy: proxy };
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...proxied, ...more };
  const { stdout } = await run(path, args, { env, timeout: 20_000 });
  const end = stdout.indexOf('\n');
  return { status: Number(stdout.slice(0, end)), text: stdout.slice(end + 1) };
}

describeWith(['curl'], 'curl', ([curl = '']) => {
  itIsGoverned(async (url, body, proxyUrl) => {
    const data = body === null ? [] : ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)];
    const proxy = proxyUrl === null ? [] : ['-x', proxyUrl];
    const { stdout } = await run(curl, ['-sS', ...proxy, ...data, '-w', '\n%{http_code}', url], { timeout: 20_000 });
    const end = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(end + 1)), text: stdout.slice(0, end) };
  });

  it('with its own Expect: 100-continue before a large body gets through', async () => {
    const body = JSON.stringify({ amount: 1, note: 'x'.repeat(1024 * 1024 + 1) });
    const child = run(
      curl,
      [
        '-sS',
        '-x',
        `http://127.0.0.1:${gateway.port}`,
        '-H',
        'Content-Type: application/json',
        '-H',
        'Expect: 100-continue',
        '--data-binary',
        '@-',
        '-w',
        '%{http_code}',
        `${upstream.origin}/refunds`,
      ],
      { timeout: 20_000 },
    );
    child.child.stdin?.end(body);
    expect((await child).stdout).toBe('{"ok":true}200');
    expect(upstream.seen[0]?.body).toBe(body);
  });
});

const URLLIB = `
import sys, urllib.request, urllib.error
url, body = sys.argv[1], sys.argv[2]
request = urllib.request.Request(url, data=body.encode() if body else None, headers={'Content-Type': 'application/json'} if body else {})
try:
    answer = urllib.request.urlopen(request, timeout=15)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status)
sys.stdout.write(answer.read().decode())
`;

const REQUESTS = `
import sys, json, requests
url, body = sys.argv[1], sys.argv[2]
answer = requests.post(url, json=json.loads(body), timeout=15) if body else requests.get(url, timeout=15)
print(answer.status_code)
sys.stdout.write(answer.text)
`;

/** Calls of a Python program that takes a URL and a body, and prints status and text. */
function callsOf(python: string, script: string): Call {
  return async (url, body, proxy) =>
    await program([python, '-c', script, url, body === null ? '' : JSON.stringify(body)], proxy);
}

describeWith(['python3'], 'Python with urllib', ([python = '']) => {
  itIsGoverned(callsOf(python, URLLIB));
});

describeWith(['python-requests'], 'Python with requests', ([python = '']) => {
  itIsGoverned(callsOf(python, REQUESTS));
});

describe('Node', () => {
  const HTTP = `
const http = require('node:http');
const [url, body] = process.argv.slice(1);
const request = http.request(url, body ? { method: 'POST', headers: { 'content-type': 'application/json' } } : {}, (answer) => {
  console.log(answer.statusCode);
  answer.pipe(process.stdout);
});
request.end(body);
`;
  describe('http with NODE_USE_ENV_PROXY', () =>
    itIsGoverned(
      async (url, body, proxy) =>
        await program(
          [process.execPath, '-e', HTTP, '--', url, ...(body === null ? [] : [JSON.stringify(body)])],
          proxy,
          {
            NODE_USE_ENV_PROXY: '1',
          },
        ),
    ));

  describe.each([
    ['ProxyAgent', (uri: string): Dispatcher => new ProxyAgent({ uri, proxyTunnel: false })],
    [
      'EnvHttpProxyAgent',
      (uri: string): Dispatcher => new EnvHttpProxyAgent({ httpProxy: uri, noProxy: '', proxyTunnel: false }),
    ],
  ])('fetch with the %s of undici', (_name, agentFor) =>
    itIsGoverned(async (url, body, proxy) => {
      const init =
        body === null
          ? {}
          : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
      if (proxy === null) {
        const answer = await fetch(url, init);
        return { status: answer.status, text: await answer.text() };
      }
      const dispatcher = agentFor(proxy);
      const answer = await fetch(url, { ...init, dispatcher });
      const text = await answer.text();
      await dispatcher.close();
      return { status: answer.status, text };
    }),
  );
});
