/**
 * How long a decision takes with 10 to 100,000 rules. Runs as a process of its own, so that nothing else shapes what the
 * compiler makes of the code; prints one line of JSON.
 *
 *   node bench/decisions.ts [MILLISECONDS]
 */
import type { Action } from '../src/model/action.ts';
import { Decimal, type Value } from '../src/model/value.ts';
import { loadPolicy } from '../src/policy/load.ts';
import { createPolicySet, decide, type PolicySet } from '../src/policy/policy-set.ts';

export interface DecisionResult {
  readonly rules: number;
  readonly case: string;
  /** Of one decision, the fastest batch and the median one. */
  readonly fastest: number;
  readonly median: number;
}

const SIZES = [10, 100, 1_000, 10_000, 100_000] as const;
/** One batch has to be long against the clock's resolution, and short against the scheduler's slice. */
const BATCH_MS = 2;
const milliseconds = Number(process.argv[2] ?? 400);

const NOON = Date.parse('2026-06-15T12:00:00Z');
const agent = { id: 'bench', namespace: '', serviceAccount: '', pod: '' };
const context = { now: NOON, request: null, agent, enforcement: 'cooperative' } as const;

interface Shape {
  readonly name: string;
  readonly rule: (index: number) => string;
  /** Which rule is to decide; null for none. */
  readonly hits: (rules: number) => number | null;
}

const plain = (index: number): string => `match: {type: create, target: "host-${index}.example.com"}`;
const conditions = (index: number): string =>
  `${plain(index)}, conditions: {param_gt: {total: 100}, time_after: "08:00", time_before: "20:00", param_matches: {customer: "^c-[0-9]+$"}}`;
const glob = (index: number): string => `match: {type: "create*", target: "*.team-${index}.example.com"}`;
const cel = (index: number): string =>
  `${plain(index)}, conditions: {when: 'action.params.total > 100.0 && action.params.customer.startsWith("c-")'}`;
const alike = (index: number): string => `match: {type: create}, conditions: {param_eq: {customer: "c-${index}"}}`;
const last = (rules: number): number => rules - 1;

const SHAPES: readonly Shape[] = [
  { name: 'first rule', rule: plain, hits: () => 0 },
  { name: 'last rule', rule: plain, hits: last },
  { name: 'no rule', rule: plain, hits: () => null },
  { name: 'last rule, globs', rule: glob, hits: last },
  { name: 'last rule, four conditions on every rule', rule: conditions, hits: last },
  { name: 'last rule, all of them match but for their condition', rule: alike, hits: last },
  { name: 'last rule, CEL on every rule', rule: cel, hits: last },
];

/** One file may have 8 MiB: many rules stand in several. */
const RULES_IN_A_FILE = 10_000;

function policyOf({ rule }: Shape, rules: number): PolicySet {
  const files = Array.from({ length: Math.ceil(rules / RULES_IN_A_FILE) }, (_, file) => {
    const first = file * RULES_IN_A_FILE;
    const lines = Array.from({ length: Math.min(RULES_IN_A_FILE, rules - first) }, (__, index) => {
      return `  - {name: rule-${first + index}, ${rule(first + index)}, risk_level: low, approval: auto}`;
    });
    const loaded = loadPolicy(`version: "1"\nrules:\n${lines.join('\n')}\n`, `bench-${file}.yaml`);
    if (!loaded.ok) throw new Error(loaded.mistakes.map(({ message }) => message).join('; '));
    return loaded.value;
  });
  return createPolicySet(null, files);
}

function actionFor(target: string, customer: string): Action {
  const params = new Map<string, Value>([
    ['customer', customer],
    ['currency', 'EUR'],
    ['total', new Decimal(129.95, '129.95')],
  ]);
  return {
    type: 'create',
    target,
    params,
    description: `create ${target}`,
    agentId: 'bench',
    effect: null,
    amountParam: null,
    mappedBy: null,
  };
}

function targetOf(shape: Shape, index: number | null): string {
  if (index === null) return 'host.elsewhere.example.org';
  return shape.rule === glob ? `api.team-${index}.example.com` : `host-${index}.example.com`;
}

/** Nanoseconds of one call. */
function timeOf(call: () => unknown): { readonly fastest: number; readonly median: number } {
  let calls = 1;
  const batch = (): number => {
    const from = process.hrtime.bigint();
    for (let count = 0; count < calls; count += 1) sink = call();
    return Number(process.hrtime.bigint() - from);
  };
  while (batch() < BATCH_MS * 1e6) calls *= 2;
  const times: number[] = [];
  const until = performance.now() + milliseconds;
  while (performance.now() < until) times.push(batch() / calls);
  times.sort((left, right) => left - right);
  return { fastest: times[0] ?? Number.NaN, median: times[Math.floor(times.length / 2)] ?? Number.NaN };
}

/** Where results go, so that no call can be left out for having none. */
let sink: unknown = null;

const results: DecisionResult[] = [];
for (const shape of SHAPES) {
  for (const rules of SIZES) {
    const policy = policyOf(shape, rules);
    const hit = shape.hits(rules);
    const actions = [actionFor(targetOf(shape, hit), `c-${hit ?? 0}`)] as const;
    const { rule } = decide(policy, actions, context, []).decision;
    const expected = hit === null ? '<default>' : `rule-${hit}`;
    if (rule !== expected) throw new Error(`expected ${expected} to decide, found ${rule}`);
    results.push({ rules, case: shape.name, ...timeOf(() => decide(policy, actions, context, [])) });
  }
}
console.log(`RESULT ${JSON.stringify(results)} ${sink === null ? '' : '\n'}`);
