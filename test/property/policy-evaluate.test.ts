import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Action } from '../../src/model/action.ts';
import { APPROVALS } from '../../src/model/decision.ts';
import { Decimal, type Value } from '../../src/model/value.ts';
import { testCondition, Facts } from '../../src/policy/condition.ts';
import { compileRules, evaluate, globsMatch, testConditions } from '../../src/policy/evaluate.ts';
import { trace } from '../../src/policy/explain.ts';
import { createPolicySet, decide } from '../../src/policy/policy-set.ts';
import { contextAt, policyOf } from '../support/policies.ts';

const NAMES = ['n', 's', 'list', 'map', ''] as const;

const value = fc.letrec<{ value: Value; leaf: Value }>((tie) => ({
  leaf: fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    fc.double().map((number) => new Decimal(number, String(number))),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a', 'delete', 'abc\n', 'é😀', '10'),
  ),
  value: fc.oneof(
    { depthSize: 'small' },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 3 }).map((members): Value => new Map(Object.entries(members))),
  ),
})).value;

const text = fc.oneof(
  fc.constantFrom('read', 'read_file', 'delete', 'x', ''),
  fc.string({ unit: 'binary', maxLength: 12 }),
);

const action: fc.Arbitrary<Action> = fc.record({
  type: text,
  target: text,
  params: fc
    .dictionary(fc.constantFrom(...NAMES), value)
    .map((members): Action['params'] => new Map(Object.entries(members))),
  description: text,
  agentId: text,
  effect: fc.constantFrom(null, 'irreversible' as const),
  amountParam: fc.constantFrom(null, 'n'),
  mappedBy: fc.constant(null),
});

const glob = fc.oneof(
  fc.constantFrom('*', 'read*', '*file', 'delete', '?', '[a-z]*', '*e*', '*ead*'),
  fc.string({ maxLength: 5 }),
);
const written = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom('a', 'delete', true, null, [1], [], { a: 1 }),
  fc.string(),
);
const condition = fc.oneof(
  fc.tuple(
    fc.constantFrom('param_eq', 'param_gt', 'param_lt', 'param_gte', 'param_lte', 'param_contains'),
    fc.dictionary(fc.constantFrom(...NAMES), written),
  ),
  fc.tuple(
    fc.constant('param_matches'),
    fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom('^a', '\\w+$', '(?i)D', 'é', '.{3}', '\\bx')),
  ),
  fc.tuple(fc.constant('semantic'), fc.constantFrom('destructive', 'read', '')),
  fc.tuple(fc.constantFrom('time_after', 'time_before'), fc.constantFrom('00:00', '09:00', '18:00')),
  fc.tuple(
    fc.constant('when'),
    fc.constantFrom(
      'action.params.n > 1',
      'action.params.exists(k, k == "n")',
      'has(action.params.s) && action.params.s.size() > 1',
      'action.params.map.x.y',
      'action.params.list.all(i, i != null)',
      'agent.id == action.type',
    ),
  ),
);
const rule = fc.record({
  match: fc.record({ type: glob, target: glob, agent: glob }, { requiredKeys: [] }),
  conditions: fc.array(condition, { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
  approval: fc.constantFrom(...APPROVALS),
  mode: fc.constantFrom('enforce', 'enforce', 'observe'),
  on_missing: fc.constantFrom('skip', 'skip', 'block'),
});
const policy = fc.array(rule, { maxLength: 6 }).map((rules) => policyOf(JSON.stringify({ rules })));

describe('evaluation', () => {
  it('never throws, decides as going through all rules does, and explains the same decision', () => {
    fc.assert(
      fc.property(policy, action, (file, asked) => {
        const set = compileRules(file.rules, file.defaults);
        const decision = evaluate(set, asked, contextAt());
        const facts = new Facts(asked, contextAt());
        const first = file.rules.find(
          (each) => each.mode === 'enforce' && globsMatch(each, facts) && testConditions(each, facts) !== false,
        );
        expect(decision.rule).toBe(first?.name ?? '<default>');
        const decider = trace(set, asked, contextAt()).find((traced) => traced.outcome === 'decides');
        expect(decider?.rule.name ?? '<default>').toBe(decision.rule);
      }),
      { numRuns: 1_000 },
    );
  });

  it('never loosens: an error, a missing parameter that matters, and a block of the baseline stay blocks', () => {
    fc.assert(
      fc.property(policy, policy, action, (baseline, overlay, asked) => {
        const alone = evaluate(compileRules(baseline.rules, baseline.defaults), asked, contextAt());
        const verdict = decide(createPolicySet(baseline, [overlay]), [asked], contextAt(), []);
        const firm = alone.approval === 'block' && alone.reason.kind !== 'default';
        expect(firm ? [verdict.decision.approval, verdict.decision.rule] : []).toEqual(
          firm ? ['block', alone.rule] : [],
        );
        expect(
          ['evaluation-error', 'missing-param'].includes(verdict.decision.reason.kind) &&
            verdict.decision.approval !== 'block',
        ).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same answer each time, whatever was asked between', () => {
    fc.assert(
      fc.property(policy, action, action, (file, asked, other) => {
        const set = compileRules(file.rules, file.defaults);
        const before = evaluate(set, asked, contextAt());
        evaluate(set, other, contextAt('2026-07-01T03:00:00Z'));
        expect(evaluate(set, asked, contextAt())).toEqual(before);
        for (const each of file.rules) {
          for (const one of each.conditions) testCondition(one, new Facts(other, contextAt()), each.onMissing);
        }
      }),
      { numRuns: 300 },
    );
  });
});
