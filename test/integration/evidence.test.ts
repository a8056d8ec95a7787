import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerResponse } from 'node:http';
import { approvalOf, throughProxy, type AgentAnswer } from '../support/agent.ts';
import { runCli, startGatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startHttpUpstream, type HttpUpstream } from '../support/upstream.ts';

const POLICY = `version: "1"
rules:
  - {name: write, match: {type: create}, risk_level: high, approval: approve}
  - {name: read, match: {type: read}, risk_level: low, approval: auto}
`;
const SECRET = 'sk_live_abcdefghij0123456789AB';

let upstream: HttpUpstream;
let gateway: GatewayProcess;
/** Answers that the upstream holds back: those to paths with `slow` in them. */
let held: ServerResponse[] = [];

beforeEach(async () => {
  held = [];
  upstream = await startHttpUpstream((request, response) => {
    if (request.url?.includes('slow') === true) held.push(response);
    else response.end('{}');
  });
  const config = `upstream: {allow: ["127.0.0.1:${upstream.port}"]}\nlimits: {approval_wait: 0s}`;
  gateway = await startGatewayProcess({ policy: POLICY, config });
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const journalFile = (): string => join(gateway.dataDir, 'journal', '00000001.jsonl');

async function get(path: string): Promise<AgentAnswer> {
  return await throughProxy(gateway.port, `${upstream.origin}${path}`);
}

async function journalIsReady(): Promise<boolean> {
  const { checks }: { readonly checks: readonly { readonly name: string; readonly ok: boolean }[] } = JSON.parse(
    await (await fetch(`http://127.0.0.1:${gateway.adminPort}/readyz`)).text(),
  );
  return checks.find(({ name }) => name === 'journal')?.ok === true;
}

/** Lets the gateway write no further than `bytes` into any file, as a full disk does. */
function limitFiles(bytes: string): void {
  execFileSync('prlimit', ['--pid', String(gateway.process.pid), `--fsize=${bytes}:unlimited`]);
}

describe('a disk that is full between the intent and the outcome', () => {
  it.runIf(spawnSync('prlimit', ['--version']).status === 0)(
    'refuses what comes, and has the outcome in the journal once there is room (fault:audit-unavailable)',
    async () => {
      const slow = get('/slow');
      while (held.length === 0) await sleep(5);
      limitFiles('1');
      held[0]?.end('{}');
      expect((await slow).status).toBe(200);
      const during = await get('/other');
      expect([during.status, during.json['code'], during.headers['retry-after']]).toEqual([
        503,
        'audit-unavailable',
        '5',
      ]);
      expect(await journalIsReady()).toBe(false);
      limitFiles('unlimited');
      while (!(await journalIsReady())) await sleep(20);
      const { stdout } = await gateway.cli('audit', 'export', '--kind', 'outcome');
      expect(JSON.parse(stdout)).toMatchObject({ kind: 'outcome', result: 'success', status: 200 });
      expect(upstream.seen.map(({ url }) => url)).toEqual(['/slow']);
      expect((await gateway.cli('audit', 'verify')).code).toBe(0);
    },
  );
});

describe('what an agent wrote', () => {
  const FORGED = '[redacted sha256:0123456789ab 15 chars]';
  const HOSTILE = 'a\u001B[2J\u009B2J\u202Eb\u200B\u2028\u0430pproved\r\nRisk          low';

  it('obeys no terminal, forges no line and no mark, in any view of approvals and audit', async () => {
    // Controls are refused in a path, encoded or not.
    const path = `/${encodeURIComponent(HOSTILE.replaceAll(/\p{Cc}/gu, ''))}?q=${encodeURIComponent(HOSTILE)}&m=${encodeURIComponent(FORGED)}`;
    const body = { [HOSTILE]: HOSTILE, [FORGED]: FORGED, token: SECRET, note: `key ${SECRET}` };
    const answer = await throughProxy(gateway.port, `${upstream.origin}${path}`, { body });
    const name = approvalOf(answer);
    await gateway.cli('approvals', 'deny', name, '--reason', `no ${HOSTILE.replaceAll(/[\r\n]/gu, ' ')}`, '--yes');
    const denied = await throughProxy(gateway.port, `${upstream.origin}${path}`, { body });
    expect(denied.json['code']).toBe('approval-denied');
    expect(denied.text.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
    const views = await Promise.all(
      [
        ['approvals', 'list', '--all'],
        ['approvals', 'list', '--all', '-o', 'json'],
        ['approvals', 'list', '--all', '-o', 'yaml'],
        ['approvals', 'show', name],
        ['approvals', 'show', name, '-o', 'json'],
        ['approvals', 'show', name, '-o', 'yaml'],
        ['audit', 'list'],
        ['audit', 'list', '--format', 'json'],
        ['audit', 'tail', '-n', '50'],
        ['audit', 'tail', '-n', '50', '--format', 'jsonl'],
        ['audit', 'export'],
        ['audit', 'export', '--format', 'csv'],
        ['audit', 'show', JSON.parse(readFileSync(journalFile(), 'utf8').split('\n')[1] ?? '').exchangeId],
      ].map(async (args) => ({ args: args.join(' '), ...(await gateway.cli(...args)) })),
    );
    for (const { args, code, stdout } of views) {
      expect([args, code]).toEqual([args, 0]);
      expect([args, stdout.replaceAll('\r\n', '\n').match(/[^\n\x20-\x7e\u2026]/gu)]).toEqual([args, null]);
      expect([args, stdout.includes(FORGED), stdout.includes(SECRET)]).toEqual([args, false, false]);
      expect([args, /^\s*Risk {10}low/mu.test(stdout)]).toEqual([args, false]);
    }
    const files = readdirSync(gateway.dataDir, { recursive: true, encoding: 'utf8' }).map((file) =>
      join(gateway.dataDir, file),
    );
    for (const file of files.filter((one) => statSync(one).isFile())) {
      expect([file, readFileSync(file).includes(SECRET)]).toEqual([file, false]);
    }
    expect(JSON.stringify(gateway.log)).not.toContain(SECRET);
  });
});

describe('the data folder of a running gateway', () => {
  it('can be read and written by its owner alone, each file but those that are made for the agent', async () => {
    await get('/a');
    const entries = readdirSync(gateway.dataDir, { recursive: true, encoding: 'utf8' });
    const modes = new Map(entries.map((name) => [name, statSync(join(gateway.dataDir, name)).mode & 0o077]));
    for (const name of [
      'approvals.db',
      'approvals.db-wal',
      'audit.db',
      'audit.db-wal',
      'redaction.key',
      'control.sock',
      'journal',
    ]) {
      expect([name, modes.get(name)]).toEqual([name, 0]);
    }
    const shared = [...modes].filter(([, mode]) => mode !== 0).toSorted(([left], [right]) => left.localeCompare(right));
    expect(shared).toEqual([
      ['agent', 0o055],
      ['agent/ca-bundle.pem', 0o044],
      ['agent/ca.pem', 0o044],
      ['agent/env.sh', 0o044],
      ['agent/truststore.p12', 0o044],
    ]);
  });

  it('is refused to a second gateway, which is told who has it', async () => {
    const { code, stdout } = await runCli(['serve', '--config', join(gateway.folder, 'gateway.yaml')]);
    expect(code).toBe(2);
    expect(stdout).toContain(`process ${gateway.process.pid}`);
    expect((await get('/a')).status).toBe(200);
  });

  it('shows that its journal was removed or cut while the gateway was down', async () => {
    await get('/a');
    await gateway.stop('SIGTERM');
    const text = readFileSync(journalFile(), 'utf8');
    const anchor = (await gateway.cli('audit', 'verify')).stdout.trim().split('\n').at(-1) ?? '';
    expect((await gateway.cli('audit', 'verify', '--anchor', anchor)).stdout).toContain('end proven');
    writeFileSync(journalFile(), `${text.split('\n').slice(0, 2).join('\n')}\n`);
    expect((await gateway.cli('audit', 'verify')).stdout).toContain('records were cut off');
    expect((await gateway.cli('audit', 'verify', '--anchor', anchor)).code).toBe(1);
    rmSync(journalFile());
    await expect(gateway.restart()).rejects.toThrow(/records were cut off.*--accept-broken-chain/su);
  });
});
