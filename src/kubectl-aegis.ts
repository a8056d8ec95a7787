import { pluginIo } from './kubectl/plugin-io.ts';
import { runPlugin } from './kubectl/run.ts';

const argv = process.argv.slice(2);
// Not awaited here: the built plug-in is a script, which has no await at its top level.
void runPlugin(argv, pluginIo(argv)).then((code) => (process.exitCode = code));
