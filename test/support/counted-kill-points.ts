import { relative, resolve } from 'node:path';
import { buildWoven, instrument, type BuiltProduct } from './kill-points.ts';

/** Where a grant is used: from the exchange down to the call to the API server. */
const INSTRUMENTED = /\/src\/(?:exchange|approval\/(?:gate|kubernetes-(?:store|keeper|observer|requests)))\.ts$/;

/** The product with kill points that count, as one file in `dist` that is removed in the end. */
export async function buildWithCountedKillPoints(): Promise<BuiltProduct> {
  const probe = resolve('test/support/counted-kill-probe.ts');
  return await buildWoven('counted-kill-points', INSTRUMENTED, (source, path) =>
    instrument(source, probe, `${relative(process.cwd(), path)}: `),
  );
}
