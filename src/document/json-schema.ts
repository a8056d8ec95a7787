import * as z from 'zod';

/** The JSON Schema of what people write, for editors. Draft 7 is what YAML language servers understand best. */
export function jsonSchemaOf(schema: z.ZodType, title: string): { readonly [member: string]: unknown } {
  return { title, ...z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) };
}
