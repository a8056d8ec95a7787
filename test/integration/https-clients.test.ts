import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asAgent } from '../support/as-agent.ts';
import { expectRecord } from '../support/audit-trail.ts';
import { describeWith } from '../support/counterparts.ts';
import { startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream, type SeenRequest } from '../support/upstream.ts';
import { TestAuthority } from '../unit/forward/certificates.ts';

/*
 * The clients that agents are written with, unchanged: all that they are told is the variables that the gateway wrote.
 */

const POLICY = `version: "1"
rules:
  - {name: large-refund, match: {type: create}, conditions: {param_gt: {amount: 100}}, risk_level: high, approval: block}
  - {name: rest, risk_level: low, approval: auto}
`;
const ACTIONS = 'version: 1\nhost: "*"\nactions: []\n';

const run = promisify(execFile);
const authority = new TestAuthority();
let upstream: HttpUpstream;
let gateway: GatewayProcess;
let folder: string;
let origin: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aegis-clients-'));
  upstream = await startHttpUpstream((request, response, seen) => {
    if (seen.url.startsWith('/git/')) void answerGit(request, response, seen);
    else response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
  }, authority.issue('DNS:tools.test'));
  origin = `https://tools.test:${upstream.port}`;
  gateway = await startGatewayProcess({
    policy: POLICY,
    actions: ACTIONS,
    files: { 'upstream-ca.pem': authority.cert },
    config: `upstream: {allow: ["tools.test:${upstream.port}"], ca_files: [upstream-ca.pem]}`,
    env: { NODE_OPTIONS: `--import=${resolve('test/support/names-of-test.mjs')}` },
  });
});
beforeEach(() => void upstream.seen.splice(0));
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
  authority[Symbol.dispose]();
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Every client gets the answer of the upstream where policy agrees, and the reason in words where it does not. */
function isGoverned(command: () => readonly string[], readAnswer = firstLineIsStatus): void {
  it('gets through, and is governed', { timeout: 60_000 }, async () => {
    const call = async (path: string, body: object | null): Promise<Answer> =>
      readAnswer(
        await asAgent({ gateway, home: folder }, [
          ...command(),
          `${origin}${path}`,
          body === null ? '' : JSON.stringify(body),
        ]),
      );
    expect(await call('/orders?page=2', null)).toEqual({ status: 200, text: '{"ok":true}' });
    expect(await call('/refunds', { amount: 50 })).toEqual({ status: 200, text: '{"ok":true}' });
    const refused = await call('/refunds', { amount: 5_000 });
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([
      403,
      { code: 'policy-block', decision: { rule: 'large-refund' } },
    ]);
    expect(upstream.seen.map(({ method, url, body }) => `${method} ${url} ${body.replaceAll(' ', '')}`)).toEqual([
      'GET /orders?page=2 ',
      'POST /refunds {"amount":50}',
    ]);
    await expectRecord(gateway, 'refusal', { fault: 'policy-block', request: { entry: 'connect' } });
  });
}

function firstLineIsStatus(output: string): Answer {
  const end = output.indexOf('\n');
  return { status: Number(output.slice(0, end)), text: output.slice(end + 1) };
}

const CURL = `if [ -z "$3" ]; then set -- "$1" "$2"; else set -- "$1" "$2" "$3" -H 'content-type: application/json' -d "$3"; fi
curl=$1 url=$2; shift 2; [ $# -gt 0 ] && shift
exec "$curl" -sS -w '\\n%{http_code}' "$@" "$url"`;

describeWith(['curl'], 'curl', ([curl = '']) => {
  isGoverned(
    () => ['sh', '-c', CURL, 'curl', curl],
    (output) => {
      const end = output.lastIndexOf('\n');
      return { status: Number(output.slice(end + 1)), text: output.slice(0, end) };
    },
  );
});

describeWith(['python-requests'], 'Python with requests', ([python = '']) => {
  isGoverned(() => [python, resolve('test/clients/with_requests.py')]);
});

describeWith(['python-httpx'], 'Python with httpx', ([python = '']) => {
  isGoverned(() => [python, resolve('test/clients/with_httpx.py')]);
});

describe('Node with its own fetch', () => {
  isGoverned(() => [process.execPath, resolve('test/clients/with-fetch.mjs')]);
});

describe('Node with undici', () => {
  isGoverned(() => [process.execPath, resolve('test/clients/with-undici.mjs')]);
});

describeWith(['go-client'], 'Go with net/http', ([client = '']) => {
  isGoverned(() => [client]);
});

describeWith(['java'], 'Java with HttpClient', ([java = '']) => {
  isGoverned(() => [java, resolve('test/clients/Client.java')]);
});

/** Git's own server program, as a web server runs it (RFC 3875). */
async function answerGit(request: IncomingMessage, response: ServerResponse, seen: SeenRequest): Promise<void> {
  const backend = spawn('git', ['http-backend'], {
    env: cgiVariables(request, seen),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  backend.stdin.end(seen.body, 'latin1');
  const chunks: Buffer[] = [];
  for await (const chunk of backend.stdout) chunks.push(chunk as Buffer);
  const output = Buffer.concat(chunks);
  const end = output.indexOf('\r\n\r\n');
  for (const line of output.subarray(0, end).toString().split('\r\n')) {
    const [name = '', value = ''] = line.split(': ');
    if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.end(output.subarray(end + 4));
}

function cgiVariables({ method = '', headers }: IncomingMessage, { url }: SeenRequest): NodeJS.ProcessEnv {
  const { pathname, search } = new URL(url, 'https://tools.test');
  return {
    PATH: process.env['PATH'],
    GIT_PROJECT_ROOT: folder,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: pathname,
    QUERY_STRING: search.slice(1),
    REQUEST_METHOD: method,
    CONTENT_TYPE: headers['content-type'],
    HTTP_CONTENT_ENCODING: headers['content-encoding'],
    GIT_PROTOCOL: headers['git-protocol']?.toString(),
  };
}

describeWith(['git'], 'git', ([git = '']) => {
  it('clones a repository', async () => {
    const source = join(folder, 'source');
    await mkdir(source);
    const inSource = async (...args: readonly string[]): Promise<void> =>
      void (await run(git, ['-C', source, '-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args]));
    await inSource('init', '-q', '-b', 'main');
    await cp('package.json', join(source, 'package.json'));
    await inSource('add', 'package.json');
    await inSource('commit', '-q', '-m', 'one');
    await run(git, ['clone', '-q', '--bare', source, join(folder, 'git', 'repository.git')]);
    await asAgent({ gateway, home: folder }, [
      git,
      'clone',
      '-q',
      `${origin}/git/repository.git`,
      join(folder, 'clone'),
    ]);
    expect(await readFile(join(folder, 'clone', 'package.json'), 'utf8')).toBe(await readFile('package.json', 'utf8'));
    expect(upstream.seen.map(({ method, url }) => `${method} ${url}`)).toContain(
      'POST /git/repository.git/git-upload-pack',
    );
    await expectRecord(gateway, 'intent', { actions: [{ type: 'create', target: 'tools.test' }] });
  });
});
