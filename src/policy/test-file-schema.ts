import * as z from 'zod';
import { duration } from '../document/quantity.ts';
import { APPROVALS, ENFORCEMENT_LEVELS, RISK_LEVELS } from '../model/decision.ts';

/** The time of a case that says none: a Friday at noon in UTC, when few time rules hold. */
const DEFAULT_NOW = '2026-03-20T12:00:00Z';

/** A journal keeps a session's steps for as long as its policy asks; a week is beyond every sensible one. */
const HISTORY_BOUNDS = { min: 0, max: 7 * 24 * 60 * 60 * 1000 };

/** The kinds of `Reason`, as a test may expect them. */
const REASON_KINDS = [
  'rule',
  'default',
  'no-policy',
  'evaluation-error',
  'missing-param',
  'plan',
  'enforcement',
] as const;

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/u;

/** An instant as RFC 3339 writes it, seconds optional; milliseconds since the epoch, or null when it is none. */
export function parseInstant(text: string): number | null {
  if (!INSTANT.test(text)) return null;
  const milliseconds = Date.parse(text);
  const date = text.slice(0, 'yyyy-mm-dd'.length);
  // The platform takes 31 February for 3 March.
  const midnight = new Date(`${date}T00:00:00Z`);
  const exists = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(date);
  return Number.isNaN(milliseconds) || !exists ? null : milliseconds;
}

const instant = z
  .string({ error: `expected a time in quotes, such as '${DEFAULT_NOW}'` })
  .regex(INSTANT, { error: `expected a time with its zone, such as '${DEFAULT_NOW}'` })
  .refine((text) => parseInstant(text) !== null, { error: 'expected a date that exists' });

const anything = z.unknown();

const action = z
  .strictObject({
    type: z.string().min(1),
    target: z.string().default(''),
    params: z.record(z.string(), anything).nullable().default({}).describe('Parameters as the action carries them.'),
    description: z.string().default(''),
    agent_id: z.string().optional().describe("The agent that acts; the file's agent_id when it is left out."),
  })
  .describe('One action.');

const historyStep = z.strictObject({
  type: z.string().min(1),
  ago: duration(HISTORY_BOUNDS).describe('How long before now it was done, such as 5m.'),
  risk_level: z.enum(RISK_LEVELS).default('medium'),
});

const facts = z
  .strictObject({
    method: z.string().default('GET'),
    scheme: z.enum(['http', 'https']).default('https'),
    host: z.string().default(''),
    port: z.int().min(0).max(65_535).default(443),
    path: z.string().default('/'),
    route: z.string().default(''),
    entry: z.enum(['forward-proxy', 'route', 'connect', 'captured']).default('forward-proxy'),
    query: z.record(z.string(), anything).default({}),
    headers: z.record(z.string(), z.string()).default({}),
    content_type: z.string().default(''),
    body_bytes: z.int().min(0).default(0),
  })
  .describe('The request that carries the action, for policies whose `when` asks about it.');

const agent = z
  .strictObject({
    namespace: z.string().default(''),
    service_account: z.string().default(''),
    pod: z.string().default(''),
  })
  .describe('The workload that acts, for policies whose `when` asks about it.');

const outcome = {
  approval: z.enum(APPROVALS).optional(),
  risk_level: z.enum(RISK_LEVELS).optional(),
  rule: z.string().optional().describe('The rule that has to decide; `<default>` when none may.'),
  reason: z.enum(REASON_KINDS).optional().describe('Why it has to be decided so.'),
};

const violation = z.strictObject({
  rule: z.string(),
  approval: z.enum(APPROVALS).optional(),
  risk_level: z.enum(RISK_LEVELS).optional(),
  actions: z.int().min(1).optional().describe('How many actions took part.'),
});

const expectation = z
  .strictObject({
    ...outcome,
    decisions: z.array(z.strictObject(outcome)).optional().describe('One entry an action, in their order.'),
    violations: z.array(violation).optional().describe('The plan rules that are broken, all of them, in order.'),
    observed: z.array(z.string()).optional().describe('The rules in mode observe that would have decided otherwise.'),
  })
  .refine((expected) => Object.values(expected).some((value) => value !== undefined), {
    error:
      'expects nothing; expected at least one of approval, risk_level, rule, reason, decisions, violations, observed',
  });

const testCase = z
  .strictObject({
    name: z.string().min(1).describe('A sentence that says what must hold.'),
    action: action.optional(),
    actions: z.array(action).min(1).optional().describe('The actions of one request, for plan rules.'),
    now: instant.optional().describe('The clock of this case.'),
    history: z.array(historyStep).default([]).describe('What the agent did before, for plan rules over a session.'),
    request: facts.optional(),
    agent: agent.prefault({}),
    enforcement: z.enum(ENFORCEMENT_LEVELS).default('captured').describe('How strongly the traffic is captured.'),
    expect: expectation,
  })
  .refine((given) => (given.action === undefined) !== (given.actions === undefined), {
    error: 'expected either action or actions',
  });

/** The shape of a policy test file. */
export const testFileSchema = z.strictObject({
  policy: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe('The policy or policies under test, relative to this file; left out: the policy beside it.'),
  baseline: z.string().min(1).optional().describe('A baseline policy, whose blocks nothing in `policy` can loosen.'),
  now: instant.default(DEFAULT_NOW).describe('The clock of every case that sets none.'),
  agent_id: z.string().default('').describe('The agent of every action that names none.'),
  cases: z.array(testCase).min(1),
});

export type TestFileShape = z.output<typeof testFileSchema>;
export type TestCaseShape = z.output<typeof testCase>;
export type ActionShape = z.output<typeof action>;
export type ExpectationShape = z.output<typeof expectation>;
