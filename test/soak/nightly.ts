/** `npm run nightly:soak`: ten minutes of load on a gateway of its own. `SOAK_SECONDS` and `SOAK_SEED` change it. */
import { shortcomings } from './judge.ts';
import { reportText } from './report.ts';
import { soak } from './soak.ts';

const seconds = Number(process.env['SOAK_SECONDS'] ?? 600);
const seed = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);
const report = await soak({ warmUpSeconds: Math.min(240, seconds / 3), seconds, connections: 200, seed });
const found = shortcomings(report);
process.stdout.write(`${reportText(report)}\n${found.map((text) => `DOES NOT HOLD: ${text}\n`).join('')}`);
process.exitCode = found.length === 0 ? 0 : 1;
