import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { journalOf } from '../support/audit-trail.ts';
import { runCli } from '../support/gateway-process.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aegis-demo-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the demo', () => {
  it('tells its whole story by itself, in plain text', async () => {
    const { code, stdout } = await runCli(['demo', '--auto'], { cwd: folder });
    expect(stdout).toMatch(/200 passed/u);
    expect(stdout).toMatch(/403 policy-block: rule bulk_delete says block \(risk critical\)/u);
    expect(stdout).toMatch(/403 policy-block: rule deploy_at_night says block \(risk critical\)/u);
    expect(stdout).toMatch(/403 approval-pending/u);
    expect(stdout).toMatch(/201 passed/u);
    expect(stdout).toMatch(/3 {2}The agent tries the same over HTTPS/u);
    expect(stdout.match(/403 policy-block: rule bulk_delete/gu)).toHaveLength(2);
    expect(stdout).toMatch(/a certificate of "Aegis Gateway [0-9a-f]{8}"/u);
    expect(stdout).toMatch(/2 reads, 1 refund, 0 deployments, 0 bulk deletions/u);
    expect(stdout).toMatch(/Everything happened as the policy says/u);
    expect(stdout).not.toContain('\u001B[');
    expect(code).toBe(0);
    const inTrail = (await journalOf({ dataDir: join(folder, 'aegis-data', 'demo') }))
      .map(({ kind, request }) => ({ kind, request: request as { readonly entry?: string; readonly url?: string } }))
      .filter(({ request }) => request?.entry === 'connect')
      .map(({ kind, request }) => `${kind} ${request.url?.replace(/\d+\//u, '')}`);
    expect(inTrail).toEqual(['intent https://127.0.0.1:orders/8', 'refusal https://127.0.0.1:orders/bulk-delete']);
  });

  it('waits for an approval from a second terminal with the command that it shows', async () => {
    // `script` gives the demo a terminal, since without one it approves by itself.
    const entry = resolve('dist/aegis-gateway.mjs');
    const child = spawn('script', ['-qec', `${process.execPath} ${entry} demo`, '/dev/null'], {
      cwd: folder,
      // Colours are what this test looks at; a setting of whoever runs it must not take them away.
      env: { ...process.env, NO_COLOR: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((done) => child.once('close', (code) => done(code)));
    let name = '';
    while (name === '') {
      await new Promise((done) => child.stdout.once('data', done));
      name = /approvals approve (\S+) --data-dir/u.exec(output)?.[1] ?? '';
    }
    const approved = await runCli(['approvals', 'approve', name, '--yes', '--data-dir', 'aegis-data/demo'], {
      cwd: folder,
    });
    expect(approved.code).toBe(0);
    expect(await ended).toBe(0);
    expect(output).toMatch(/Everything happened as the policy says/u);
    expect(output).toContain('\u001B[');
  });
});
