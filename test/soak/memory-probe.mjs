// Loaded into the gateway under soak, beside it and not part of it: at SIGUSR2 it collects all garbage and says what is left.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('SIGUSR2', () => {
  // Twice: what the first run lets go of may have held on to more.
  collect();
  setImmediate(() => {
    collect();
    process.stderr.write(`${JSON.stringify({ event: 'probe.memory', level: 'info', ...process.memoryUsage() })}\n`);
  });
});
