import { type Value, type ValueMap } from '../model/value.ts';
import { compileGlob, type Glob } from './glob.ts';
import { readApproval, readRiskLevel } from './load-approval.ts';
import { readConditions } from './load-conditions.ts';
import { readMode } from './load-settings.ts';
import { PLAIN_TERMS, type Mode, type OnMissing, type Rule, type RuleMatch } from './policy.ts';
import { pythonText } from './python-text.ts';
import { isEmptyToPython, show, type Path, type Reading } from './section.ts';
import type { Zone } from './time.ts';

/** Every key of a rule; the last two are ours and not Aegis's. */
export const RULE_KEYS = ['name', 'match', 'conditions', 'risk_level', 'approval', 'mode', 'on_missing'] as const;
export const MATCH_KEYS = ['type', 'target', 'agent'] as const;
export const ON_MISSING = ['skip', 'block'] as const;

const ANY = compileGlob('*');

/** Reads one rule. What is wrong is reported, and stands in the result as if it were absent. */
export function readRule(
  reading: Reading,
  map: ValueMap,
  index: number,
  file: { readonly zone: Zone; readonly mode: Mode },
): Rule {
  const path: Path = ['rules', index];
  reading.checkKeys(map, path, RULE_KEYS);
  const match = readMatch(reading, map.get('match'), [...path, 'match']);
  const name = readName(reading, map, index, match);
  const approval = readApproval(reading, map.get('approval'), [...path, 'approval']);
  return {
    ...name,
    index,
    position: reading.document.position(path),
    match,
    conditions: readConditions(reading, map.get('conditions'), [...path, 'conditions'], file.zone),
    riskLevel: readRiskLevel(reading, map.get('risk_level'), [...path, 'risk_level']) ?? 'medium',
    approval: approval?.approval ?? 'approve',
    terms: approval?.terms ?? PLAIN_TERMS,
    mode: readMode(reading, map.get('mode'), [...path, 'mode']) ?? file.mode,
    onMissing: readOnMissing(reading, map.get('on_missing'), [...path, 'on_missing']),
  };
}

function readName(
  reading: Reading,
  map: ValueMap,
  index: number,
  match: RuleMatch,
): Pick<Rule, 'name' | 'writtenName'> {
  const value = map.get('name');
  if (value === undefined) return { name: `rule_${index}`, writtenName: null };
  if (isEmptyToPython(value)) return { name: `${match.type.text}@${match.target.text}`, writtenName: null };
  if (typeof value === 'object' && value !== null && !('text' in value)) {
    reading.report(['rules', index, 'name'], `found ${show(value)}; expected text`);
  }
  const name = pythonText(value);
  return { name, writtenName: name };
}

function readMatch(reading: Reading, value: Value | undefined, path: Path): RuleMatch {
  const everything = { type: ANY, target: ANY, agent: ANY };
  if (value === undefined) return everything;
  const map = reading.mapping(value, path, 'a mapping with type, target or agent; leave match out to match everything');
  if (map === null) return everything;
  reading.checkKeys(map, path, MATCH_KEYS);
  const glob = (key: string): Glob => readGlob(reading, map.get(key), [...path, key]);
  return { type: glob('type'), target: glob('target'), agent: glob('agent') };
}

function readGlob(reading: Reading, value: Value | undefined, path: Path): Glob {
  if (value === undefined) return ANY;
  if (typeof value === 'string') return compileGlob(value);
  reading.report(path, `found ${show(value)}; expected text: one glob, such as read*`);
  return ANY;
}

function readOnMissing(reading: Reading, value: Value | undefined, path: Path): OnMissing {
  return value === undefined ? 'skip' : (reading.choice(value, path, ON_MISSING) ?? 'skip');
}
