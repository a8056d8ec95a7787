/**
 * `npm run bench`: gets the programs to compare with, builds the product, measures, and writes docs/benchmarks.*.
 *
 *   --quick          everything once and short: shows that it runs; the figures mean nothing
 *   --rounds N       how often each target is measured; the median counts (default: 3)
 *   --seconds N      for how long each time (default: 3)
 *   --out FOLDER     where the report goes (default: docs)
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { DecisionResult } from './decisions.ts';
import { measureGateway } from './gateway.ts';
import type { JournalResult } from './journal.ts';
import { peer, peerVersions, providePeers } from './peers.ts';
import { MEASURED_CORE } from './program.ts';
import { machine, writeReport } from './report.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    out: { type: 'string', default: 'docs' },
  },
});
const quick = values.quick;
const started = performance.now();
const say = (line: string): void =>
  console.log(`${((performance.now() - started) / 1_000).toFixed(0).padStart(4)} s  ${line}`);

/** Runs a measurement that needs a process to itself. */
function measured(script: string, milliseconds: number): unknown {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const command = ['-c', MEASURED_CORE, process.execPath, path, String(milliseconds)];
  const output = execFileSync(peer('taskset'), command, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const line = output.split('\n').find((text) => text.startsWith('RESULT '));
  if (line === undefined) throw new Error(`${script} gave no result: ${output}`);
  return JSON.parse(line.slice('RESULT '.length));
}

if (machine().cores < 2) throw new Error('expected at least two cores: one for what is measured, one for the load');
providePeers(say);
const built = spawnSync(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' });
if (built.status !== 0) throw new Error('the product could not be built');

say('decisions: 10 to 100,000 rules');
const decisions = measured('./decisions.ts', quick ? 20 : 400) as readonly DecisionResult[];
say('journal: with and without waiting for the disk');
const journal = measured('./journal.ts', quick ? 200 : 3_000) as readonly JournalResult[];
say('gateway: beside the programs that would be used instead');
const effort = quick
  ? { rounds: 1, seconds: 1, starts: 1 }
  : { rounds: Number(values.rounds), seconds: Number(values.seconds), starts: 5 };
const gateway = await measureGateway(effort, say);
await writeReport(resolve(values.out), {
  date: new Date().toISOString().slice(0, 10),
  machine: machine(),
  versions: peerVersions(),
  quick,
  effort,
  decisions,
  gateway,
  journal,
});
say(`written to ${values.out}/benchmarks.md, .json and benchmarks-decisions.svg`);
