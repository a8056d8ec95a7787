import * as z from 'zod';
import { APPROVAL_SCOPES, APPROVALS, ENFORCEMENT_LEVELS, RISK_LEVELS } from '../model/decision.ts';
import { MAX_APPROVERS } from './load-approval.ts';
import { ON_MISSING } from './load-rule.ts';
import { MODES } from './load-settings.ts';

/*
 * The shape of a policy file for editors. What a file means is read by load.ts, which knows more (regexes, expressions,
 * names written twice) and also takes what Aegis takes and nobody should write; a test keeps the keys of both the same.
 */

const DURATION = /^(\d+(ms|s|m|h|d))+$/u;
const TIME = /^\s*\+?\d{1,2}\s*:\s*\d{1,2}\s*(:.*)?$/u;

const anyLetterCase = z
  .string()
  .regex(/^([Ll][Oo][Ww]|[Mm][Ee][Dd][Ii][Uu][Mm]|[Hh][Ii][Gg][Hh]|[Cc][Rr][Ii][Tt][Ii][Cc][Aa][Ll])$/u);
const riskLevel = z.union([z.enum(RISK_LEVELS), anyLetterCase]).describe('How much harm the action can do.');

const duration = z.string().regex(DURATION);

const terms = z
  .strictObject({
    approvers: z.int().min(1).max(MAX_APPROVERS).optional().describe('How many people have to agree; 1 when left out.'),
    ttl: duration.optional().describe('How long the request may wait for a decision, such as 15m.'),
    wait: duration.optional().describe('How long the connection is held before the agent is told to come back.'),
    scope: z.enum(APPROVAL_SCOPES).optional().describe('What one approval covers; once when left out.'),
    for: duration.optional().describe('How long an approval of scope action or target holds.'),
  })
  .describe('The longer form of approve.');

const approval = z
  .union([z.enum(APPROVALS), terms])
  .describe('auto: passes. approve: a person is asked. block: refused. Or the longer form of approve.');

const glob = (what: string): z.ZodType => z.string().optional().describe(`A glob of ${what}; * when left out.`);

const match = z
  .strictObject({
    type: glob('action types, such as read or delete_*'),
    target: glob('targets; the host for a request that no action map names'),
    agent: glob('agent identities'),
  })
  .describe('Which actions the rule is for.');

const time = z.string().regex(TIME);
const values = (what: string): z.ZodType => z.record(z.string(), z.unknown()).optional().describe(what);

const conditions = z
  .strictObject({
    time_after: time.optional().describe('From this time of day on, "HH:MM". Later than time_before: over midnight.'),
    time_before: time.optional().describe('Until just before this time of day, "HH:MM".'),
    weekdays: z.array(z.number()).optional().describe('1 Monday to 7 Sunday.'),
    timezone: z.string().optional().describe("An IANA time zone for this rule; the file's when left out."),
    param_eq: values('Parameters that have to equal a value.'),
    param_gt: values('Parameters that have to be greater.'),
    param_lt: values('Parameters that have to be less.'),
    param_gte: values('Parameters that have to be greater or equal.'),
    param_lte: values('Parameters that have to be less or equal.'),
    param_contains: values('Parameters that have to contain a value: an item, a part of a text, or a key.'),
    param_matches: values('Parameters in whose text a pattern has to be found (RE2, searched anywhere).'),
    semantic: z.string().nullable().optional().describe('A phrase or category of which a word has to occur.'),
    when: z.string().optional().describe('A CEL expression over action, request, agent and now.'),
  })
  .nullable()
  .describe('All of them have to hold.');

const mode = z.enum(MODES).optional().describe('observe: what would have been decided is recorded, and not enforced.');

const rule = z.strictObject({
  name: z.union([z.string(), z.number()]).nullable().optional().describe('A name of its own, as decisions carry it.'),
  match: match.optional(),
  conditions: conditions.optional(),
  risk_level: riskLevel.optional(),
  approval: approval.optional(),
  mode,
  on_missing: z.enum(ON_MISSING).optional().describe('block: a parameter that conditions name and is missing blocks.'),
});

const pattern = z.strictObject({
  name: z.string().optional(),
  steps: z.array(z.string()).optional().describe('Globs of action types, in order; others may lie between.'),
  approval: z.enum(APPROVALS).optional(),
  risk_level: riskLevel.optional(),
  description: z.string().optional(),
  window: z.union([z.int(), z.string()]).optional().describe('All steps within so many actions; 0 is no limit.'),
});

const cumulative = z.strictObject({
  max_total_risk: z
    .union([z.int(), z.string()])
    .optional()
    .describe('The largest sum of risks (low 1 to critical 4) that may pass; 0 is off.'),
  on_exceed: z.enum(APPROVALS).optional(),
  name: z.string().optional(),
});

/** The shape of a policy file as authors should write it. */
export const policySchema = z
  .strictObject({
    version: z.union([z.int(), z.string()]).nullable().optional().describe('"1".'),
    timezone: z.string().optional().describe('The IANA time zone of all time conditions; UTC when left out.'),
    mode,
    session: duration.optional().describe('How far back plan rules look over what one agent did; 15m when left out.'),
    enforcement: z.enum(ENFORCEMENT_LEVELS).optional().describe('The weakest capture of traffic that is accepted.'),
    scope: z.unknown().optional(),
    scope_id: z.unknown().optional(),
    defaults: z
      .strictObject({ risk_level: riskLevel.optional(), approval: approval.optional() })
      .nullable()
      .optional()
      .describe('What is decided when no rule matches; left out: block, medium.'),
    rules: z.array(rule).nullable().optional().describe('Read from top to bottom; the first that matches decides.'),
    plan_rules: z
      .strictObject({
        sequence_patterns: z.array(pattern).optional(),
        cumulative_risk: cumulative.nullable().optional(),
      })
      .nullable()
      .optional()
      .describe('Rules over the actions of one request, and of one agent in one session.'),
  })
  .nullable()
  .describe('A policy of Aegis Gateway.');
