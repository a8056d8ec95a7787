import { readFile, rm } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { build } from 'esbuild';
import { instrument } from './kill-points.ts';

/** Where a grant is used: from the exchange down to the call to the API server. */
const INSTRUMENTED = /\/src\/(?:exchange|approval\/(?:gate|kubernetes-(?:store|keeper|observer|requests)))\.ts$/;

/** The product with kill points that count, as one file in `dist` that is removed in the end. */
export async function buildWithCountedKillPoints(): Promise<{ readonly entry: string } & AsyncDisposable> {
  const entry = resolve(`dist/.counted-kill-points-${process.pid}.mjs`);
  const probe = resolve('test/support/counted-kill-probe.ts');
  await build({
    entryPoints: ['src/main.ts'],
    outfile: entry,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    external: ['koffi'],
    logLevel: 'error',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
    },
    plugins: [
      {
        name: 'counted kill points',
        setup(given) {
          given.onLoad({ filter: INSTRUMENTED }, async ({ path }) => ({
            contents: instrument(await readFile(path, 'utf8'))
              .replace(/from ".*kill-point-probe\.ts"/u, `from ${JSON.stringify(probe)}`)
              .replaceAll('__killPoint("', `__killPoint("${relative(process.cwd(), path)}: `),
            loader: 'ts',
          }));
        },
      },
    ],
  });
  return { entry, [Symbol.asyncDispose]: async () => await rm(entry, { force: true }) };
}
