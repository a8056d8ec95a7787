import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startGatewayProcess, runCli } from '../support/gateway-process.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aegis-e2e-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('init', () => {
  it('writes a starter that loads, lints clean and starts', async () => {
    const made = await runCli(['init', 'mine'], { cwd: folder });
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect((await readdir(join(folder, 'mine'))).toSorted()).toEqual([
      'actions.yaml',
      'gateway.yaml',
      'policy.yaml',
      'schemas',
    ]);
    const checked = await runCli(['serve', '--config', 'mine/gateway.yaml', '--check-config'], { cwd: folder });
    expect(checked).toMatchObject({ code: 0, stderr: '' });
    expect(await runCli(['policy', 'lint', 'mine/policy.yaml'], { cwd: folder })).toMatchObject({ code: 0 });
    expect(await runCli(['actions', 'validate', 'mine/actions.yaml'], { cwd: folder })).toMatchObject({ code: 0 });
  });

  it('does not write over what is there unless it is told', async () => {
    await writeFile(join(folder, 'policy.yaml'), 'mine');
    const refused = await runCli(['init'], { cwd: folder });
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('policy.yaml')]);
    expect(await readdir(folder)).toEqual(['policy.yaml']);
    expect((await runCli(['init', '--force'], { cwd: folder })).code).toBe(0);
    expect(await readFile(join(folder, 'policy.yaml'), 'utf8')).toContain('version: "1"');
  });
});

describe('serve', () => {
  it('says every mistake of every file with its place, and exits 2', async () => {
    await writeFile(
      join(folder, 'gateway.yaml'),
      'version: 1\npolicy: {files: [p.yaml]}\nactions: {files: [a.yaml]}\n',
    );
    await writeFile(join(folder, 'p.yaml'), 'version: "1"\nrules:\n  - {match: {type: x}, aproval: auto}\n');
    await writeFile(join(folder, 'a.yaml'), 'version: 1\nactions: [{acton: {type: x}}]\n');
    const checked = await runCli(['serve', '--config', 'gateway.yaml', '--check-config'], { cwd: folder });
    expect(checked.code).toBe(2);
    expect(checked.stderr).toMatch(/p\.yaml:3:\d+: .*aproval.*did you mean "?approval/u);
    expect(checked.stderr).toMatch(/a\.yaml:2:\d+: /u);
    expect(checked.stdout).toBe('');
  });

  it('drains and exits 0 on SIGINT and on SIGTERM', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const gateway = await startGatewayProcess({});
      expect(await gateway.stop(signal)).toBe(0);
      expect(gateway.log.map(({ event }) => event)).toContain('gateway.stopped');
      await gateway[Symbol.asyncDispose]();
    }
  });

  it('tells a second one on the same data folder why it does not start', async () => {
    const gateway = await startGatewayProcess({});
    const second = await runCli(['serve', '--config', join(gateway.folder, 'gateway.yaml')]);
    expect(second.code).toBe(2);
    expect(second.stdout + second.stderr).toMatch(/only writer of the journal/u);
    await gateway[Symbol.asyncDispose]();
  });

  it('keeps the old policy in force when the new one is wrong, and shows it', async () => {
    const gateway = await startGatewayProcess({ policy: 'version: "1"\nrules: []\n' });
    await writeFile(join(gateway.folder, 'policy.yaml'), 'rules: 3\n');
    const line = await gateway.logged('policy.rejected');
    expect(JSON.stringify(line)).toMatch(/policy\.yaml:1:8/u);
    const ready = await fetch(`http://127.0.0.1:${gateway.adminPort}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.text()).toMatch(/policy\.yaml:1:8/u);
    const metrics = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
    expect(metrics).toMatch(/^aegis_loads_total\{part="policy",result="rejected"\} 1$/mu);
    await gateway[Symbol.asyncDispose]();
  });
});

describe('help', () => {
  it.each([
    [['--help']],
    [['serve', '--help']],
    [['demo', '--help']],
    [['policy', '--help']],
    [['approvals', '--help']],
    [['audit', '--help']],
    [['actions', '--help']],
  ])('%j needs no page', async (args) => {
    const { code, stdout } = await runCli(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/Usage: aegis-gateway/u);
    expect(stdout.split('\n').length).toBeGreaterThan(8);
  });

  it('suggests what was meant, and exits 2', async () => {
    const { code, stderr } = await runCli(['sevre']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/Did you mean serve/u)]);
  });
});
