import { describe, expect, it } from 'vitest';
import { describeDecision } from '../../../src/model/decision.ts';
import { actionOf, contextAt, decisionOf } from '../../support/policies.ts';

const ONE = 'rules:\n- {name: r, match: {type: x}, ';

describe('evaluating a policy', () => {
  it('blocks with the rule named when a value cannot be compared, and tries no later rule', () => {
    const text = `${ONE}conditions: {param_gt: {n: 100}}, approval: approve}\n- {name: later, approval: auto}\n`;
    const decision = decisionOf(text, actionOf({ params: { n: '500' } }));
    expect(decision).toMatchObject({
      approval: 'block',
      rule: 'r',
      reason: {
        kind: 'evaluation-error',
        operator: 'param_gt',
        param: 'n',
        problem: 'cannot order text and a whole number',
      },
    });
    expect(describeDecision(decision)).toBe(
      'rule r could not be evaluated, so it blocks: param_gt on parameter "n": cannot order text and a whole number',
    );
  });

  it('does not reach an error behind a condition that is false', () => {
    const text = `${ONE}conditions: {param_eq: {a: 1}, param_gt: {n: 1}}, approval: auto}`;
    expect(decisionOf(text, actionOf({ params: { a: 2, n: 'x' } })).rule).toBe('<default>');
    const other = `${ONE}conditions: {param_gt: {n: 1}, param_eq: {a: 1}}, approval: auto}`;
    expect(decisionOf(other, actionOf({ params: { a: 2, n: 'x' } }))).toMatchObject({ rule: 'r', approval: 'block' });
  });

  it('surfaces an error between the two ends of a window over midnight', () => {
    const text = `${ONE}conditions: {time_after: "18:00", param_gt: {n: 1}, time_before: "08:00"}, approval: auto}`;
    expect(decisionOf(text, actionOf({ params: { n: 'x' } }))).toMatchObject({ rule: 'r', approval: 'block' });
  });

  it('tests semantic last, wherever it stands', () => {
    const text = `${ONE}conditions: {semantic: nothing, param_gt: {n: 1}}, approval: auto}`;
    expect(decisionOf(text, actionOf({ params: { n: 'x' } }))).toMatchObject({ rule: 'r', approval: 'block' });
    const never = `${ONE}conditions: {semantic: null, param_gt: {n: 1}}, approval: auto}`;
    expect(decisionOf(never, actionOf({ params: { n: 'x' } })).rule).toBe('<default>');
  });

  it('passes a rule over when its parameter is missing, which is the meaning of Aegis', () => {
    const text = `defaults: {approval: auto}\n${ONE}conditions: {param_gt: {n: 1}}, approval: block}`;
    expect(decisionOf(text, actionOf({})).approval).toBe('auto');
    expect(decisionOf(text, actionOf({ params: { n: null } })).approval).toBe('auto');
  });

  it('blocks when a parameter is missing and the rule says on_missing: block', () => {
    const text = `defaults: {approval: auto}\n${ONE}conditions: {param_lte: {n: 25}}, approval: auto, on_missing: block}`;
    expect(decisionOf(text, actionOf({ params: { n: 5 } })).approval).toBe('auto');
    expect(decisionOf(text, actionOf({ params: { n: null } }))).toMatchObject({
      approval: 'block',
      rule: 'r',
      reason: { kind: 'missing-param', operator: 'param_lte', param: 'n' },
    });
    expect(decisionOf(text, actionOf({ type: 'other' })).rule).toBe('<default>');
  });

  it('records what an observing rule would have decided, and goes on', () => {
    const text = `${ONE}mode: observe, approval: block, risk_level: critical}\n- {name: next, approval: auto, risk_level: low}`;
    expect(decisionOf(text, actionOf({}))).toMatchObject({
      approval: 'auto',
      rule: 'next',
      observed: [{ rule: 'r', approval: 'block', riskLevel: 'critical' }],
    });
  });

  it('does not record an observing rule that agrees', () => {
    const text = `${ONE}mode: observe, approval: auto, risk_level: low}\n- {name: next, approval: auto, risk_level: low}`;
    expect(decisionOf(text, actionOf({})).observed).toEqual([]);
  });

  it('records an error of an observing rule as the block that it would be', () => {
    const text = `${ONE}mode: observe, conditions: {param_gt: {n: 1}}, approval: auto}\n- {name: next, approval: auto}`;
    expect(decisionOf(text, actionOf({ params: { n: 'x' } }))).toMatchObject({
      approval: 'auto',
      observed: [{ rule: 'r', approval: 'block' }],
    });
  });

  it('observes with all rules of a file in mode observe, except those that enforce; the defaults still decide', () => {
    const text =
      'mode: observe\ndefaults: {approval: auto}\nrules:\n- {name: a, approval: block}\n- {name: b, match: {type: y}, mode: enforce, approval: block}\n';
    expect(decisionOf(text, actionOf({ type: 'x' }))).toMatchObject({
      approval: 'auto',
      rule: '<default>',
      observed: [{ rule: 'a' }],
    });
    expect(decisionOf(text, actionOf({ type: 'y' }))).toMatchObject({ approval: 'block', rule: 'b' });
  });

  it('bounds what observing rules add', () => {
    const rules = Array.from({ length: 100 }, (_, index) => `- {name: o${index}, mode: observe, approval: block}`);
    const text = `defaults: {approval: auto}\nrules:\n${rules.join('\n')}\n`;
    expect(decisionOf(text, actionOf({})).observed).toHaveLength(16);
  });

  it('compares an action without an agent as the text *', () => {
    const agent = (glob: string): string =>
      `rules: [{name: r, match: {agent: ${JSON.stringify(glob)}}, approval: auto}]`;
    const matches = (glob: string, agentId: string): boolean =>
      decisionOf(agent(glob), actionOf({ agentId })).rule === 'r';
    expect(['*', '**', '?', '[*]', '', 'intern-*'].map((glob) => matches(glob, ''))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(matches('intern-*', 'intern-7')).toBe(true);
  });

  it('blocks everything without rules and defaults', () => {
    expect(decisionOf('', actionOf({}), contextAt())).toMatchObject({
      approval: 'block',
      riskLevel: 'medium',
      rule: '<default>',
      reason: { kind: 'default' },
    });
  });
});
