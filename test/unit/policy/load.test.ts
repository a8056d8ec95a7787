import { describe, expect, it } from 'vitest';
import { formatMistake } from '../../../src/document/mistake.ts';
import { loadPolicy } from '../../../src/policy/load.ts';
import { mistakesOf, policyOf } from '../../support/policies.ts';

function rule(body: string): string {
  return `rules:\n- {${body}}\n`;
}

function conditions(body: string): string {
  return rule(`match: {type: x}, conditions: {${body}}, approval: block`);
}

describe('loading a policy', () => {
  it('reports every mistake of a file at once, in the order of the file', () => {
    const text = [
      'defaults: {approval: Auto, risk: low}',
      'rulez: []',
      'rules:',
      '- name: a',
      '  match: {type: [read, write], targett: x}',
      '  risk_level: severe',
      '- name: a',
      '  conditions:',
      '    param_greater: {n: 1}',
      '    time_after: "25:00"',
      '    param_matches: {s: "("}',
      '    param_eq: {on: 1}',
    ].join('\n');
    expect(mistakesOf(text)).toEqual([
      'policy.yaml:1:22: defaults.approval: found "Auto"; expected one of auto, approve, block; did you mean "auto"?',
      'policy.yaml:1:28: defaults.risk: unknown key "risk"; did you mean "risk_level"?',
      'policy.yaml:2:1: rulez: unknown key "rulez"; did you mean "rules"?',
      'policy.yaml:5:17: rules[0].match.type: found a list; expected text: one glob, such as read*',
      'policy.yaml:5:32: rules[0].match.targett: unknown key "targett"; did you mean "target"?',
      'policy.yaml:6:15: rules[0].risk_level: found "severe"; expected one of low, medium, high, critical',
      'policy.yaml:7:9: rules[1].name: the name "a" is used by the rule in line 4; expected another name',
      'policy.yaml:9:5: rules[1].conditions.param_greater: unknown operator "param_greater"; expected one of time_after, time_before, weekdays, param_eq, param_gt, param_lt, param_gte, param_lte, param_contains, param_matches, semantic, when, timezone',
      'policy.yaml:10:17: rules[1].conditions.time_after: found "25:00"; expected a time from "00:00" to "23:59"',
      'policy.yaml:11:24: rules[1].conditions.param_matches.s: not a regular expression: a group ( is not ended by )',
      'policy.yaml:12:16: rules[1].conditions.param_eq[True]: the parameter name True is not text; expected it in quotes',
    ]);
  });

  it.each([
    [
      '- a\n',
      'policy.yaml:1:1: found a list; expected a mapping with the keys of a policy (version, defaults, rules, ...)',
    ],
    ['version: "1.0"\n', 'version: found "1.0"; expected a whole number or text of one, such as "1"'],
    ['version: null\n', 'version: found null'],
    ['rules: text\n', 'rules: found "text"; expected a list of rules'],
    ['rules: [x]\n', 'rules[0]: found "x"; expected a rule'],
    [rule('match: null'), 'rules[0].match: found null'],
    [rule('match: {type: 5}'), 'rules[0].match.type: found the number 5'],
    [rule('match: {type: on}'), 'rules[0].match.type: found the boolean true (quote it where text is meant)'],
    [rule('name: [a]'), 'rules[0].name: found a list; expected text'],
    [rule('approval: {approvers: 0}'), 'expected a whole number from 1 to 16'],
    [rule('approval: {ttl: soon}'), 'expected a duration of 5s to 7d'],
    [rule('approval: {for: 10m}'), 'for has no meaning with scope once'],
    [rule('approval: {wait: 10m, ttl: 5m}'), 'the connection is held longer than the request lives'],
    [rule('approval: {scop: once}'), 'unknown key "scop"; did you mean "scope"?'],
    [rule('mode: watch'), 'rules[0].mode: found "watch"; expected one of enforce, observe'],
    [rule('on_missing: deny'), 'rules[0].on_missing: found "deny"; expected one of skip, block'],
    ['mode: off\n', 'mode: found the boolean false'],
    ['session: 5\n', 'session: found the number 5; expected a duration of 1s to 1d'],
    ['session: 2d\n', 'session: found "2d"'],
    ['enforcement: strong\n', 'expected one of cooperative, fenced, captured'],
    [
      'timezone: Europe/Berln\n',
      'is not a time zone; expected an IANA name such as Europe/Berlin or UTC; did you mean "Europe/Berlin"?',
    ],
    ['timezone: "+01:00"\n', 'is not a time zone'],
    [conditions('timezone: Mars/Olympus'), 'conditions.timezone: "Mars/Olympus" is not a time zone'],
    [rule('conditions: [a]'), 'rules[0].conditions: found a list; expected a mapping of operators'],
    [conditions('param_eq: null'), 'param_eq: found null; expected a mapping of parameter names'],
    [conditions('param_gt: [v]'), 'param_gt: found a list'],
    [conditions('time_after: noon'), 'expected a time from "00:00" to "23:59"'],
    [conditions('time_after: 1080'), 'found the number 1080'],
    [conditions('time_after: 9'), 'found the number 9'],
    [conditions('weekdays: 5'), 'expected a list of weekdays from 1 (Monday) to 7 (Sunday)'],
    [conditions('weekdays: [true]'), 'weekdays[0]: found the boolean true'],
    [conditions('weekdays: ["5"]'), 'weekdays[0]: found "5"'],
    [conditions('semantic: true'), 'semantic: found the boolean true'],
    [conditions('when: 5'), 'expected text: a CEL expression'],
    [conditions('when: action.typ == "x"'), 'No such key: typ (line 1, column 8 of the expression)'],
    [conditions('param_matches: {s: "a(?=b)"}'), 'a lookahead (?=, which cannot be searched in linear time'],
    [conditions('param_matches: {s: [2026-01-01]}'), 'a date inside a list or mapping is no pattern'],
    [
      'plan_rules: {sequence_patterns: [{steps: null}]}\n',
      'steps: found null; expected a list of globs of action types',
    ],
    ['plan_rules: {sequence_patterns: [{steps: [a, b], window: x}]}\n', 'window: found "x"; expected a whole number'],
    ['plan_rules: {sequence_patterns: [{step: [a, b]}]}\n', 'unknown key "step"; did you mean "steps"?'],
    ['plan_rules: {cumulative: {}}\n', 'unknown key "cumulative"; did you mean "cumulative_risk"?'],
    ['a: 1\na: 2\n', 'policy.yaml:2:1: a: the key "a" is written a second time'],
    ['1: x\n', 'the key 1 is not text'],
  ])('refuses %j', (text, message) => {
    expect(mistakesOf(text).join('\n')).toContain(message);
  });

  it('takes what Aegis takes for nothing as nothing', () => {
    for (const empty of [
      '',
      '---',
      'null',
      '{}',
      '# only a comment\n',
      'rules: false',
      'rules: 0',
      'rules: ""',
      'rules: {}',
      'defaults: []',
    ]) {
      expect(policyOf(empty)).toMatchObject({ rules: [], defaults: { approval: 'block', riskLevel: 'medium' } });
    }
  });

  it('lets an unknown top-level key pass when its value carries an anchor', () => {
    const policy = policyOf('common: &c {approval: auto}\nrules:\n- {<<: *c, match: {type: x}}\n');
    expect(policy.rules).toMatchObject([{ name: 'rule_0', approval: 'auto' }]);
    expect(mistakesOf('common: {approval: auto}\n')).toHaveLength(1);
  });

  it('names rules as decisions name them', () => {
    const text =
      'rules:\n- {name: a}\n- {match: {type: x}}\n- {name: "", match: {type: r*, target: t}}\n- {name: 404}\n- {name: null}\n';
    expect(policyOf(text).rules.map((each) => [each.name, each.writtenName])).toEqual([
      ['a', 'a'],
      ['rule_1', null],
      ['r*@t', null],
      ['404', '404'],
      ['*@*', null],
    ]);
  });

  it('reads the long form of an approval', () => {
    const text =
      'defaults: {approval: {ttl: 1h}}\nrules:\n- approval: {approvers: 2, ttl: 15m, wait: 30s, scope: action, for: 10m}\n';
    const policy = policyOf(text);
    expect(policy.defaults).toMatchObject({ approval: 'approve', terms: { approvers: 1, ttlMs: 3_600_000 } });
    expect(policy.rules[0]).toMatchObject({
      approval: 'approve',
      terms: { approvers: 2, ttlMs: 900_000, waitMs: 30_000, scope: 'action', forMs: 600_000 },
    });
  });

  it('says which defaults the file gives itself', () => {
    expect(policyOf('rules: []').defaults.given).toEqual({ riskLevel: false, approval: false });
    expect(policyOf('defaults: {approval: auto}').defaults.given).toEqual({ riskLevel: false, approval: true });
  });

  it('gives a file a digest of its text', () => {
    const abc = policyOf('# abc\n');
    expect(abc.digest).toMatch(/^[0-9a-f]{64}$/u);
    expect(policyOf('# abc\n').digest).toBe(abc.digest);
    expect(policyOf('# abd\n').digest).not.toBe(abc.digest);
  });

  it('reports a rule without a place for what is not there at the mapping that lacks it', () => {
    const loaded = loadPolicy('plan_rules: {sequence_patterns: {}}', 'p.yaml');
    const lines = loaded.ok ? [] : loaded.mistakes.map(formatMistake);
    expect(lines).toEqual(['p.yaml:1:33: plan_rules.sequence_patterns: found a mapping; expected a list of patterns']);
  });
});
