import type { Action } from '../model/action.ts';
import type { Decision, ObservedDecision } from '../model/decision.ts';
import { Facts, testCondition, type Answer } from './condition.ts';
import type { EvaluationContext } from './context.ts';
import { DEFAULT_RULE, type PolicyDefaults, type Rule } from './policy.ts';
import { RuleIndex } from './rule-index.ts';

/** What observing rules add to a record is bounded: a policy may have thousands of them. */
const MAX_OBSERVED = 16;

/** Rules in their order, with the index that finds them, and what is decided when none matches. */
export interface RuleSet {
  readonly rules: readonly Rule[];
  readonly index: RuleIndex;
  readonly defaults: PolicyDefaults;
}

/** Indexes rules, once for each loading of a policy. */
export function compileRules(rules: readonly Rule[], defaults: PolicyDefaults): RuleSet {
  return { rules, index: new RuleIndex(rules), defaults };
}

/**
 * Decides one action: the first rule that matches wins, then the defaults. A condition that cannot be answered makes
 * its rule block. Rules that observe are recorded and passed. Never throws, and reads nothing but its arguments.
 */
export function evaluate(set: RuleSet, action: Action, context: EvaluationContext): Decision {
  const facts = new Facts(action, context);
  const observed: ObservedDecision[] = [];
  const candidates = set.index.candidates(action.type, action.target, facts.agent);
  for (let order = candidates.next(); order >= 0; order = candidates.next()) {
    const rule = set.rules[order];
    if (rule === undefined || !globsMatch(rule, facts)) continue;
    const answer = testConditions(rule, facts);
    if (answer === false) continue;
    const decision = decisionOf(rule, answer);
    if (rule.mode === 'enforce') return withObserved(decision, observed);
    if (observed.length < MAX_OBSERVED) observed.push(observedOf(decision));
  }
  return withObserved(defaultDecision(set.defaults), observed);
}

/** Whether the rule's globs match; `*` as an agent is not compared. */
export function globsMatch(rule: Rule, facts: Facts): boolean {
  const { type, target, agent } = rule.match;
  return type.matches(facts.action.type) && target.matches(facts.action.target) && agent.matches(facts.agent);
}

/** True when all conditions hold; the first that does not ends it, and nothing behind it is looked at. */
export function testConditions(rule: Rule, facts: Facts): Answer {
  for (const condition of rule.conditions) {
    const answer = testCondition(condition, facts, rule.onMissing);
    if (answer !== true) return answer;
  }
  return true;
}

function decisionOf(rule: Rule, answer: Exclude<Answer, false>): Decision {
  const { riskLevel, terms, name } = rule;
  if (answer === true) {
    return { approval: rule.approval, riskLevel, rule: name, reason: { kind: 'rule' }, terms, observed: [] };
  }
  return { approval: 'block', riskLevel, rule: name, reason: answer, terms, observed: [] };
}

function defaultDecision(defaults: PolicyDefaults): Decision {
  const { approval, riskLevel, terms } = defaults;
  return { approval, riskLevel, rule: DEFAULT_RULE, reason: { kind: 'default' }, terms, observed: [] };
}

function observedOf(decision: Decision): ObservedDecision {
  return { rule: decision.rule, approval: decision.approval, riskLevel: decision.riskLevel };
}

/** Keeps those observing rules that would have decided otherwise. */
function withObserved(decision: Decision, observed: readonly ObservedDecision[]): Decision {
  if (observed.length === 0) return decision;
  const other = observed.filter(
    ({ approval, riskLevel }) => approval !== decision.approval || riskLevel !== decision.riskLevel,
  );
  return { ...decision, observed: other };
}
