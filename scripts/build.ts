/** `npm run build`: the product as one file, which needs nothing but Node and, where it can be had, koffi. */
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { build, type Plugin } from 'esbuild';

/** A bundle that grows past this has taken in something that nobody meant to ship. */
const BUDGET_BYTES = 7 * 1024 * 1024;
/**
 * The client of Kubernetes with an HTTP stack of its own: it is a file apart, which only a gateway that keeps approvals in
 * a cluster loads. Others pay nothing for it when they start.
 */
const CLUSTER_ACCESS_BUDGET_BYTES = 3.5 * 1024 * 1024;
const LAUNCHER = 'dist/aegis-gateway.mjs';
/** Put in place when it is whole, so that a gateway can be started while another is built. */
const UNFINISHED = `dist/.unfinished-${process.pid}.mjs`;

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
      kind === 'dynamic-import' ? { path: './cluster-access.mjs', external: true } : null,
    ),
};
// First what the main file loads.
await bundle('src/kubernetes/cluster-access.ts', 'dist/cluster-access.mjs', CLUSTER_ACCESS_BUDGET_BYTES);
await bundle('src/main.ts', 'dist/main.mjs', BUDGET_BYTES);

async function bundle(entry: string, output: string, budget: number): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile: UNFINISHED,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    external: ['koffi'],
    plugins: [clusterAccess],
    legalComments: 'eof',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
    },
    define: { 'process.env.AEGIS_GATEWAY_VERSION': JSON.stringify(version) },
  });
  const { size } = await stat(UNFINISHED);
  if (size > budget) throw new Error(`${output} is ${size} bytes, the budget ${budget}`);
  await rename(UNFINISHED, output);
  console.log(`${output}: ${(size / 1024 / 1024).toFixed(2)} MiB`);
}

/** An old Node would end with the name of a module that it lacks; this says what is needed, before anything is loaded. */
const [major = 0, minor = 0] = engines.node.replace('>=', '').split('.').map(Number);
await writeFile(
  LAUNCHER,
  `#!/usr/bin/env node
// Set before the first use of the pool: names that resolve slowly take up to half of it.
process.env.UV_THREADPOOL_SIZE ??= '16';
const [major, minor] = process.versions.node.split('.').map(Number);
if (major > ${major} || (major === ${major} && minor >= ${minor})) await import('./main.mjs');
else {
  process.stderr.write(\`aegis-gateway needs Node ${major}.${minor} or newer, found \${process.versions.node}\\n\`);
  process.exitCode = 2;
}
`,
);
await chmod(LAUNCHER, 0o755);
