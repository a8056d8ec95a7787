import { finding, type Check } from './lint-finding.ts';
import { covers, letsPass, matchCovers, matchesMeet } from './lint-overlap.ts';
import { isTimeCondition, timesMeet, timesOf } from './lint-time.ts';
import type { PolicyFile, Rule } from './policy.ts';

/** A block by time behind rules that take no notice of the time. */
export const escapedTimeRule: Check = (subject, rule) => {
  if (rule.approval !== 'block' || rule.mode === 'observe') return [];
  const own = timesOf(rule);
  if (own === null || !rule.conditions.some(isTimeCondition)) return [];
  const escaping = subject.policy.rules.slice(0, rule.index).filter((other) => escapes(other, rule));
  if (escaping.length === 0) return [];
  const names = escaping.map((other) => `${other.name} (${other.approval})`).join(', ');
  const message = `what ${names} above let${escaping.length === 1 ? 's' : ''} pass escapes this block; move this rule above`;
  return [finding(subject, 'escaped-time-rule', rule, { message })];
};

/** A rule with a time of its own was written with the clock in mind, so that it is not reported. */
function escapes(earlier: Rule, blocking: Rule): boolean {
  if (!letsPass(earlier) || earlier.conditions.some(isTimeCondition)) return false;
  if (!covers(blocking.match.type, earlier.match.type) || !matchesMeet(earlier, blocking)) return false;
  const [left, right] = [timesOf(earlier), timesOf(blocking)];
  return left !== null && right !== null && timesMeet(left, right);
}

/** A block of a type of action behind a rule that lets everything on some targets pass. */
export const escapedBlock: Check = (subject, rule) => {
  if (rule.approval !== 'block' || rule.mode === 'observe' || rule.match.type.any) return [];
  const escaping = subject.policy.rules.slice(0, rule.index).find((other) => {
    const { type, target } = other.match;
    return letsPass(other) && type.any && !target.any && other.conditions.length === 0 && matchesMeet(other, rule);
  });
  if (escaping === undefined) return [];
  const targets = JSON.stringify(escaping.match.target.text);
  const message = `rule ${escaping.name} above lets everything on ${targets} pass (${escaping.approval}), so that this block does not hold there; move this rule above it`;
  return [finding(subject, 'escaped-block', rule, { message })];
};

/** From this time of day on, a rule without an end is meant for the night and not for the day. */
const EVENING_MINUTES = 15 * 60;

/** A block from the evening on that nothing continues after midnight. */
export const nightEndsAtMidnight: Check = (subject, rule) => {
  if (rule.approval !== 'block' || rule.mode === 'observe') return [];
  const after = rule.conditions.find((condition) => condition.op === 'time_after');
  if (after?.op !== 'time_after' || after.minutes < EVENING_MINUTES) return [];
  if (rule.conditions.some((condition) => condition.op === 'time_before')) return [];
  if (isContinued(subject.policy, rule)) return [];
  const message = `this block holds until midnight and not at 3 am; add time_before: "06:00" (a window over midnight)`;
  return [finding(subject, 'night-ends-at-midnight', rule, { message, within: ['conditions', 'time_after'] })];
};

/** True when the first minute of some day is blocked by another rule, or nothing lets pass what this rule is for. */
function isContinued(policy: PolicyFile, rule: Rule): boolean {
  const others = policy.rules.filter((other) => other !== rule && other.mode === 'enforce');
  const blocked = others.some((other) => {
    if (other.approval !== 'block' || !matchCovers(other, rule)) return false;
    return other.conditions.some(isTimeCondition) && timesOf(other)?.minutes[0] === 1;
  });
  if (blocked) return true;
  return policy.defaults.approval === 'block' && !others.some((other) => letsPass(other) && matchesMeet(other, rule));
}
