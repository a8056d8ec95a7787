/** `npm run check`: everything that can be said about the tree without starting the gateway, with the time each part took. */
import { spawn } from 'node:child_process';

interface Part {
  readonly name: string;
  readonly command: readonly string[];
}

const PARTS: readonly Part[] = [
  { name: 'format', command: ['oxfmt', '--check', '.'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings', 'src', 'test', 'scripts', 'bench'] },
  { name: 'types', command: ['tsc', '-p', '.'] },
  { name: 'architecture', command: ['depcruise', '--config', '.dependency-cruiser.mjs', 'src'] },
  { name: 'dead code', command: ['knip'] },
  {
    name: 'unit tests',
    command: [
      'vitest',
      'run',
      'test/unit',
      'test/property',
      '--reporter=dot',
      '--reporter=./scripts/summary-reporter.ts',
    ],
  },
  { name: 'policies', command: ['node', 'src/main.ts', 'policy', 'test', '--min-coverage', '100', 'policies'] },
  { name: 'policy lint', command: ['node', 'src/main.ts', 'policy', 'lint', '--fail-on', 'note', 'policies'] },
  { name: 'action maps', command: ['node', 'src/main.ts', 'actions', 'test', '--require-coverage', 'actions'] },
];

interface Finished {
  readonly part: Part;
  readonly code: number;
  readonly seconds: string;
  readonly output: string;
}

async function run(part: Part): Promise<Finished> {
  const started = performance.now();
  const child = spawn('npx', ['--no-install', ...part.command], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number>((done) => child.on('close', (status) => done(status ?? 1)));
  return { part, code, output, seconds: ((performance.now() - started) / 1_000).toFixed(1) };
}

let failed = 0;
for (const part of PARTS) {
  const { code, output, seconds } = await run(part);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${part.name.padEnd(13)} ${seconds.padStart(5)} s`);
  if (code !== 0) {
    failed += 1;
    console.log(output);
  }
}
console.log(failed === 0 ? 'check: everything is as it should be' : `check: ${failed} of ${PARTS.length} parts failed`);
process.exitCode = failed === 0 ? 0 : 1;
