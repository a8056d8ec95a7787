import { finding, type Check, type LintSubject } from './lint-finding.ts';
import { letsPass, matchCovers, matchesMeet, shadows, testedParams } from './lint-overlap.ts';
import { isTimeCondition, timesCover, timesOf, unionOf } from './lint-time.ts';
import type { PolicyFile, Rule } from './policy.ts';

/** A rule that no action gets to, since earlier rules decide first. */
export const unreachableRule: Check = (subject, rule) => {
  const earlier = subject.policy.rules.slice(0, rule.index);
  const shadow = earlier.find((other) => shadows(other, rule));
  if (shadow !== undefined) {
    const message = `rule ${shadow.name} (line ${shadow.position.line}) decides first whatever gets here; move this rule above it, or remove it`;
    return [finding(subject, 'unreachable-rule', rule, { message })];
  }
  const names = shadowedByTimes(earlier, rule);
  if (names === null) return [];
  const message = `rules ${names.join(', ')} together decide at every time of the week at which this rule could; move it above them, or remove it`;
  return [finding(subject, 'unreachable-rule', rule, { message })];
};

/** The rules that only look at the clock and together leave the rule no minute; null when they do not. */
function shadowedByTimes(earlier: readonly Rule[], rule: Rule): readonly string[] | null {
  const parts = earlier.flatMap((other) => {
    const onlyClock = other.mode === 'enforce' && other.conditions.every(isTimeCondition);
    const times = onlyClock && matchCovers(other, rule) ? timesOf(other) : null;
    return times === null || times.zone === '' ? [] : [{ other, times }];
  });
  const zone = parts[0]?.times.zone;
  const sameZone = parts.filter(({ times }) => times.zone === zone);
  const own = timesOf(rule);
  if (sameZone.length < 2 || own === null) return null;
  const union = unionOf(sameZone.map(({ times }) => times));
  const always = own.zone === '' ? union.minutes.every((minute) => minute === 1) : timesCover(union, own);
  return always ? sameZone.map(({ other }) => other.name) : null;
}

/** A rule that changes nothing: the default says the same, and no later rule would have said otherwise. */
export const equalsDefault: Check = (subject, rule) => {
  const { defaults, rules } = subject.policy;
  if (rule.mode === 'observe' || rule.onMissing === 'block') return [];
  if (rule.approval !== defaults.approval || rule.riskLevel !== defaults.riskLevel) return [];
  if (JSON.stringify(rule.terms) !== JSON.stringify(defaults.terms)) return [];
  const later = rules.slice(rule.index + 1);
  const changes = later.some((other) => !sameOutcome(other, rule) && matchesMeet(other, rule));
  if (changes) return [];
  const message = `this rule decides ${rule.approval}, risk ${rule.riskLevel}, as the defaults do, and no later rule would decide otherwise; give it a level of its own, or remove it`;
  return [finding(subject, 'equals-default', rule, { message })];
};

function sameOutcome(left: Rule, right: Rule): boolean {
  return (
    left.mode === right.mode &&
    left.onMissing === right.onMissing &&
    left.approval === right.approval &&
    left.riskLevel === right.riskLevel &&
    JSON.stringify(left.terms) === JSON.stringify(right.terms)
  );
}

/** A block by parameter that an action gets round by leaving the parameter out. */
export const missingParamDisablesBlock: Check = (subject, rule) => {
  if (rule.approval !== 'block' || rule.mode === 'observe' || rule.onMissing === 'block') return [];
  return [...testedParams(rule)].flatMap((param) => {
    const way = wayRound(subject.policy, rule, param);
    if (way === null) return [];
    const message = `an action without the parameter ${JSON.stringify(param)} is not blocked here and ends at ${way}; set on_missing: block on this rule`;
    return [finding(subject, 'missing-param-disables-block', rule, { message })];
  });
};

/** Who may decide an action that lacks the parameter: a rule that lets pass, or such a default; null for nobody. */
function wayRound(policy: PolicyFile, rule: Rule, param: string): string | null {
  const others = policy.rules.filter((other) => other !== rule && other.mode === 'enforce' && matchesMeet(other, rule));
  const caught = (other: Rule): boolean => blocksMissing(other, param) && matchCovers(other, rule);
  if (others.some((other) => other.index < rule.index && caught(other))) return null;
  for (const other of others) {
    if (other.index < rule.index) continue;
    if (letsPassWithout(other, param)) return `rule ${other.name} (${other.approval})`;
    if (caught(other) || (other.conditions.length === 0 && matchCovers(other, rule))) return null;
  }
  return policy.defaults.approval === 'block' ? null : `the default (${policy.defaults.approval})`;
}

function letsPassWithout(rule: Rule, param: string): boolean {
  return letsPass(rule) && !testedParams(rule).has(param);
}

/** True when a rule blocks whatever lacks the parameter: it asks for nothing else that could make it step aside. */
function blocksMissing(rule: Rule, param: string): boolean {
  if (rule.onMissing !== 'block' || rule.approval !== 'block') return false;
  const first = rule.conditions[0];
  return first !== undefined && 'tests' in first && first.tests[0]?.param === param;
}

/** A block that is only recorded. */
export const observeOnlyBlock: Check = (subject, rule) => {
  if (rule.approval !== 'block' || rule.mode !== 'observe') return [];
  const whole = subject.policy.mode === 'observe' ? ' (the whole file is)' : '';
  const message = `this block is in mode observe${whole}: it is recorded and stops nothing; set mode: enforce when you trust it`;
  return [finding(subject, 'observe-only-block', rule, { message })];
};

/** A block whose type is written in one letter case, where another letter case would be let pass. */
export const caseSensitiveType: Check = (subject, rule) => {
  const { type } = rule.match;
  if (rule.index !== firstCaseSensitive(subject)) return [];
  const message = `the type ${JSON.stringify(type.text)} is compared letter by letter, so that another letter case is not blocked here or by the blocks below; put a rule first that blocks type '*[A-Z]*', or let the default block`;
  return [finding(subject, 'case-sensitive-type', rule, { message, within: ['match', 'type'] })];
};

/** One finding a file is enough: the cure is the same for all. */
function firstCaseSensitive(subject: LintSubject): number {
  const found = subject.policy.rules.find((rule) => {
    const blocks = rule.approval === 'block' && rule.mode === 'enforce';
    return blocks && passesInOtherCase(subject.policy, rule);
  });
  return found?.index ?? -1;
}

function passesInOtherCase(policy: PolicyFile, rule: Rule): boolean {
  const sample = otherCaseOf(rule);
  if (sample === null || rule.match.type.matches(sample)) return false;
  for (const other of policy.rules) {
    if (other.mode === 'observe' || !other.match.type.matches(sample)) continue;
    if (letsPass(other)) return true;
    const blocksAll = other.match.target.any && other.match.agent.any && other.conditions.length === 0;
    if (blocksAll) return false;
  }
  return policy.defaults.approval !== 'block';
}

/** A type that differs from one that the rule matches in its letter case only; null when it names no letter. */
function otherCaseOf(rule: Rule): string | null {
  const text = rule.match.type.text.replaceAll(/[*?]|\[!?\]?[^\]]*\]/gu, '');
  const upper = text.toUpperCase();
  const other = upper === text ? text.toLowerCase() : upper;
  return other === text ? null : other;
}
