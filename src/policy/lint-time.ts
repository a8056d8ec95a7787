import type { Condition, Rule } from './policy.ts';

const MINUTES_PER_DAY = 1440;
const DAYS = [1, 2, 3, 4, 5, 6, 7] as const;

type TimeCondition = Extract<Condition, { readonly op: 'time_after' | 'time_before' | 'time_window' | 'weekdays' }>;

/** The minutes of a week in which the time conditions of a rule hold, in the zone that they are written for. */
export interface WeekTimes {
  /** The zone's name; '' when the rule has no time conditions, so that it holds in every zone. */
  readonly zone: string;
  /** One entry a minute from Monday 00:00 on; 1 where the conditions hold. */
  readonly minutes: Uint8Array;
}

/** True for conditions that look at the clock and at nothing else. */
export function isTimeCondition(condition: Condition): condition is TimeCondition {
  return ['time_after', 'time_before', 'time_window', 'weekdays'].includes(condition.op);
}

const ALWAYS: WeekTimes = { zone: '', minutes: new Uint8Array(DAYS.length * MINUTES_PER_DAY).fill(1) };

/** When the time conditions of a rule hold; null when they are written for more than one zone. */
export function timesOf(rule: Rule): WeekTimes | null {
  const conditions = rule.conditions.filter(isTimeCondition);
  if (conditions.length === 0) return ALWAYS;
  const zones = new Set(conditions.map((condition) => condition.zone.name));
  if (zones.size > 1) return null;
  const minutes = new Uint8Array(DAYS.length * MINUTES_PER_DAY);
  for (const [index] of minutes.entries()) {
    const weekday = Math.floor(index / MINUTES_PER_DAY) + 1;
    const minute = index % MINUTES_PER_DAY;
    if (conditions.every((condition) => holds(condition, weekday, minute))) minutes[index] = 1;
  }
  return { zone: [...zones][0] ?? '', minutes };
}

function holds(condition: TimeCondition, weekday: number, minute: number): boolean {
  switch (condition.op) {
    case 'time_after':
      return minute >= condition.minutes;
    case 'time_before':
      return minute < condition.minutes;
    case 'time_window':
      return minute >= condition.after || minute < condition.before;
    case 'weekdays':
      return condition.days.has(weekday);
    default:
      return condition satisfies never;
  }
}

/** True when there is a minute in both. */
export function timesMeet(left: WeekTimes, right: WeekTimes): boolean {
  if (!sameZone(left, right)) return true;
  return left.minutes.some((value, index) => value === 1 && right.minutes[index] === 1);
}

/** True when each minute of `inner` is one of `outer`, as far as that can be told across zones. */
export function timesCover(outer: WeekTimes, inner: WeekTimes): boolean {
  if (outer.zone === '') return true;
  if (!sameZone(outer, inner)) return false;
  return inner.minutes.every((value, index) => value === 0 || outer.minutes[index] === 1);
}

function sameZone(left: WeekTimes, right: WeekTimes): boolean {
  return left.zone === '' || right.zone === '' || left.zone === right.zone;
}

/** The minutes of any of these, all of which have to be in one zone. */
export function unionOf(times: readonly WeekTimes[]): WeekTimes {
  const minutes = new Uint8Array(DAYS.length * MINUTES_PER_DAY);
  for (const time of times) {
    for (const [index, value] of time.minutes.entries()) if (value === 1) minutes[index] = 1;
  }
  return { zone: times.find((time) => time.zone !== '')?.zone ?? '', minutes };
}

/** True when there is no such minute. */
export function isNever(times: WeekTimes): boolean {
  return !times.minutes.includes(1);
}
