/** `npm run nightly:kill -- [--rounds N] [--seed N]`: kills a gateway under load, 300 times unless told otherwise. */
import { parseArgs } from 'node:util';
import { runKillRounds } from '../support/kill-rounds.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const plan = { rounds: Number(values.rounds), seed: Number(values.seed) };
console.log(`${plan.rounds} rounds, seed ${plan.seed}; "--seed ${plan.seed}" makes the same moments again`);
const started = performance.now();
try {
  const found = await runKillRounds({ ...plan, progress: (line) => console.log(line) });
  const seconds = Math.round((performance.now() - started) / 1_000);
  console.log(`nothing lost after ${seconds} s: ${JSON.stringify(found, null, 2)}`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
