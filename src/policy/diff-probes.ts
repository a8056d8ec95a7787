import type { Action } from '../model/action.ts';
import { Decimal, type Value } from '../model/value.ts';
import { globsOverlap, sampleOf } from './lint-globs.ts';
import { isTimeCondition } from './lint-time.ts';
import type { Condition, PolicyFile, Rule } from './policy.ts';

/** An action at a time, made up to show what a policy decides. */
interface Probe {
  readonly action: Action;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The probes of two policies, and whether some were left out. */
export interface Probes {
  readonly probes: readonly Probe[];
  readonly truncated: boolean;
}

/** Deciding so many takes some seconds; more would only repeat what these show. */
const MAX_PROBES = 20_000;
/** Fewer variants of one type, target and agent would not show its bounds and hours. */
const MIN_VARIANTS = 20;

/** 2026-03-16 was a Monday: the week in which probes are made. */
const MONDAY = Date.parse('2026-03-16T00:00:00Z');
const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 86_400_000;
/** Wednesday at noon, and Saturday and Sunday at noon. */
const USUAL_TIMES = [2, 5, 6].map((day) => MONDAY + day * MS_PER_DAY + 12 * 60 * MS_PER_MINUTE);

/**
 * Makes up actions around everything that the rules of two policies look at: a type and a target for each glob, each
 * parameter below, at and above each bound, negative, missing and as text, and the clock on both sides of each time.
 */
export function makeProbes(older: PolicyFile, newer: PolicyFile): Probes {
  const rules = [...older.rules, ...newer.rules];
  const steps = [...older.plan.patterns, ...newer.plan.patterns].flatMap((pattern) => pattern.steps);
  const types = samples([...rules.map((rule) => rule.match.type.text), ...steps.map((step) => step.text)], true);
  const places = types.flatMap((type) => placesOf(type, rules));
  const each = Math.max(MIN_VARIANTS, Math.floor(MAX_PROBES / Math.max(1, places.length)));
  const probes: Probe[] = [];
  let truncated = false;
  for (const place of places) {
    const variants = variantsOf(place.rules.flatMap((rule) => rule.conditions));
    truncated ||= variants.length > each || probes.length >= MAX_PROBES;
    const room = Math.min(each, MAX_PROBES - probes.length);
    for (const { params, now } of variants.slice(0, room)) {
      const { type, target, agentId } = place;
      const rest = { description: '', effect: null, amountParam: null, mappedBy: null };
      probes.push({ action: { type, target, agentId, params, ...rest }, now });
    }
  }
  return { probes, truncated };
}

/** A type, a target and an agent, and the rules whose globs they match. */
interface Place extends Pick<Action, 'type' | 'target' | 'agentId'> {
  readonly rules: readonly Rule[];
}

function placesOf(type: string, rules: readonly Rule[]): readonly Place[] {
  const about = rules.filter((rule) => rule.match.type.matches(type));
  const agents = about.map((rule) => rule.match.agent).filter((glob) => !glob.any);
  const agentIds = [
    '',
    ...(agents.length === 0
      ? []
      : samples(
          agents.map((glob) => glob.text),
          false,
        )),
  ];
  return samples(
    about.map((rule) => rule.match.target.text),
    false,
  ).flatMap((target) =>
    agentIds.map((agentId) => ({
      type,
      target,
      agentId,
      rules: about.filter(
        ({ match }) => match.target.matches(target) && match.agent.matches(agentId === '' ? '*' : agentId),
      ),
    })),
  );
}

/** Texts that the globs match, one that none is made for, and types in another letter case. */
function samples(globs: readonly string[], letterCases: boolean): readonly string[] {
  const found = new Set(['other']);
  for (const glob of globs) {
    const sample = sampleOf(glob);
    if (sample === null) continue;
    found.add(sample);
    if (glob.includes('*') && globsOverlap(glob, `${sample}x`)) found.add(`${sample}x`);
    if (letterCases) found.add(sample.toUpperCase());
  }
  found.delete('');
  return [...found];
}

interface Variant {
  readonly params: ReadonlyMap<string, Value>;
  readonly now: number;
}

/** Every set of parameters at every time; what shows most comes first, since not all may be taken. */
function variantsOf(conditions: readonly Condition[]): readonly Variant[] {
  const [allParams, allTimes] = [paramVariants(conditions), timesOf(conditions)];
  const product = allParams.flatMap((params, row) => allTimes.map((now, column) => ({ params, now, row, column })));
  return product.sort((left, right) => Math.min(left.row, left.column) - Math.min(right.row, right.column));
}

/** No parameter at all, one value of each, and each of them through all its values and missing. */
function paramVariants(conditions: readonly Condition[]): readonly ReadonlyMap<string, Value>[] {
  const values = new Map<string, Value[]>();
  for (const [param, value] of conditions.flatMap(valuesOf)) {
    const known = values.get(param) ?? [];
    values.set(param, [...known, value]);
  }
  if (values.size === 0) return [new Map()];
  const usual = new Map([...values].map(([param, known]) => [param, known[0] ?? null]));
  const variants: ReadonlyMap<string, Value>[] = [usual, new Map()];
  for (const [param, known] of values) {
    for (const value of [...known, 'text', -1n, null]) {
      variants.push(new Map([...usual, [param, value]]), new Map([[param, value]]));
    }
  }
  return variants;
}

/** Parameters with values on both sides of what a condition asks for. */
function valuesOf(condition: Condition): readonly (readonly [string, Value])[] {
  if (condition.op === 'when') return valuesInExpression(condition.source);
  if (!('tests' in condition)) return [];
  return condition.tests.flatMap((test): readonly (readonly [string, Value])[] => {
    if ('pattern' in test) return [[test.param, test.pattern.source.replaceAll(/[\^$\\]/gu, '')]];
    return around(test.expected).map((value) => [test.param, value]);
  });
}

function around(value: Value): readonly Value[] {
  if (typeof value === 'bigint') return [value, value - 1n, value + 1n];
  if (value instanceof Decimal && Number.isFinite(value.value)) {
    return [value, ...[value.value - 0.01, value.value + 0.01].map((near) => new Decimal(near, String(near)))];
  }
  return [value];
}

/** The parameters that an expression names, each with the constants that stand in it. */
function valuesInExpression(source: string): readonly (readonly [string, Value])[] {
  const names = [...source.matchAll(/\bparams(?:\.([A-Za-z_]\w*)|\["([^"\\]*)"\])/gu)].map(
    (match) => match[1] ?? match[2],
  );
  const texts = [...source.matchAll(/"([^"\\]*)"|'([^'\\]*)'/gu)].map((match) => match[1] ?? match[2] ?? '');
  const numbers = [...source.matchAll(/(?<![\w.])\d{1,15}(?![\w.])/gu)].flatMap((match) => around(BigInt(match[0])));
  const values: readonly Value[] = [...texts, ...numbers, true, false];
  return [...new Set(names)].flatMap((name) =>
    name === undefined ? [] : values.map((value) => [name, value] as const),
  );
}

/** The usual times, and one minute before and at each time that a condition names, on a workday and at the weekend. */
function timesOf(conditions: readonly Condition[]): readonly number[] {
  const times = conditions.filter(isTimeCondition);
  if (times.length === 0) return USUAL_TIMES.slice(0, 1);
  const minutes = new Set(
    times.flatMap((condition) => {
      if (condition.op === 'weekdays') return [];
      return condition.op === 'time_window' ? [condition.after, condition.before] : [condition.minutes];
    }),
  );
  const zones = new Map(times.map((condition) => [condition.zone.name, condition.zone]));
  const edges = [...minutes].flatMap((minute) => [minute, minute - 1]);
  const days = [2, 5, 6, 0];
  const found = new Set(USUAL_TIMES);
  for (const zone of zones.values()) {
    // What the zone's clock shows at noon in UTC says how far it is ahead of UTC, but for a change within the day.
    const offset = zone.at(MONDAY + 12 * 60 * MS_PER_MINUTE).minutes - 12 * 60;
    for (const day of days) {
      for (const minute of edges) found.add(MONDAY + day * MS_PER_DAY + (minute - offset) * MS_PER_MINUTE);
    }
  }
  return [...found];
}
