import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith } from '../support/counterparts.ts';

describeWith(['node24'], 'the oldest runtime that package.json allows', ([node = '']) => {
  it('is the one that is tried here', () => {
    const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
    expect(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()).toBe(
      engines.node.replace('>=', 'v') + '.0',
    );
  });

  it('tells the demo with the built file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'aegis-node24-'));
    const { status, stdout, stderr } = spawnSync(node, [resolve('dist/aegis-gateway.mjs'), 'demo', '--auto'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 25_000,
    });
    rmSync(folder, { recursive: true, force: true });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Everything happened as the policy says');
  });
});
