import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatMistake } from '../../../src/document/mistake.ts';
import { Decimal } from '../../../src/model/value.ts';
import { loadPolicy } from '../../../src/policy/load.ts';
import { createPolicySet, type PolicySet } from '../../../src/policy/policy-set.ts';
import { runTestFile, type TestReport } from '../../../src/policy/test-file-run.ts';
import { readTestFile, type TestFile } from '../../../src/policy/test-file.ts';

function read(text: string): TestFile {
  const file = readTestFile(text, 't.yaml');
  if (!file.ok) throw new Error(file.mistakes.map(formatMistake).join('\n'));
  return file.value;
}

function mistakes(text: string): readonly string[] {
  const file = readTestFile(text, 't.yaml');
  return file.ok ? [] : file.mistakes.map(formatMistake);
}

function policySet(text: string): PolicySet {
  const policy = loadPolicy(text, 'p.yaml');
  if (!policy.ok) throw new Error(policy.mistakes.map(formatMistake).join('\n'));
  return createPolicySet(null, [policy.value]);
}

function run(policy: string, cases: string): TestReport {
  return runTestFile(policySet(policy), read(cases));
}

describe('a test file', () => {
  it('is read whole, with exact numbers and everything that may be left out', () => {
    const file = read(`
policy: [a.yaml, b.yaml]
baseline: c.yaml
now: '2026-01-02T03:04:05+01:00'
agent_id: bot
cases:
  - name: one
    action: {type: pay, target: t, params: {amount: 9007199254740993, fee: 1.0, text: '1'}, description: d}
    history: [{type: b, ago: 1m, risk_level: high}, {type: a, ago: 5m}]
    agent: {namespace: ns, service_account: sa, pod: p}
    request: {method: POST, host: h, path: /x, query: {a: 1}, headers: {x: y}, body_bytes: 5}
    enforcement: cooperative
    expect: {approval: auto}
  - name: two
    actions: [{type: a}, {type: b, agent_id: other}]
    now: '2026-01-02T00:00Z'
    expect: {decisions: [{rule: x}, {rule: y}]}`);
    const [one, two] = file.cases;
    const now = Date.parse('2026-01-02T02:04:05Z');
    expect([file.policy, file.baseline]).toEqual([['a.yaml', 'b.yaml'], 'c.yaml']);
    expect(one?.actions[0]).toEqual({
      type: 'pay',
      target: 't',
      params: new Map<string, unknown>([
        ['amount', 9_007_199_254_740_993n],
        ['fee', new Decimal(1, '1')],
        ['text', '1'],
      ]),
      description: 'd',
      agentId: 'bot',
      effect: null,
      amountParam: null,
      mappedBy: null,
    });
    expect(one?.context).toEqual({
      now,
      request: {
        method: 'POST',
        scheme: 'https',
        host: 'h',
        port: 443,
        path: '/x',
        route: '',
        entry: 'forward-proxy',
        query: new Map([['a', 1n]]),
        headers: new Map([['x', 'y']]),
        contentType: '',
        bodyBytes: 5,
      },
      agent: { id: 'bot', namespace: 'ns', serviceAccount: 'sa', pod: 'p' },
      enforcement: 'cooperative',
    });
    expect(one?.history).toEqual([
      { at: now - 300_000, type: 'a', riskLevel: 'medium' },
      { at: now - 60_000, type: 'b', riskLevel: 'high' },
    ]);
    expect(two?.actions.map(({ type, agentId }) => [type, agentId])).toEqual([
      ['a', 'bot'],
      ['b', 'other'],
    ]);
    expect([two?.context.now, two?.context.request]).toEqual([Date.parse('2026-01-02T00:00:00Z'), null]);
  });

  it('has a Friday at noon in UTC for its clock when it names none', () => {
    const [only] = read('cases: [{name: a, action: {type: x}, expect: {approval: auto}}]').cases;
    expect(new Date(only?.context.now ?? 0).toISOString()).toBe('2026-03-20T12:00:00.000Z');
    expect(new Date(only?.context.now ?? 0).getUTCDay()).toBe(5);
  });

  it.each([
    ['no cases', '{}', 't.yaml:1:1: cases:'],
    ['an unknown key', 'cases: [{name: a, action: {type: x}, expects: {}}]', 'did you mean "expect"?'],
    ['no action', 'cases: [{name: a, expect: {approval: auto}}]', 'expected either action or actions'],
    [
      'an action and actions',
      'cases: [{name: a, action: {type: x}, actions: [{type: x}], expect: {approval: auto}}]',
      'expected either action or actions',
    ],
    ['nothing expected', 'cases: [{name: a, action: {type: x}, expect: {}}]', 'expects nothing'],
    [
      'a word that is none',
      'cases: [{name: a, action: {type: x}, expect: {approval: aprove}}]',
      'did you mean "approve"?',
    ],
    [
      'a time without a zone',
      "now: '2026-03-20T12:00:00'\ncases: []",
      't.yaml:1:6: now: expected a time with its zone',
    ],
    ['a time without quotes', 'now: 2026-03-20T12:00:00Z\ncases: []', 't.yaml:1:6: now: expected a time in quotes'],
    ['a day that does not exist', "now: '2026-02-31T12:00:00Z'\ncases: []", 'expected a date that exists'],
    [
      'a name twice',
      'cases:\n- {name: a, action: {type: x}, expect: {approval: auto}}\n- {name: a, action: {type: y}, expect: {approval: auto}}',
      't.yaml:3:10: cases[1].name: the name "a" was used in line 2',
    ],
    [
      'too few decisions',
      'cases: [{name: a, actions: [{type: x}, {type: y}], expect: {decisions: [{rule: r}]}}]',
      '1 decisions for 2 actions',
    ],
    [
      'a duration that is none',
      'cases: [{name: a, action: {type: x}, history: [{type: y, ago: soon}], expect: {approval: auto}}]',
      'expected a duration',
    ],
    ['broken YAML', 'cases: [', 't.yaml:1:'],
  ])('is refused with %s, at its place', (_, text, message) => {
    expect(mistakes(text).join('\n')).toContain(message);
  });
});

describe('running a test file', () => {
  const policy = `
rules:
  - {name: watch, mode: observe, match: {type: 'x*'}, approval: block}
  - {name: xs, match: {type: 'x*'}, conditions: {param_gt: {n: 1}}, approval: auto}
  - {name: ops, match: {type: get}, conditions: {when: 'request.host == "h" && agent.namespace == "ops"'}, approval: auto}
plan_rules:
  sequence_patterns: [{name: seq, steps: [x1, x2], approval: approve, risk_level: high}]
  cumulative_risk: {max_total_risk: 5}`;

  it('finds every difference and says what was found', () => {
    const report = run(
      policy,
      `cases:
  - name: all wrong
    action: {type: x1, params: {n: 2}}
    expect: {approval: block, risk_level: high, rule: y, reason: default, violations: [{rule: seq}], observed: []}
  - name: all right
    action: {type: x1, params: {n: 2}}
    expect: {approval: auto, risk_level: medium, rule: xs, reason: rule, violations: [], observed: [watch]}`,
    );
    expect(report.failed).toBe(1);
    expect(report.results[0]?.differences).toEqual([
      { what: 'approval', expected: 'block', found: 'auto' },
      { what: 'risk_level', expected: 'high', found: 'medium' },
      { what: 'rule', expected: 'y', found: 'xs' },
      { what: 'reason', expected: 'default', found: 'rule' },
      { what: 'violations', expected: 'seq', found: 'none' },
      { what: 'observed', expected: 'none', found: 'watch' },
    ]);
    expect(report.results[1]?.differences).toEqual([]);
    expect(report.results[0]?.why).toBe('rule xs says auto (risk medium)');
  });

  it('compares the decisions and violations of a plan', () => {
    const report = run(
      policy,
      `cases:
  - name: plan
    actions: [{type: x1, params: {n: 2}}, {type: x2, params: {n: '2'}}]
    expect:
      decisions: [{rule: xs, reason: rule}, {rule: xs, approval: auto, reason: evaluation-error}]
      violations: [{rule: seq, approval: block, actions: 3}]`,
    );
    expect(report.results[0]?.differences).toEqual([
      { what: 'decisions[1].approval', expected: 'auto', found: 'block' },
      { what: 'violations[0].approval', expected: 'block', found: 'approve' },
      { what: 'violations[0].actions', expected: '3', found: '2' },
    ]);
  });

  it('gives when its request and agent, and blocks where there is no request', () => {
    const report = run(
      policy,
      `cases:
  - {name: a, action: {type: get}, request: {host: h}, agent: {namespace: ops}, expect: {approval: auto, rule: ops}}
  - {name: b, action: {type: get}, agent: {namespace: ops}, expect: {approval: block, reason: evaluation-error}}`,
    );
    expect(report.results.flatMap(({ differences }) => differences)).toEqual([]);
  });

  it('counts history within the session only', () => {
    const report = run(
      `session: 10m\n${policy}`,
      `cases:
  - {name: a, action: {type: x2, params: {n: 2}}, history: [{type: x1, ago: 9m}], expect: {violations: [{rule: seq}]}}
  - {name: b, action: {type: x2, params: {n: 2}}, history: [{type: x1, ago: 11m}], expect: {violations: []}}`,
    );
    expect(report.failed).toBe(0);
  });

  it('names the rules and plan rules that no case reached, and rounds down', () => {
    const report = run(policy, 'cases: [{name: a, action: {type: x1, params: {n: 2}}, expect: {approval: auto}}]');
    const missed = report.coverage.rules.filter(({ covered }) => !covered);
    expect(missed.map(({ kind, name, position }) => `${kind} ${name} ${position.line}`)).toEqual([
      'rule ops 5',
      'plan seq 7',
      'plan cumulative_risk 8',
    ]);
    expect(report.coverage.percent).toBe(40);
  });

  it('counts a policy without rules as covered', () => {
    expect(run('', 'cases: [{name: a, action: {type: x}, expect: {rule: <default>}}]').coverage).toEqual({
      rules: [],
      percent: 100,
    });
  });
});

describe('the documentation', () => {
  const docs = join(import.meta.dirname, '../../../docs');
  const blocks = (file: string): readonly string[] =>
    [...readFileSync(join(docs, file), 'utf8').matchAll(/^```yaml\n(.*?)^```$/gmsu)].map((match) => match[1] ?? '');

  it('has examples of policies that load', () => {
    const found = blocks('policy.md');
    expect(found.length).toBeGreaterThan(8);
    for (const text of found) {
      const policy = loadPolicy(text, 'docs/policy.md');
      expect(policy.ok ? [] : policy.mistakes.map(formatMistake)).toEqual([]);
    }
  });

  it('has examples of test files that load, the first of which holds', () => {
    const found = blocks('policy-tests.md');
    expect(found.map(mistakes)).toEqual(found.map(() => []));
    const devops = readFileSync(join(docs, '../policies/devops-agent.yaml'), 'utf8');
    expect(run(devops, found[0] ?? '').failed).toBe(0);
  });

  it('names every key and operator of a policy', () => {
    const text = readFileSync(join(docs, 'policy.md'), 'utf8');
    const schema = readFileSync(join(docs, '../schemas/policy.schema.json'), 'utf8');
    for (const [, key] of schema.matchAll(/^\s+"([a-z_]+)": \{$/gmu)) {
      if (key === undefined || ['properties', 'items', 'propertyNames'].includes(key)) continue;
      expect(text.includes(key), `docs/policy.md names ${key}`).toBe(true);
    }
  });
});
