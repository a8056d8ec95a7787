import { describe, expect, it } from 'vitest';
import { RuleIndex } from '../../../src/policy/rule-index.ts';
import { policyOf } from '../../support/policies.ts';

function found(matches: readonly string[], type: string, target: string, agent: string = '*'): readonly number[] {
  const policy = policyOf(`rules:\n${matches.map((match) => `- {match: {${match}}}`).join('\n')}\n`);
  const candidates = new RuleIndex(policy.rules).candidates(type, target, agent);
  const orders: number[] = [];
  for (let order = candidates.next(); order >= 0; order = candidates.next()) orders.push(order);
  return orders;
}

describe('the index of rules', () => {
  it('finds the rules that may match, in their order', () => {
    const matches = [
      'type: "*"',
      'type: read',
      'type: "re*"',
      'type: write',
      'type: "*ad"',
      'target: t',
      'type: "r?ad"',
    ];
    expect(found(matches, 'read', 'x')).toEqual([0, 1, 2, 4, 6]);
    expect(found(matches, 'read', 't')).toEqual([0, 1, 2, 4, 5, 6]);
  });

  it('looks at target and agent where types do not tell rules apart', () => {
    const matches = ['target: a', 'target: b', 'target: "*.com"', 'target: "*prod*"', 'agent: bot', 'agent: "*"'];
    expect(found(matches, 'x', 'b')).toEqual([1, 5]);
    expect(found(matches, 'x', 'a.com', 'bot')).toEqual([2, 4, 5]);
    expect(found(matches, 'x', 'my-prod-db')).toEqual([3, 5]);
  });

  it('does not visit a rule twice whose text occurs twice', () => {
    expect(found(['target: "*abc*"'], 'x', 'abcabc')).toEqual([0]);
  });

  it('visits a handful of 10,000 rules', () => {
    const matches = Array.from(
      { length: 10_000 },
      (_, index) =>
        [
          `type: t${index}`,
          `type: "t${index}_*"`,
          `target: "*.h${index}.com"`,
          `agent: a${index}`,
          `target: "*-${index}-x*"`,
        ][index % 5] ?? '',
    );
    expect(found(matches, 't5000', 'www.h4002.com', 'a9003')).toEqual([4002, 5000, 9003]);
  });
});
