/**
 * Writes schemas/*.schema.json from the schemas that the program itself uses: `node scripts/generate-schemas.ts`. A
 * unit test fails when a committed file is not what this would write.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchemas } from '../src/cli/schemas.ts';

/** The texts of all schema files, by file name. */
export function schemaFiles(): ReadonlyMap<string, string> {
  const files = Object.entries(jsonSchemas());
  return new Map(files.map(([file, schema]) => [file, `${JSON.stringify(schema, null, 2)}\n`]));
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, '..', 'schemas');
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of schemaFiles()) writeFileSync(join(folder, file), text);
}
