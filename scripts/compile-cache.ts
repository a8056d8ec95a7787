/**
 * Compiles the built script as `serve` needs it: starts a gateway from it in a folder of its own, and keeps what V8 has
 * compiled when that is ready. Arguments: the script, and the file to write. Run by the build, in a process of its own.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Script } from 'node:vm';

/** A start takes less than a second; a machine that needs this long does without. */
const READY_WITHIN_MS = 60_000;

const [given = '', output = ''] = process.argv.slice(2);
const filename = resolve(given);
const target = resolve(output);
const folder = mkdtempSync(join(tmpdir(), 'aegis-compile-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.chdir(folder);
writeFileSync(
  'gateway.yaml',
  'version: 1\nlisteners:\n  data: 127.0.0.1:0\n  admin: 127.0.0.1:0\nlog:\n  format: json\n',
);
process.argv = [process.execPath, filename, 'serve', '--config', 'gateway.yaml'];

const code = readFileSync(filename);
const script = new Script(code.toString('latin1'), { filename });
const main = script.runInThisContext() as (require: NodeJS.Require) => void;
const write = process.stdout.write.bind(process.stdout);
const tooLate = setTimeout(() => fail('the gateway did not get ready'), READY_WITHIN_MS);
process.stdout.write = (text: string | Uint8Array): boolean => {
  if (!String(text).includes('gateway.ready')) return true;
  clearTimeout(tooLate);
  const digest = createHash('sha256').update(code).digest();
  writeFileSync(target, Buffer.concat([digest, script.createCachedData()]));
  process.emit('SIGTERM');
  return true;
};
process.on('exit', (status) => status !== 0 && write('the gateway that was started to compile it did not stop well\n'));
main(createRequire(filename));

function fail(problem: string): never {
  write(`${problem}\n`);
  process.exit(1);
}
