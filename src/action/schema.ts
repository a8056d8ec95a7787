import * as z from 'zod';
import { size } from '../document/quantity.ts';

/** Below this a limit is a mistake in the unit: one JSON object of an API call takes more. */
const MIN_BODY_LIMIT_BYTES = 256;
/** A judged body is held in memory whole; more than this belongs into `body: stream`. */
const MAX_BODY_LIMIT_BYTES = 64 * 1024 * 1024;

const METHOD = /^[A-Z][A-Z-]{0,31}$/u;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/u;

const method = z.string().regex(METHOD, { error: 'expected a method in capital letters, such as POST' });
const name = z.string().regex(NAME, {
  error: 'expected a name of letters, digits, _ and -, starting with a letter or _, at most 64 long',
});
const scalar = z.union([z.string(), z.boolean(), z.int()], { error: 'expected a text, a whole number, true or false' });

const condition = z.union([
  scalar,
  z.strictObject({
    exists: z.boolean().optional().describe('Whether there must be a value; null counts as none.'),
    in: z.array(scalar).min(1).optional().describe('The values of which it must be one.'),
  }),
]);

const conditions = z.record(z.string().min(1), condition);

const hosts = z.union([z.string(), z.array(z.string()).min(1)]);

const match = z
  .strictObject({
    host: hosts
      .optional()
      .describe('A host such as api.example.com, or *.example.com for all below it; with :PORT for one port only.'),
    method: z
      .union([method, z.array(method).min(1)])
      .optional()
      .describe('One method or several; absent: every method. GET takes HEAD with it.'),
    path: z
      .string()
      .optional()
      .describe('A template such as /repos/{owner}/{repo} or /files/{rest...}; absent: every path.'),
    query: conditions.optional().describe('Conditions on query parameters, by name.'),
    headers: conditions.optional().describe('Conditions on header fields, by name.'),
    body: conditions.optional().describe('Conditions on the body, by JSON pointer; in a form /a/b is the field a[b].'),
    arguments: conditions.optional().describe('Conditions on values that may be in the query or in the body, by name.'),
  })
  .describe('Which requests this entry is for; everything given must hold.');

const CONVERSIONS = ['text', 'lower', 'integer', 'number', 'boolean', 'list'] as const;

const source = z.strictObject({
  path: name.optional().describe('A capture of the path template.'),
  query: z.string().min(1).optional().describe('A query parameter.'),
  header: z.string().min(1).optional().describe('A header field.'),
  body: z.string().optional().describe('A JSON pointer into the body; in a form /a/b is the field a[b].'),
  argument: z.string().min(1).optional().describe('A value that may be in the query or at the top of the body.'),
  item: z
    .string()
    .optional()
    .describe('A JSON pointer into the item, for an entry with `each`; "" is the item itself.'),
  length: z.string().optional().describe('The number of items in the list at this JSON pointer into the body.'),
  value: scalar.optional().describe('A constant.'),
  as: z.enum(CONVERSIONS).optional().describe('What the value is read as; what does not fit is refused.'),
});

const params = z.record(name, z.union([source, z.array(source).min(1)])).describe('The parameters, by name.');

/** The shape of one entry. */
export const entrySchema = z.strictObject({
  match: match.optional(),
  action: z.strictObject({
    type: z.string().min(1).max(256).describe('The type of the action; {name} stands for a parameter.'),
    target: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe('The target; {name} stands for a parameter. Absent: the host.'),
  }),
  params: params.optional(),
  required: z.array(name).optional().describe('Parameters without which the request is refused.'),
  other_params: z
    .enum(['keep', 'drop'])
    .optional()
    .describe(
      'Whether query parameters and top-level fields that `params` does not name become parameters too (keep).',
    ),
  effect: z.enum(['read-only', 'reversible', 'irreversible']).optional().describe('What the action does to the world.'),
  amount: name.optional().describe('The parameter that is the amount.'),
  description: z.string().max(1024).optional().describe('A sentence for people; {name} stands for a parameter.'),
  each: z.string().optional().describe('A JSON pointer to a list in the body: one action for each of its items.'),
  body: z
    .enum(['judge', 'stream'])
    .optional()
    .describe('judge: read the body before deciding. stream: decide without it and let it flow.'),
  body_limit: size({ min: MIN_BODY_LIMIT_BYTES, max: MAX_BODY_LIMIT_BYTES })
    .optional()
    .describe('The largest body that is judged for this entry, such as 512KiB.'),
});

/** The shape of an action map (actions.yaml); docs/actions.md says what everything means. */
export const actionMapSchema = z
  .strictObject({
    version: z.literal(1, { error: 'expected 1, the only version of this format' }),
    host: hosts.optional().describe('The host of every entry that names none.'),
    format_suffixes: z
      .array(z.string().regex(/^\.[A-Za-z0-9]{1,8}$/u, { error: 'expected a suffix such as .json' }))
      .optional()
      .describe('Endings that this API takes as a format (/orders/5.json is /orders/5); ignored in matching.'),
    ignore_case: z
      .array(name)
      .optional()
      .describe(
        'Captures that this API takes in any letter case; they become lower case, so that a policy sees one spelling.',
      ),
    actions: z.array(entrySchema).describe('What requests mean.'),
  })
  .describe('Maps HTTP requests to the actions that policy judges.');

export type ActionMapFile = z.output<typeof actionMapSchema>;
export type EntryFile = ActionMapFile['actions'][number];
export type ConditionFile = z.output<typeof condition>;
export type SourceFile = z.output<typeof source>;
export type Conversion = (typeof CONVERSIONS)[number];
