import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWith } from '../support/counterparts.ts';

const { engines, version } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly version: string;
  readonly engines: { readonly node: string };
};
let folder: string;
let alone: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aegis-plugin-file-'));
  alone = join(folder, 'kubectl-aegis');
  copyFileSync('dist/kubectl-aegis', alone);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(node: string, args: readonly string[]): Ran {
  const { status, stderr, stdout } = spawnSync(node, args, { encoding: 'utf8', cwd: folder, timeout: 25_000 });
  return { code: status, stdout, stderr };
}

describe('the file of the plug-in', () => {
  it('runs from the folder of the package, and alone from any other, whatever a package.json there says', () => {
    for (const type of [null, 'module', 'commonjs']) {
      if (type !== null) writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
      expect(run(process.execPath, [alone, '--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    }
    expect(run(process.execPath, [resolve('dist/kubectl-aegis'), '--version']).stdout).toBe(`${version}\n`);
  });

  it('is started by its first line', () => {
    expect(readFileSync('dist/kubectl-aegis', 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node');
    const env = { PATH: `${resolve(process.execPath, '..')}:/usr/bin:/bin` };
    const { stdout } = spawnSync(resolve('dist/kubectl-aegis'), ['--version'], { encoding: 'utf8', env });
    expect(stdout).toBe(`${version}\n`);
  });

  it('says what it needs on an older Node, before it uses anything newer', () => {
    const older = join(folder, 'older.mjs');
    writeFileSync(
      older,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.0' } });\n`,
    );
    expect(run(process.execPath, ['--import', older, alone, '--version'])).toEqual({
      code: 2,
      stdout: '',
      stderr: `kubectl-aegis needs Node ${engines.node.replace('>=', '')} or newer, found 18.20.0\n`,
    });
  });

  it('is spelled so that an older Node can read it', () => {
    const text = readFileSync('dist/kubectl-aegis', 'utf8');
    // Syntax that came after Node 12; within texts and regular expressions these do not occur.
    for (const newer of [/[\w)\]]\?\.[a-zA-Z[(]/u, /\?\?=/u, /[{;,]static\s*\{/u, /\bthis\.#/u]) {
      const found = newer.exec(text);
      expect(found === null ? null : text.slice(Math.max(0, found.index - 60), found.index + 60)).toBeNull();
    }
  });

  it('shows its help, and what is wrong with a command line', () => {
    const help = run(process.execPath, [alone]);
    expect(help.code).toBe(0);
    for (const command of ['pending', 'show', 'approve', 'deny', 'history', 'explain', 'completion'])
      expect(help.stdout).toContain(`\n  ${command} `);
    const wrong = run(process.execPath, [alone, 'aprove', 'apr-7zq3k9x2mb']);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('(Did you mean approve?)')]);
  });
});

describeWith(['node24'], 'the plug-in on the oldest Node that package.json allows', ([node = '']) => {
  it('runs alone and from the folder of the package', () => {
    for (const file of [alone, resolve('dist/kubectl-aegis')])
      expect(run(node, [file, '--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    expect(run(node, [alone, 'completion', 'bash']).stdout).toContain('complete -o nosort -F _kubectl_aegis');
  });
});
