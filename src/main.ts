import { processIo } from './cli/process-io.ts';
import { runCommand } from './cli/run.ts';

const argv = process.argv.slice(2);
process.exitCode = await runCommand(argv, processIo(argv));
