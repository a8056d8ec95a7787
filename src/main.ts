import { processIo } from './cli/process-io.ts';
import { runCommand } from './cli/run.ts';

const argv = process.argv.slice(2);
// Not awaited here: the built product is a CommonJS script, which has no await at its top level.
void runCommand(argv, processIo(argv)).then((code) => (process.exitCode = code));
