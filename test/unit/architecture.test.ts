import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FOLDERS, PACKAGE_OWNERS } from '../../scripts/architecture.mjs';

interface Cruise {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly { readonly rule: { readonly name: string } }[];
  };
}

function cruise(folder: string): Cruise {
  const { stdout } = spawnSync(
    'npx',
    ['--no-install', 'depcruise', '--config', resolve('.dependency-cruiser.mjs'), '--output-type', 'json', 'src'],
    {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, PATH: `${resolve('node_modules/.bin')}:${process.env['PATH'] ?? ''}` },
    },
  );
  return JSON.parse(stdout) as Cruise;
}

describe('the dependency rule', () => {
  it('reads every module of src', () => {
    const modules = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const { summary } = cruise('.');
    expect(summary.violations).toEqual([]);
    expect(summary.totalCruised).toBeGreaterThanOrEqual(modules.length);
  });

  it('finds a planted violation of each kind', () => {
    const planted = mkdtempSync(resolve('.planted-'));
    try {
      for (const [file, text] of Object.entries({
        'src/model/word.ts': "import '../policy/rule.ts';\nexport const word = 1;\n",
        'src/policy/rule.ts':
          "import { readFileSync } from 'node:fs';\nimport type { word } from '../model/word.ts';\nexport const rule: typeof word | typeof readFileSync = 1;\n",
        'src/forward/send.ts': "import 'express';\nimport '../audit/journal.ts';\n",
        'src/audit/journal.ts': 'export const journal = 1;\n',
      })) {
        mkdirSync(join(planted, file, '..'), { recursive: true });
        writeFileSync(join(planted, file), text);
      }
      const names = cruise(planted).summary.violations.map(({ rule }) => rule.name);
      for (const name of ['imports-of-model', 'pure-policy', 'no-cycles', 'imports-of-forward', 'owner-of-express']) {
        expect(names).toContain(name);
      }
    } finally {
      rmSync(planted, { recursive: true, force: true });
    }
  });

  it('is the table of ARCHITECTURE.md', () => {
    const page = readFileSync('ARCHITECTURE.md', 'utf8');
    for (const [folder, { imports, pure }] of Object.entries(FOLDERS)) {
      expect(page).toContain(`| ${folder} | ${imports.join(', ') || 'nothing'} | ${pure === true ? 'yes' : 'no'} |`);
    }
    for (const [name, owners] of Object.entries(PACKAGE_OWNERS))
      expect(page).toContain(`| ${name} | ${owners.join(', ')} |`);
  });

  it('has a row for every folder of src', () => {
    const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).toSorted()).toEqual(Object.keys(FOLDERS).toSorted());
  });
});
