/**
 * Writes schemas/*.schema.json from the schemas that the program itself uses: `node scripts/generate-schemas.ts`. A
 * unit test fails when a committed file is not what this would write.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { actionMapSchema } from '../src/action/schema.ts';
import { configSchema } from '../src/config/schema.ts';
import { policySchema } from '../src/policy/policy-schema.ts';
import { testFileSchema } from '../src/policy/test-file-schema.ts';

const SOURCES = {
  'actions.schema.json': { schema: actionMapSchema, title: 'Aegis Gateway action map' },
  'gateway.schema.json': { schema: configSchema, title: 'Aegis Gateway configuration' },
  'policy-test.schema.json': { schema: testFileSchema, title: 'Aegis Gateway policy test' },
  'policy.schema.json': { schema: policySchema, title: 'Aegis Gateway policy' },
} as const;

/** The texts of all schema files, by file name. Draft 7 is what YAML editors understand best. */
export function schemaFiles(): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [file, { schema, title }] of Object.entries(SOURCES)) {
    const generated = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
    texts.set(file, `${JSON.stringify({ title, ...generated }, null, 2)}\n`);
  }
  return texts;
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, '..', 'schemas');
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of schemaFiles()) writeFileSync(join(folder, file), text);
}
