import { describe, expect, it } from 'vitest';
import { compileRules } from '../../../src/policy/evaluate.ts';
import { trace } from '../../../src/policy/explain.ts';
import { actionOf, contextAt, policyOf } from '../../support/policies.ts';

function traced(rules: string, action = actionOf({ params: { n: 5, s: 'abc' } })) {
  const policy = policyOf(`rules:\n${rules}`);
  return trace(compileRules(policy.rules, policy.defaults), action, contextAt());
}

describe('explaining a decision', () => {
  it('says of every rule what it did', () => {
    const traces = traced(
      [
        '- {name: glob, match: {type: "r*"}}',
        '- {name: small, conditions: {param_eq: {n: 5}, param_gt: {n: 10}}}',
        '- {name: watch, mode: observe, conditions: {param_contains: {s: b}}}',
        '- {name: this}',
        '- {name: never}',
      ].join('\n'),
    );
    expect(traces.map(({ rule, outcome }) => [rule.name, outcome])).toEqual([
      ['glob', 'no-match'],
      ['small', 'no-match'],
      ['watch', 'observes'],
      ['this', 'decides'],
      ['never', 'not-reached'],
    ]);
    expect(traces[0]?.glob).toEqual({ key: 'type', expected: 'r*', found: 'x' });
    expect(traces[1]?.tests).toEqual([
      { operator: 'param_eq', param: 'n', expected: '5', found: '5', outcome: 'true', problem: '' },
      { operator: 'param_gt', param: 'n', expected: '10', found: '5', outcome: 'false', problem: '' },
    ]);
  });

  it.each([
    ['param_gt: {m: 1}', { param: 'm', expected: '1', found: 'nothing', outcome: 'missing' }],
    ['param_matches: {s: "^z"}', { param: 's', expected: '^z', found: '"abc"', outcome: 'false' }],
    ['time_after: "18:00"', { param: '', expected: 'from 18:00', found: '12:00 (UTC)', outcome: 'false' }],
    ['time_before: "08:00"', { expected: 'before 08:00', outcome: 'false' }],
    ['time_after: "18:00", time_before: "08:00"', { expected: 'from 18:00, or before 08:00', outcome: 'false' }],
    ['weekdays: [6, 7]', { expected: 'one of 6, 7', found: '5 (UTC)', outcome: 'false' }],
    ['weekdays: [6], timezone: Asia/Tokyo', { found: '5 (Asia/Tokyo)' }],
    ['semantic: delete users', { expected: 'delete, users', found: 'none of these words', outcome: 'false' }],
    ['semantic: null', { operator: 'never', expected: 'nothing (null)', outcome: 'false' }],
    ['when: action.params.n > 7', { operator: 'when', expected: 'action.params.n > 7', outcome: 'false' }],
  ])('shows what %s expected and found', (conditions, test) => {
    expect(traced(`- {name: r, conditions: {${conditions}}}`)[0]?.tests).toMatchObject([test]);
  });

  it('shows an error, which decides', () => {
    expect(traced('- {name: r, conditions: {param_gt: {s: 1}}}')[0]).toMatchObject({
      outcome: 'decides',
      tests: [{ outcome: 'error', problem: 'cannot order text and a whole number' }],
    });
  });

  it('shows a missing parameter that decides', () => {
    const rule = '- {name: r, on_missing: block, conditions: {param_gt: {m: 1}}}';
    expect(traced(rule)[0]).toMatchObject({ outcome: 'decides', tests: [{ outcome: 'missing' }] });
  });

  it('cuts long values', () => {
    const tests = traced(
      '- {name: r, conditions: {param_eq: {s: x}}}',
      actionOf({ params: { s: 'y'.repeat(1_000) } }),
    )[0]?.tests;
    expect(tests?.[0]?.found).toHaveLength(123);
  });
});
