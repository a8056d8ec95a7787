import { APPROVALS, RISK_LEVELS, type Approval, type RiskLevel } from '../model/decision.ts';
import { Decimal, isList, type Value, type ValueMap } from '../model/value.ts';
import { compileGlob, type Glob } from './glob.ts';
import type { CumulativeRisk, PlanRules, SequencePattern } from './policy.ts';
import { pythonText } from './python-text.ts';
import { isEmptyToPython, show, type Path, type Reading } from './section.ts';

export const PLAN_KEYS = ['sequence_patterns', 'cumulative_risk'] as const;
export const PATTERN_KEYS = ['name', 'steps', 'approval', 'risk_level', 'description', 'window'] as const;
export const CUMULATIVE_KEYS = ['max_total_risk', 'on_exceed', 'name'] as const;

const NONE: PlanRules = { patterns: [], cumulative: null };

/** Reads `plan_rules`. An unknown approval or risk is block or critical here, as in Aegis; lint reports it. */
export function readPlanRules(reading: Reading, value: Value | undefined): PlanRules {
  const path: Path = ['plan_rules'];
  if (value === undefined || isEmptyToPython(value)) return NONE;
  const map = reading.mapping(value, path, 'a mapping with sequence_patterns or cumulative_risk');
  if (map === null) return NONE;
  reading.checkKeys(map, path, PLAN_KEYS);
  return {
    patterns: readPatterns(reading, map.get('sequence_patterns'), [...path, 'sequence_patterns']),
    cumulative: readCumulative(reading, map.get('cumulative_risk'), [...path, 'cumulative_risk']),
  };
}

function readPatterns(reading: Reading, value: Value | undefined, path: Path): readonly SequencePattern[] {
  if (value === undefined) return [];
  if (!isList(value)) {
    reading.report(path, `found ${show(value)}; expected a list of patterns`);
    return [];
  }
  const patterns: SequencePattern[] = [];
  for (const [index, item] of value.entries()) {
    const map = reading.mapping(item, [...path, index], 'a pattern: a mapping with name and steps');
    if (map !== null) patterns.push(readPattern(reading, map, [...path, index]));
  }
  return patterns;
}

function readPattern(reading: Reading, map: ValueMap, path: Path): SequencePattern {
  reading.checkKeys(map, path, PATTERN_KEYS);
  return {
    name: readText(reading, map.get('name'), [...path, 'name']) ?? '',
    steps: readSteps(reading, map.get('steps'), [...path, 'steps']),
    approval: readPlanApproval(reading, map.get('approval'), [...path, 'approval']),
    riskLevel: readPlanRisk(reading, map.get('risk_level'), [...path, 'risk_level']),
    description: readText(reading, map.get('description'), [...path, 'description']) ?? '',
    window: readWhole(reading, map.get('window'), [...path, 'window']),
    position: reading.document.position(path),
  };
}

function readSteps(reading: Reading, value: Value | undefined, path: Path): readonly Glob[] {
  if (value === undefined) return [];
  if (!isList(value)) {
    reading.report(path, `found ${show(value)}; expected a list of globs of action types`);
    return [];
  }
  const steps: Glob[] = [];
  for (const [index, step] of value.entries()) {
    if (typeof step === 'string') steps.push(compileGlob(step));
    else reading.report([...path, index], `found ${show(step)}; expected text: one glob, such as read*`);
  }
  return steps;
}

function readText(reading: Reading, value: Value | undefined, path: Path): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value instanceof Decimal) return pythonText(value);
  reading.report(path, `found ${show(value)}; expected text`);
  return null;
}

function readPlanApproval(reading: Reading, value: Value | undefined, path: Path): Approval {
  const word = readWord(reading, value, path);
  return APPROVALS.find((approval) => approval === word) ?? 'block';
}

function readPlanRisk(reading: Reading, value: Value | undefined, path: Path): RiskLevel {
  const word = readWord(reading, value, path);
  return RISK_LEVELS.find((level) => level === word) ?? 'critical';
}

function readWord(reading: Reading, value: Value | undefined, path: Path): string {
  return (readText(reading, value, path) ?? '').toLowerCase();
}

/** Python's `int()`: whole numbers, fractions cut towards zero, text of a whole number. */
function readWhole(reading: Reading, value: Value | undefined, path: Path): number {
  if (value === undefined) return 0;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Decimal && Number.isFinite(value.value)) return Math.trunc(value.value);
  if (typeof value === 'string' && /^\s*[+-]?\d+(?:_\d+)*\s*$/u.test(value)) {
    return Number(value.trim().replaceAll('_', ''));
  }
  reading.report(path, `found ${show(value)}; expected a whole number`);
  return 0;
}

function readCumulative(reading: Reading, value: Value | undefined, path: Path): CumulativeRisk | null {
  if (isEmptyToPython(value)) return null;
  const map = reading.mapping(value ?? null, path, 'a mapping with max_total_risk');
  if (map === null) return null;
  reading.checkKeys(map, path, CUMULATIVE_KEYS);
  return {
    name: map.has('name') ? (readText(reading, map.get('name'), [...path, 'name']) ?? '') : 'cumulative_risk',
    maxTotalRisk: readWhole(reading, map.get('max_total_risk'), [...path, 'max_total_risk']),
    onExceed: readPlanApproval(reading, map.get('on_exceed'), [...path, 'on_exceed']),
    position: reading.document.position(path),
  };
}
