import { actionMapSchema } from '../action/schema.ts';
import { actionTestSchema } from '../action/test-file.ts';
import { configSchema } from '../config/schema.ts';
import { jsonSchemaOf } from '../document/json-schema.ts';
import { policySchema } from '../policy/policy-schema.ts';
import { testFileSchema } from '../policy/test-file-schema.ts';

/** The JSON Schemas of all files that people write, by file name. */
export function jsonSchemas(): { readonly [file: string]: { readonly [member: string]: unknown } } {
  return {
    'actions-test.schema.json': jsonSchemaOf(actionTestSchema, 'Aegis Gateway action test'),
    'actions.schema.json': jsonSchemaOf(actionMapSchema, 'Aegis Gateway action map'),
    'gateway.schema.json': jsonSchemaOf(configSchema, 'Aegis Gateway configuration'),
    'policy-test.schema.json': jsonSchemaOf(testFileSchema, 'Aegis Gateway policy test'),
    'policy.schema.json': jsonSchemaOf(policySchema, 'Aegis Gateway policy'),
  };
}
