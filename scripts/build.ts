/** `npm run build`: the product as one file, which needs nothing but Node and, where it can be had, koffi. */
import { chmod, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { build } from 'esbuild';

/** A bundle that grows past this has taken in something that nobody meant to ship. */
const BUDGET_BYTES = 6 * 1024 * 1024;
const OUTPUT = 'dist/aegis-gateway.mjs';

const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
await rm('dist', { recursive: true, force: true });
await mkdir('dist');
await build({
  entryPoints: ['src/main.ts'],
  outfile: OUTPUT,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  external: ['koffi'],
  legalComments: 'linked',
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
  },
  define: { 'process.env.AEGIS_GATEWAY_VERSION': JSON.stringify(version) },
});
await chmod(OUTPUT, 0o755);
const { size } = await stat(OUTPUT);
console.log(`${OUTPUT}: ${(size / 1024 / 1024).toFixed(2)} MiB`);
if (size > BUDGET_BYTES) throw new Error(`the bundle is ${size} bytes, the budget ${BUDGET_BYTES}`);
