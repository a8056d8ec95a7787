import { describe, expect, it } from 'vitest';
import type { Actions } from '../../../src/model/action.ts';
import type { RiskLevel } from '../../../src/model/decision.ts';
import type { SessionStep } from '../../../src/model/ports.ts';
import { createPolicySet, decide, type PolicySet } from '../../../src/policy/policy-set.ts';
import { actionOf, contextAt, policyOf } from '../../support/policies.ts';

const NOON = contextAt();

function actions(...types: readonly [string, ...string[]]): Actions {
  const [first, ...others] = types;
  return [actionOf({ type: first }), ...others.map((type) => actionOf({ type }))];
}

function setOf(overlays: readonly string[], baseline: string | null = null): PolicySet {
  const files = overlays.map((text, index) => policyOf(text, `overlay-${index}.yaml`));
  return createPolicySet(baseline === null ? null : policyOf(baseline, 'baseline.yaml'), files);
}

function stepAt(minutesAgo: number, type: string, riskLevel: RiskLevel = 'low'): SessionStep {
  return { at: NOON.now - minutesAgo * 60_000, type, riskLevel };
}

function decisionFor(set: PolicySet, type: string) {
  return decide(set, actions(type), NOON, []).decision;
}

describe('a policy set', () => {
  it('blocks everything without a file', () => {
    expect(decisionFor(createPolicySet(null, []), 'read')).toMatchObject({
      approval: 'block',
      riskLevel: 'critical',
      rule: '<no-policy-configured>',
      reason: { kind: 'no-policy' },
    });
  });

  it('merges overlays as Aegis does: the first file wins', () => {
    const set = setOf([
      'rules: [{name: a, match: {type: read}, approval: auto}]',
      'rules: [{name: b, match: {type: "*"}, approval: block}]',
    ]);
    expect(decisionFor(set, 'read')).toMatchObject({ approval: 'auto', rule: 'a' });
    expect(decisionFor(set, 'write')).toMatchObject({ approval: 'block', rule: 'b' });
  });

  describe('with a baseline', () => {
    const baseline = [
      'defaults: {approval: approve, risk_level: high}',
      'rules:',
      '- {name: no_delete, match: {type: "delete*"}, approval: block, risk_level: critical}',
      '- {name: no_big, match: {type: pay}, conditions: {param_gt: {n: 100}}, approval: block}',
      '- {name: ask, match: {type: write}, approval: approve}',
      '- {name: fine, match: {type: read}, approval: auto}',
    ].join('\n');

    it('keeps a block by a rule of the baseline whatever the overlays say', () => {
      const set = setOf(['defaults: {approval: auto}\nrules: [{name: all, approval: auto}]'], baseline);
      expect(decisionFor(set, 'delete_user')).toMatchObject({ approval: 'block', rule: 'no_delete' });
    });

    it('keeps a block by an error in a rule of the baseline', () => {
      const set = setOf(['rules: [{name: all, approval: auto}]'], baseline);
      const pay: Actions = [actionOf({ type: 'pay', params: { n: 'lots' } })];
      expect(decide(set, pay, NOON, []).decision).toMatchObject({ approval: 'block', rule: 'no_big' });
    });

    it('lets overlays tighten, and loosen what is no block', () => {
      const set = setOf(
        [
          'rules: [{name: no_read, match: {type: read}, approval: block}, {name: w, match: {type: write}, approval: auto}]',
        ],
        baseline,
      );
      expect(decisionFor(set, 'read')).toMatchObject({ approval: 'block', rule: 'no_read' });
      expect(decisionFor(set, 'write')).toMatchObject({ approval: 'auto', rule: 'w' });
    });

    it('falls back to the rules and then the defaults of the baseline where overlays are silent', () => {
      const set = setOf(['rules: [{name: x, match: {type: x}, approval: auto}]'], baseline);
      expect(decisionFor(set, 'read')).toMatchObject({ approval: 'auto', rule: 'fine' });
      expect(decisionFor(set, 'other')).toMatchObject({ approval: 'approve', riskLevel: 'high', rule: '<default>' });
    });

    it('takes each default from the overlay where it gives it', () => {
      const set = setOf(['defaults: {approval: auto}\nrules: []'], baseline);
      expect(decisionFor(set, 'other')).toMatchObject({ approval: 'auto', riskLevel: 'high' });
    });

    it('decides by the baseline alone when there is no overlay', () => {
      const set = setOf([], baseline);
      expect(decisionFor(set, 'read')).toMatchObject({ approval: 'auto', rule: 'fine' });
      expect(decisionFor(set, 'delete')).toMatchObject({ approval: 'block', rule: 'no_delete' });
    });

    it('does not enforce the block of a rule that observes', () => {
      const set = setOf(['rules: [{name: all, approval: auto}]'], 'mode: observe\nrules: [{name: b, approval: block}]');
      expect(decisionFor(set, 'x')).toMatchObject({ approval: 'auto', rule: 'all' });
    });
  });

  it('has a digest over all texts, their order and their part', () => {
    const [a, b] = ['rules: []', 'rules: []\n'];
    const digests = [setOf([a, b]), setOf([b, a]), setOf([a]), setOf([b], a), setOf([], a), setOf([])].map(
      (set) => set.digest,
    );
    expect(new Set(digests).size).toBe(digests.length);
    expect(setOf([a, b]).digest).toBe(digests[0]);
  });

  it('blocks when the enforcement that a file demands is not there', () => {
    const set = setOf(['defaults: {approval: auto}\nenforcement: fenced', 'enforcement: captured']);
    const at = (enforcement: 'cooperative' | 'fenced' | 'captured') =>
      decide(set, actions('x'), contextAt(undefined, { enforcement }), []).decision;
    expect(at('captured')).toMatchObject({ approval: 'auto' });
    expect(at('fenced')).toMatchObject({
      approval: 'block',
      rule: '<enforcement>',
      reason: { kind: 'enforcement', required: 'captured', found: 'fenced' },
    });
  });

  describe('for several actions', () => {
    const text = [
      'rules:',
      '- {name: r, match: {type: read}, approval: auto, risk_level: low}',
      '- {name: w, match: {type: write}, approval: {approvers: 2, ttl: 30m, scope: action, for: 10m}, risk_level: medium}',
      '- {name: s, match: {type: send}, approval: {ttl: 5m}, risk_level: high}',
      '- {name: d, match: {type: drop}, approval: block, risk_level: medium}',
    ].join('\n');

    it('decides the strictest, keeps every decision, and takes the highest risk', () => {
      const verdict = decide(setOf([text]), actions('read', 'write', 'drop', 'send'), NOON, []);
      expect(verdict.decision).toMatchObject({ approval: 'block', rule: 'd', riskLevel: 'high' });
      expect(verdict.decisions.map((decision) => decision.rule)).toEqual(['r', 'w', 'd', 's']);
    });

    it('asks with terms that satisfy every rule that asks', () => {
      const { decision } = decide(setOf([text]), actions('write', 'send'), NOON, []);
      expect(decision).toMatchObject({ approval: 'approve', rule: 's' });
      expect(decision.terms).toEqual({ approvers: 2, scope: 'once', ttlMs: 300_000, waitMs: null, forMs: 600_000 });
    });
  });

  describe('with plan rules', () => {
    const text = [
      'defaults: {approval: auto, risk_level: low}',
      'plan_rules:',
      '  sequence_patterns: [{name: exfil, steps: ["read_*", "send_*"], approval: block, description: data leaves}]',
    ].join('\n');

    it('finds a sequence in the actions of one request', () => {
      const verdict = decide(setOf([text]), actions('read_file', 'x', 'send_mail'), NOON, []);
      expect(verdict.decision).toMatchObject({
        approval: 'block',
        riskLevel: 'critical',
        rule: 'exfil',
        reason: { kind: 'plan', violation: 'exfil', description: 'data leaves' },
      });
      expect(verdict.violations).toEqual([
        { rule: 'exfil', approval: 'block', riskLevel: 'critical', description: 'data leaves', actions: 2 },
      ]);
      expect(verdict.decisions.map((decision) => decision.approval)).toEqual(['auto', 'auto', 'auto']);
    });

    it('finds a sequence that began in an earlier request of the session', () => {
      const set = setOf([text]);
      expect(decide(set, actions('send_mail'), NOON, [stepAt(5, 'read_file')]).decision.approval).toBe('block');
      expect(decide(set, actions('send_mail'), NOON, [stepAt(16, 'read_file')]).decision.approval).toBe('auto');
      expect(decide(set, actions('send_mail'), NOON, []).decision.approval).toBe('auto');
    });

    it('does not block what comes after a sequence that was complete before', () => {
      const history = [stepAt(5, 'read_file'), stepAt(4, 'send_mail')];
      expect(decide(setOf([text]), actions('x'), NOON, history).decision.approval).toBe('auto');
      expect(decide(setOf([text]), actions('send_mail'), NOON, history).decision.approval).toBe('block');
    });

    it('looks back as far as session says, and as the furthest file when there are several', () => {
      const long = setOf([`${text}\nsession: 1h`, 'session: 5m']);
      expect(long.sessionMs).toBe(3_600_000);
      expect(decide(long, actions('send_mail'), NOON, [stepAt(59, 'read_file')]).decision.approval).toBe('block');
      expect(decide(long, actions('send_mail'), NOON, [stepAt(61, 'read_file')]).decision.approval).toBe('auto');
    });

    it.each([
      [2, ['a', 'b'], true],
      [2, ['a', 'x', 'b'], false],
      [3, ['a', 'x', 'b'], true],
      [3, ['a', 'a', 'x', 'b'], true],
      [0, ['a', 'x', 'x', 'x', 'b'], true],
      [-1, ['a', 'x', 'x', 'x', 'b'], true],
      [3, ['b', 'a'], false],
    ] as const)('a window of %i over %j: %j', (window, types, violated) => {
      const set = setOf([
        `defaults: {approval: auto}\nplan_rules: {sequence_patterns: [{name: p, steps: [a, b], window: ${window}}]}`,
      ]);
      const [first, ...others] = types;
      expect(decide(set, actions(first, ...others), NOON, []).violations).toHaveLength(violated ? 1 : 0);
    });

    it('sums the risk of the session, and names the limit', () => {
      const limit =
        'defaults: {approval: auto, risk_level: high}\nplan_rules: {cumulative_risk: {max_total_risk: 6, on_exceed: approve}}';
      const set = setOf([limit]);
      expect(decide(set, actions('x', 'x'), NOON, []).violations).toEqual([]);
      const verdict = decide(set, actions('x', 'x'), NOON, [stepAt(1, 'y', 'low')]);
      expect(verdict.violations).toEqual([
        {
          rule: 'cumulative_risk',
          approval: 'approve',
          riskLevel: 'critical',
          description: 'cumulative risk 7 exceeds the limit 6',
          actions: 3,
        },
      ]);
      expect(verdict.decision).toMatchObject({ approval: 'approve', rule: 'cumulative_risk' });
    });

    it('joins the patterns of several files, and keeps the lower limit', () => {
      const set = setOf([
        'plan_rules: {sequence_patterns: [{name: p, steps: [a, b]}], cumulative_risk: {max_total_risk: 9}}',
        'plan_rules: {sequence_patterns: [{name: q, steps: [a, c]}], cumulative_risk: {max_total_risk: 4, name: low}}',
      ]);
      expect(set.plan.patterns.map((pattern) => pattern.name)).toEqual(['p', 'q']);
      expect(set.plan.cumulative).toMatchObject({ name: 'low', maxTotalRisk: 4 });
    });

    it('takes an unknown approval for block and an unknown risk for critical, in any letter case', () => {
      const set = setOf([
        'plan_rules: {sequence_patterns: [{steps: [a, b], approval: nope, risk_level: nope}, {steps: [a, b], approval: AUTO, risk_level: Low, window: "3"}]}',
      ]);
      expect(set.plan.patterns).toMatchObject([
        { approval: 'block', riskLevel: 'critical' },
        { approval: 'auto', riskLevel: 'low', window: 3 },
      ]);
    });
  });
});
