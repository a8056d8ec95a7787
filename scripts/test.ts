/** `npm test`: gets what the tests need, builds the product, runs every test, and says how long each step took. */
import { spawnSync } from 'node:child_process';
import { CACHE, COUNTERPARTS, provide } from './counterparts.ts';

const started = performance.now();
const say = (line: string): void => console.log(line);
const seconds = (): string => `${((performance.now() - started) / 1_000).toFixed(1)} s`;

say(`test bed: ${COUNTERPARTS.map(({ name }) => name).join(', ')}; cached in ${CACHE} (AEGIS_TEST_CACHE changes that)`);
const missing = provide(say);
for (const name of missing) {
  const counterpart = COUNTERPARTS.find((candidate) => candidate.name === name);
  say(`test bed: ${name} is MISSING; tests of ${counterpart?.neededFor ?? name} are skipped (in CI they fail)`);
}
say(`test bed: ready after ${seconds()}; building the product`);
run('node', ['scripts/build.ts']);
say(`built after ${seconds()}; running every test, a minute of soak among them: about five minutes on two cores`);
run('vitest', ['run', '--reporter=default', '--reporter=./scripts/summary-reporter.ts', ...process.argv.slice(2)]);

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync('npx', ['--no-install', command, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
