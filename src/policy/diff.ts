import { APPROVAL_SCOPES, APPROVALS, describeDecision, RISK_LEVELS, type Decision } from '../model/decision.ts';
import type { Actions } from '../model/action.ts';
import type { SessionStep } from '../model/ports.ts';
import type { EvaluationContext } from './context.ts';
import { makeProbes } from './diff-probes.ts';
import { diffRules, type RuleDiff } from './diff-rules.ts';
import { sampleOf } from './lint-globs.ts';
import type { PolicyFile } from './policy.ts';
import { createPolicySet, decide } from './policy-set.ts';
import type { TestCase } from './test-file.ts';

/** Which way a decision went: `risk` where only the level of risk is another. */
export type Direction = 'loosened' | 'tightened' | 'risk';

/** Decisions that changed alike: the same rules, the same change. One action stands for all of them. */
export interface DecisionChange {
  readonly direction: Direction;
  readonly old: Decision;
  readonly new: Decision;
  readonly example: Asked;
  /** How many of what was asked changed so. */
  readonly count: number;
}

/** What was decided, by both policies. */
export interface Asked {
  /** The name of the test case; null for a probe. */
  readonly name: string | null;
  readonly actions: Actions;
  readonly context: EvaluationContext;
  readonly history: readonly SessionStep[];
}

/** How two policies differ in their text and in what they decide. */
export interface PolicyDiff {
  readonly rules: RuleDiff;
  /** Loosened before tightened, those before risk. */
  readonly decisions: readonly DecisionChange[];
  readonly asked: number;
  /** True when not all probes were made, since there were too many. */
  readonly truncated: boolean;
}

/**
 * Compares two policies. Decisions are compared on actions made up around everything that both files look at, and on
 * the given cases: what no probe hits can differ unseen, so that no change found is no proof that there is none.
 */
export function diffPolicies(older: PolicyFile, newer: PolicyFile, cases: readonly TestCase[]): PolicyDiff {
  const [left, right] = [createPolicySet(null, [older]), createPolicySet(null, [newer])];
  const { probes, truncated } = makeProbes(older, newer);
  const asked: readonly Asked[] = [
    ...cases.map(({ name, actions, context, history }) => ({ name, actions, context, history })),
    ...probes.map(({ action, now }) => ({
      name: null,
      actions: [action] as const,
      context: contextOf(action.agentId, now),
      history: [],
    })),
    ...planProbes(older, newer),
  ];
  const groups = new Map<string, DecisionChange>();
  for (const one of asked) {
    const before = decide(left, one.actions, one.context, one.history).decision;
    const after = decide(right, one.actions, one.context, one.history).decision;
    const direction = directionOf(before, after);
    if (direction === null) continue;
    const key = [direction, ...keyOf(before), ...keyOf(after)].join('\n');
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { direction, old: before, new: after, example: one, count: 1 });
    else groups.set(key, { ...known, count: known.count + 1 });
  }
  const order: readonly Direction[] = ['loosened', 'tightened', 'risk'];
  return {
    rules: diffRules(older, newer),
    decisions: [...groups.values()].sort(
      (first, second) => order.indexOf(first.direction) - order.indexOf(second.direction),
    ),
    asked: asked.length,
    truncated,
  };
}

function keyOf({ rule, approval, riskLevel, reason }: Decision): readonly string[] {
  return [rule, approval, riskLevel, reason.kind];
}

/** Null when nothing of note changed: another rule that decides the same is none. */
function directionOf(older: Decision, newer: Decision): Direction | null {
  const step = APPROVALS.indexOf(newer.approval) - APPROVALS.indexOf(older.approval) || termsStep(older, newer);
  if (step !== 0) return step < 0 ? 'loosened' : 'tightened';
  return RISK_LEVELS.indexOf(older.riskLevel) === RISK_LEVELS.indexOf(newer.riskLevel) ? null : 'risk';
}

/** Fewer approvers or a wider grant is looser; where one is looser and the other stricter, it counts as looser. */
function termsStep({ approval, terms: older }: Decision, { terms: newer }: Decision): number {
  if (approval !== 'approve') return 0;
  const approvers = Math.sign(newer.approvers - older.approvers);
  const scope = Math.sign(APPROVAL_SCOPES.indexOf(older.scope) - APPROVAL_SCOPES.indexOf(newer.scope));
  return Math.min(approvers, scope) || Math.max(approvers, scope);
}

function contextOf(agentId: string, now: number): EvaluationContext {
  const agent = { id: agentId, namespace: '', serviceAccount: '', pod: '' };
  return { now, request: null, agent, enforcement: 'captured' };
}

/** A Wednesday at noon. */
const PLAN_TIME = Date.parse('2026-03-18T12:00:00Z');

/** One request for each sequence of either policy, with an action for each of its steps. */
function planProbes(older: PolicyFile, newer: PolicyFile): readonly Asked[] {
  return [...older.plan.patterns, ...newer.plan.patterns].flatMap((pattern) => {
    const actions = pattern.steps.map((step) => ({
      type: sampleOf(step.text) ?? '',
      target: 'other',
      params: new Map(),
      description: '',
      agentId: '',
      effect: null,
      amountParam: null,
      mappedBy: null,
    }));
    const [first, ...rest] = actions;
    if (first === undefined) return [];
    const asked: Actions = [first, ...rest];
    return [{ name: null, actions: asked, context: contextOf('', PLAN_TIME), history: [] }];
  });
}

/** The sentence for a change. */
export function describeChange(change: DecisionChange): string {
  const { approval, riskLevel } = change.old;
  return `${approval} (${riskLevel}) -> ${change.new.approval} (${change.new.riskLevel}); before: ${describeDecision(change.old)}; now: ${describeDecision(change.new)}`;
}
