import { describe, expect, it } from 'vitest';
import { diffPolicies, type Direction } from '../../../src/policy/diff.ts';
import { makeProbes } from '../../../src/policy/diff-probes.ts';
import { diffRules } from '../../../src/policy/diff-rules.ts';
import { loadPolicy } from '../../../src/policy/load.ts';
import type { PolicyFile } from '../../../src/policy/policy.ts';

function load(text: string): PolicyFile {
  const policy = loadPolicy(text, 'p.yaml');
  if (!policy.ok) throw new Error(`the test's own policy does not load: ${JSON.stringify(policy.mistakes)}`);
  return policy.value;
}

function directions(older: string, newer: string): readonly Direction[] {
  return [...new Set(diffPolicies(load(older), load(newer), []).decisions.map(({ direction }) => direction))];
}

function rules(...names: readonly string[]): PolicyFile {
  return load(`rules: [${names.map((name) => `{name: ${name}}`).join(', ')}]`);
}

/** A policy of one rule whose default differs from it. */
function policyOf(rule: string): string {
  return `defaults: {approval: block, risk_level: low}\nrules: [${rule}]`;
}

describe('what changed in the text', () => {
  it('names rules that were added, removed and moved', () => {
    const found = diffRules(rules('a', 'b', 'c', 'd'), rules('c', 'a', 'b', 'e'));
    expect([found.added, found.removed, found.moved, found.changed]).toEqual([['e'], ['d'], ['c'], []]);
  });

  it('knows a rule without a name by its globs, whatever stands before it', () => {
    const older = load('rules: [{match: {type: a}}, {match: {type: a}}]');
    const newer = load('rules: [{match: {type: z}}, {match: {type: a}}, {match: {type: a}, approval: auto}]');
    const { added, removed, changed, moved } = diffRules(older, newer);
    expect([added, removed, moved]).toEqual([['z@*'], [], []]);
    expect(changed).toEqual([{ rule: 'a@* (2)', parts: [{ part: 'approval', old: 'approve', new: 'auto' }] }]);
  });

  it('shows every part of a rule and of the file that is written otherwise', () => {
    const older = load(`rules:
  - {name: r, match: {type: a}, conditions: {time_after: '09:00', weekdays: [5, 1]}, approval: approve}
session: 10m`);
    const newer = load(`timezone: Europe/Berlin
enforcement: fenced
rules:
  - name: r
    match: {type: b, target: t, agent: g}
    conditions: {time_after: '20:00', time_before: '06:00', weekdays: [1, 5], param_gt: {n: 1}, param_matches: {q: x}, semantic: pii, when: 'true'}
    approval: {approvers: 2, scope: target, for: 1m}
    risk_level: low
    mode: observe
    on_missing: block
plan_rules:
  sequence_patterns: [{name: s, steps: [a, b], window: 3}]
  cumulative_risk: {max_total_risk: 4}`);
    const { changed, file } = diffRules(older, newer);
    const lines = [...(changed[0]?.parts ?? []), ...file].map((part) => `${part.part}: ${part.old} -> ${part.new}`);
    expect(lines).toEqual([
      'match.type: a -> b',
      'match.target: * -> t',
      'match.agent: * -> g',
      'conditions.time_after: from 09:00 UTC -> ',
      'conditions.weekdays: 1, 5 UTC -> 1, 5 Europe/Berlin',
      'risk_level: medium -> low',
      'approval: approve -> approve (2 approvers, scope target, for 60000 ms)',
      'mode: enforce -> observe',
      'on_missing: skip -> block',
      'conditions.time_window:  -> from 20:00 over midnight to 06:00 Europe/Berlin',
      'conditions.param_gt:  -> n: 1',
      'conditions.param_matches:  -> q: x',
      'conditions.when:  -> true',
      'conditions.semantic:  -> pii',
      'timezone: UTC -> Europe/Berlin',
      'session: 600000 ms -> 900000 ms',
      'enforcement:  -> fenced',
      'plan rule s:  -> a > b within 3: block, critical',
      'cumulative_risk:  -> above 4: block',
    ]);
  });
});

describe('what changed in decisions', () => {
  it.each<readonly [string, string, string, readonly Direction[]]>([
    [
      'an hour that opens earlier',
      "{conditions: {time_after: '09:00'}}",
      "{conditions: {time_after: '08:00'}}",
      ['loosened'],
    ],
    [
      'a weekend that opens',
      '{conditions: {weekdays: [1, 2, 3, 4, 5]}}',
      '{conditions: {weekdays: [1, 2, 3, 4, 5, 6]}}',
      ['loosened'],
    ],
    [
      'a zone that shifts the hours',
      "{conditions: {time_after: '09:00', timezone: UTC}}",
      "{conditions: {time_after: '09:00', timezone: Asia/Tokyo}}",
      ['loosened', 'tightened'],
    ],
    ['a glob that became wider', '{match: {type: read}}', "{match: {type: 'read*'}}", ['loosened']],
    ['a target that became narrower', "{match: {target: '*'}}", "{match: {target: 'dev*'}}", ['tightened']],
    ['a rule for one agent only', '{match: {agent: bot-1}}', "{match: {agent: 'bot-*'}}", ['loosened']],
    [
      'a missing parameter that no longer blocks',
      '{on_missing: block, conditions: {param_gt: {n: 1}}}',
      '{conditions: {param_gt: {n: 1}}}',
      ['risk'],
    ],
    [
      'an expression',
      '{conditions: {when: \'action.params.env == "dev"\'}}',
      '{conditions: {when: \'action.params.env != "prod"\'}}',
      ['loosened'],
    ],
    [
      'a pattern that asks for less',
      '{conditions: {param_matches: {q: "^ab$"}}}',
      '{conditions: {param_matches: {q: "^a"}}}',
      ['loosened'],
    ],
    ['fewer approvers', '{approval: {approvers: 2}}', '{approval: approve}', ['loosened']],
    ['a wider scope', '{approval: {scope: once}}', '{approval: {scope: target}}', ['loosened']],
    ['more approvers', '{approval: approve}', '{approval: {approvers: 2}}', ['tightened']],
    [
      'a rule that is only observed',
      '{approval: block, match: {type: x}}',
      '{approval: block, mode: observe, match: {type: x}}',
      ['risk'],
    ],
    ['another name', '{name: a}', '{name: b}', []],
  ])('%s', (_, older, newer, expected) => {
    expect(directions(policyOf(older), policyOf(newer))).toEqual(expected);
  });

  it('a sequence that is no longer blocked', () => {
    const rule = 'rules: [{match: {type: "*"}}]\n';
    expect(directions(`${rule}plan_rules: {sequence_patterns: [{name: s, steps: ['read_*', send]}]}`, rule)).toEqual([
      'loosened',
    ]);
  });

  it('a letter case that a block forgets', () => {
    const older = "defaults: {approval: approve}\nrules: [{match: {type: '[dD][eE][lL]'}, approval: block}]";
    const newer = 'defaults: {approval: approve}\nrules: [{match: {type: del}, approval: block}]';
    expect(directions(older, newer)).toContain('loosened');
  });

  it('keeps its probes bounded, and says so, for a policy of a thousand rules', () => {
    const many = Array.from(
      { length: 1_000 },
      (_, index) =>
        `  - {name: r${index}, match: {type: t${index}, target: 'x${index}*'}, conditions: {param_gt: {n: ${index}, m: 3}, time_after: '08:00'}}`,
    );
    const policy = load(`rules:\n${many.join('\n')}\n`);
    const { probes, truncated } = makeProbes(policy, policy);
    expect([probes.length <= 20_000, truncated]).toEqual([true, true]);
  });
});
