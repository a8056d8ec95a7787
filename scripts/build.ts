/** `npm run build`: the product as one script, which needs nothing but Node and, where it can be had, koffi. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { COMPLETIONS } from '../src/kubectl/completion.ts';

/** A bundle that grows past this has taken in something that nobody meant to ship. */
const BUDGET_BYTES = 4.75 * 1024 * 1024;
/**
 * The client of Kubernetes with an HTTP stack of its own: it is a file apart, which only a gateway that keeps approvals in
 * a cluster loads. Others pay nothing for it when they start.
 */
const CLUSTER_ACCESS_BUDGET_BYTES = 3.5 * 1024 * 1024;
const SCRIPT = 'dist/main.cjs';
const CACHE = 'dist/main.cache';
const CLUSTER_ACCESS = 'dist/cluster-access.cjs';
const LAUNCHER = 'dist/aegis-gateway.mjs';
/** The kubectl plug-in: kubectl finds it by this name, which has no ending. */
const PLUGIN = 'dist/kubectl-aegis';
const PLUGIN_BUDGET_BYTES = 1024 * 1024;
const COMPLETION = 'dist/kubectl_complete-aegis';
/** Put in place when it is whole, so that a gateway can be started while another is built. */
const unfinished = (name: string): string => `dist/.unfinished-${process.pid}-${name}`;
const [unfinishedScript, unfinishedCache] = [unfinished('main.cjs'), unfinished('main.cache')];

const { version, engines } = JSON.parse(await readFile('package.json', 'utf8')) as {
  version: string;
  engines: { node: string };
};
await mkdir('dist', { recursive: true });
const clusterAccess: Plugin = {
  name: 'cluster-access',
  setup: (plugin) =>
    // esbuild reads the expression as Go does, which has no flag u.
    plugin.onResolve({ filter: new RegExp('/cluster-access[.]ts$', '') }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './cluster-access.cjs', external: true } : null,
    ),
};
// First what the script loads.
await bundle('src/kubernetes/cluster-access.ts', unfinished('cluster-access.cjs'), CLUSTER_ACCESS_BUDGET_BYTES);
await rename(unfinished('cluster-access.cjs'), CLUSTER_ACCESS);
await bundle('src/main.ts', unfinishedScript, BUDGET_BYTES, {
  // What runs as a script can be kept as compiled by the build; see docs/adr/0017-start.md.
  banner: { js: '(function (require) {' },
  footer: { js: '})' },
});
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
await buildPlugin();
// The product of earlier versions of this script.
await rm('dist/main.mjs', { force: true });
for (const file of [SCRIPT, CACHE, CLUSTER_ACCESS, PLUGIN])
  console.log(`${file}: ${((await stat(file)).size / 1024 / 1024).toFixed(2)} MiB`);

/**
 * One file that runs from wherever it is copied to. Without an ending, Node takes it for a module or a script by what
 * stands around it, so it is both. It is spelled for old versions of Node, so that they can say what is needed.
 */
async function buildPlugin(): Promise<void> {
  const file = unfinished('kubectl-aegis');
  await bundle('src/kubectl-aegis.ts', file, PLUGIN_BUDGET_BYTES, {
    target: 'node12',
    banner: {
      js: `#!/usr/bin/env node
(function () {
  var found = process.versions.node.split('.').map(Number);
  if (found[0] < ${major} || (found[0] === ${major} && found[1] < ${minor})) {
    process.stderr.write('kubectl-aegis needs Node ${major}.${minor} or newer, found ' + process.versions.node + '\\n');
    process.exitCode = 2;
    return;
  }
  start(process.getBuiltinModule);
})();
function start(require) {`,
    },
    footer: { js: '}' },
  });
  await chmod(file, 0o755);
  await rename(file, PLUGIN);
  await writeFile(unfinished('completion'), COMPLETIONS.kubectl);
  await chmod(unfinished('completion'), 0o755);
  await rename(unfinished('completion'), COMPLETION);
  // For versions of Node that take no module without an ending. All other files here have one that says what they are.
  await writeFile('dist/package.json', `${JSON.stringify({ type: 'commonjs' })}\n`);
}

async function bundle(
  entry: string,
  output: string,
  budget: number,
  wrapping: Pick<BuildOptions, 'banner' | 'footer' | 'target'> = {},
): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile: output,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    supported: { 'dynamic-import': false },
    external: ['koffi'],
    plugins: [clusterAccess],
    // Not identifiers: names of classes and functions stand in messages, and `keepNames` costs a call for each closure.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    define: { 'process.env.AEGIS_GATEWAY_VERSION': JSON.stringify(version) },
    ...wrapping,
  });
  const { size } = await stat(output);
  if (size > budget) throw new Error(`the bundle of ${entry} is ${size} bytes, the budget ${budget}`);
}

/** esbuild leaves characters as they are in regular expressions and comments; in both, an escape means the same. */
function inAscii(code: string): string {
  return code.replace(/[^\p{ASCII}]/gu, (character) => {
    if (character.length > 1) throw new Error(`expected no ${character} in a regular expression: spell it \\u{...}`);
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
