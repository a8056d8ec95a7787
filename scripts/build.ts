/** `npm run build`: the product as one script, which needs nothing but Node and, where it can be had, koffi. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

/** A bundle that grows past this has taken in something that nobody meant to ship. */
const BUDGET_BYTES = 4.5 * 1024 * 1024;
const SCRIPT = 'dist/main.cjs';
const CACHE = 'dist/main.cache';
const LAUNCHER = 'dist/aegis-gateway.mjs';
/** Put in place when it is whole, so that a gateway can be started while another is built. */
const unfinished = (name: string): string => `dist/.unfinished-${process.pid}-${name}`;
const [unfinishedScript, unfinishedCache] = [unfinished('main.cjs'), unfinished('main.cache')];

const { version, engines } = JSON.parse(await readFile('package.json', 'utf8')) as {
  version: string;
  engines: { node: string };
};
await mkdir('dist', { recursive: true });
await build({
  entryPoints: ['src/main.ts'],
  outfile: unfinishedScript,
  bundle: true,
  platform: 'node',
  target: 'node24',
  // What runs as a script can be kept as compiled by the build; see docs/adr/0017-start.md.
  format: 'cjs',
  supported: { 'dynamic-import': false },
  external: ['koffi'],
  // Not identifiers: names of classes and functions stand in messages, and `keepNames` costs a call for each closure.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'eof',
  banner: { js: '(function (require) {' },
  footer: { js: '})' },
  define: { 'process.env.AEGIS_GATEWAY_VERSION': JSON.stringify(version) },
});
const { size } = await stat(unfinishedScript);
if (size > BUDGET_BYTES) throw new Error(`the bundle is ${size} bytes, the budget ${BUDGET_BYTES}`);
// V8 takes two bytes for each character of a text that holds a single other one than Latin-1 has.
await writeFile(unfinishedScript, inAscii(await readFile(unfinishedScript, 'utf8')));
const { status, stdout, stderr } = spawnSync('node', ['scripts/compile-cache.ts', unfinishedScript, unfinishedCache], {
  encoding: 'utf8',
});
if (status !== 0) throw new Error(`the bundle could not be compiled: ${stdout}${stderr}`);
// In this order: with a cache of another script, a gateway that starts just now compiles for itself.
await rename(unfinishedScript, SCRIPT);
await rename(unfinishedCache, CACHE);

const [major = '0', minor = '0'] = engines.node.replace('>=', '').split('.');
const launcher = await readFile('scripts/launcher.mjs', 'utf8');
await writeFile(
  unfinished('launcher.mjs'),
  launcher.replaceAll('OLDEST_MAJOR', major).replaceAll('OLDEST_MINOR', minor),
);
await chmod(unfinished('launcher.mjs'), 0o755);
await rename(unfinished('launcher.mjs'), LAUNCHER);
// The product of earlier versions of this script.
await rm('dist/main.mjs', { force: true });
for (const file of [SCRIPT, CACHE]) console.log(`${file}: ${((await stat(file)).size / 1024 / 1024).toFixed(2)} MiB`);

/** esbuild leaves characters as they are in regular expressions and comments; in both, an escape means the same. */
function inAscii(code: string): string {
  return code.replace(/[^\p{ASCII}]/gu, (character) => {
    if (character.length > 1) throw new Error(`expected no ${character} in a regular expression: spell it \\u{...}`);
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
