import { nonTextKey } from '../document/key.ts';
import { suggestion } from '../document/mistake.ts';
import { Timestamp } from '../document/timestamp.ts';
import { Decimal, isList, isMap, type Value, type ValueMap } from '../model/value.ts';
import { compileCel } from './cel.ts';
import { readTimezone } from './load-settings.ts';
import { COMPARE_OPERATORS, CONDITION_KEYS, type Condition, type ParamTest } from './policy.ts';
import { pythonText } from './python-text.ts';
import { compilePythonRegex } from './regex.ts';
import { show, type Path, type Reading } from './section.ts';
import { phraseWords } from './semantic.ts';
import { readTimeOfDay, type Zone } from './time.ts';

/** The conditions of a rule in the order in which they are tested. What is wrong is reported and left out. */
export function readConditions(
  reading: Reading,
  value: Value | undefined,
  path: Path,
  fileZone: Zone,
): readonly Condition[] {
  if (value === undefined || value === null) return [];
  const map = reading.mapping(value, path, 'a mapping of operators, such as param_gt: {count: 100}');
  if (map === null) return [];
  const zone = readTimezone(reading, map.get('timezone'), [...path, 'timezone'], fileZone);
  const conditions: Condition[] = [];
  for (const [key, spec] of map) {
    const condition = readCondition(reading, key, spec, { path: [...path, key], zone });
    if (condition !== null) conditions.push(condition);
  }
  return joinWindow(semanticLast(conditions));
}

interface Place {
  readonly path: Path;
  readonly zone: Zone;
}

type ReadOperator = (reading: Reading, spec: Value, place: Place) => Condition | null;

/** How the spec of each operator is read; null (reported) for one that cannot be. */
const OPERATORS: ReadonlyMap<string, ReadOperator> = new Map<string, ReadOperator>([
  ['time_after', (reading, spec, place) => readBound(reading, spec, place, 'time_after')],
  ['time_before', (reading, spec, place) => readBound(reading, spec, place, 'time_before')],
  ['weekdays', (reading, spec, { path, zone }) => ({ op: 'weekdays', days: readWeekdays(reading, spec, path), zone })],
  ...COMPARE_OPERATORS.map((op): [string, ReadOperator] => [
    op,
    (reading, spec, { path }) => ({ op, tests: readTests(reading, spec, path) }),
  ]),
  ['param_contains', (reading, spec, { path }) => ({ op: 'param_contains', tests: readTests(reading, spec, path) })],
  ['param_matches', (reading, spec, { path }) => readPatterns(reading, spec, path)],
  ['semantic', (reading, spec, { path }) => readSemantic(reading, spec, path)],
  ['when', (reading, spec, { path }) => readWhen(reading, spec, path)],
]);

function readCondition(reading: Reading, key: string, spec: Value, place: Place): Condition | null {
  if (key === 'timezone') return null;
  const read = OPERATORS.get(key);
  return read === undefined ? unknownOperator(reading, key, place.path) : read(reading, spec, place);
}

function readBound(reading: Reading, spec: Value, place: Place, op: 'time_after' | 'time_before'): Condition | null {
  const minutes = readTime(reading, spec, place.path);
  return minutes === null ? null : { op, minutes, zone: place.zone };
}

function unknownOperator(reading: Reading, key: string, path: Path): null {
  const bare = nonTextKey(key);
  const what = bare === null ? `unknown operator ${JSON.stringify(key)}` : `the operator ${bare} is not text`;
  const meant = bare === null ? suggestion(key, CONDITION_KEYS) : '';
  reading.report(path, `${what}${meant === '' ? `; expected one of ${CONDITION_KEYS.join(', ')}` : meant}`, 'key');
  return null;
}

/** An unquoted `18:00` reaches us as the number 1080; a number that was not written as a time is none. */
function readTime(reading: Reading, spec: Value, path: Path): number | null {
  const spelled = typeof spec === 'bigint' && reading.document.written(path)?.includes(':') === true;
  const minutes = typeof spec === 'string' || spelled ? readTimeOfDay(spec) : null;
  if (minutes === null) reading.report(path, `found ${show(spec)}; expected a time from "00:00" to "23:59"`);
  return minutes;
}

function readWeekdays(reading: Reading, spec: Value, path: Path): ReadonlySet<number> {
  const days = new Set<number>();
  const expected = 'expected weekdays from 1 (Monday) to 7 (Sunday)';
  if (!isList(spec)) {
    reading.report(path, `found ${show(spec)}; expected a list of ${expected.slice('expected '.length)}`);
    return days;
  }
  for (const [index, day] of spec.entries()) {
    if (typeof day === 'bigint') days.add(Number(day));
    else if (day instanceof Decimal && !(day instanceof Timestamp)) days.add(day.value);
    else reading.report([...path, index], `found ${show(day)}; ${expected}`);
  }
  return days;
}

function parameters(reading: Reading, spec: Value, path: Path): ValueMap {
  const map =
    reading.mapping(spec, path, 'a mapping of parameter names, such as {count: 100}') ?? new Map<string, Value>();
  for (const key of map.keys()) {
    const bare = nonTextKey(key);
    if (bare === null) continue;
    reading.report([...path, key], `the parameter name ${bare} is not text; expected it in quotes`, 'key');
  }
  return map;
}

function readTests(reading: Reading, spec: Value, path: Path): readonly ParamTest[] {
  return [...parameters(reading, spec, path)].map(([param, expected]) => ({ param, expected }));
}

function readPatterns(reading: Reading, spec: Value, path: Path): Condition {
  const tests = [];
  for (const [param, value] of parameters(reading, spec, path)) {
    if (holdsDate(value)) {
      reading.report([...path, param], 'a date inside a list or mapping is no pattern; expected it in quotes');
      continue;
    }
    const compiled = compilePythonRegex(pythonText(value));
    if (compiled.ok) tests.push({ param, pattern: compiled.regex });
    else reading.report([...path, param], compiled.message);
  }
  return { op: 'param_matches', tests };
}

/** How Python prints a date inside of a list says its class and not its text. */
function holdsDate(value: Value): boolean {
  if (isList(value)) return value.some((item) => item instanceof Timestamp || holdsDate(item));
  if (isMap(value)) return [...value.values()].some((item) => item instanceof Timestamp || holdsDate(item));
  return false;
}

function readSemantic(reading: Reading, spec: Value, path: Path): Condition | null {
  if (spec === null) return { op: 'never', written: 'semantic' };
  if (typeof spec === 'string') return { op: 'semantic', phrase: spec, words: phraseWords(spec) };
  reading.report(path, `found ${show(spec)}; expected text: a phrase or a category`);
  return null;
}

function readWhen(reading: Reading, spec: Value, path: Path): Condition | null {
  if (typeof spec !== 'string') {
    reading.report(path, `found ${show(spec)}; expected text: a CEL expression`);
    return null;
  }
  const compiled = compileCel(spec);
  if (compiled.ok) return { op: 'when', source: spec, program: compiled.program };
  reading.report(path, compiled.message);
  return null;
}

/** Aegis tests `semantic` after everything else, wherever it stands. */
function semanticLast(conditions: readonly Condition[]): readonly Condition[] {
  const rest = conditions.filter((condition) => condition.op !== 'semantic');
  return [...rest, ...conditions.filter((condition) => condition.op === 'semantic')];
}

/** Makes one window of `time_after` and a `time_before` that is earlier: it crosses midnight. */
function joinWindow(conditions: readonly Condition[]): readonly Condition[] {
  const after = conditions.find((condition) => condition.op === 'time_after');
  const before = conditions.find((condition) => condition.op === 'time_before');
  if (after === undefined || before === undefined || after.minutes <= before.minutes) return conditions;
  const window: Condition = {
    op: 'time_window',
    after: after.minutes,
    before: before.minutes,
    zone: after.zone,
  };
  const later = conditions.indexOf(after) > conditions.indexOf(before) ? after : before;
  return conditions
    .filter((condition) => condition === later || (condition !== after && condition !== before))
    .map((condition) => (condition === later ? window : condition));
}
