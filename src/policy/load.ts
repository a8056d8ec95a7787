import { parseDuration, formatDuration } from '../document/quantity.ts';
import { inFileOrder, type Loaded } from '../document/mistake.ts';
import { readYaml, type YamlDocument } from '../document/yaml.ts';
import type { Digest } from '../model/brand.ts';
import { ENFORCEMENT_LEVELS, type EnforcementLevel } from '../model/decision.ts';
import { Decimal, isList, isMap, type Value, type ValueMap } from '../model/value.ts';
import { sha256 } from './digest.ts';
import { readApproval, readRiskLevel } from './load-approval.ts';
import { readPlanRules } from './load-plan.ts';
import { readRule } from './load-rule.ts';
import { readMode, readTimezone } from './load-settings.ts';
import { PLAIN_TERMS, type Mode, type PolicyDefaults, type PolicyFile, type Rule } from './policy.ts';
import { isEmptyToPython, Reading, show } from './section.ts';
import { UTC, type Zone } from './time.ts';

/** Every top-level key of a policy file; the last four are ours and not Aegis's. */
export const POLICY_KEYS = [
  'version',
  'defaults',
  'scope',
  'scope_id',
  'rules',
  'plan_rules',
  'timezone',
  'mode',
  'session',
  'enforcement',
] as const;
const DEFAULTS_KEYS = ['risk_level', 'approval'] as const;

/** How far plan rules look back when the file does not say. */
const DEFAULT_SESSION_MS = 15 * 60_000;
/** A session must be long enough to hold two calls, and short enough to be read back from a journal at start. */
const MIN_SESSION_MS = 1_000;
const MAX_SESSION_MS = 24 * 3_600_000;

/** Reads one policy file: a policy, or every mistake in the file at once. */
export function loadPolicy(text: string, file: string): Loaded<PolicyFile> {
  const document = readYaml(text, file);
  if (!document.ok) return document;
  const reading = new Reading(document.value);
  const digest = sha256(text);
  const policy = readPolicy(reading, document.value, digest);
  if (reading.mistakes.length > 0) return { ok: false, mistakes: inFileOrder(reading.mistakes) };
  return { ok: true, value: policy };
}

function readPolicy(reading: Reading, document: YamlDocument, digest: Digest): PolicyFile {
  const root = readRoot(reading, document.root);
  reading.checkKeys(root, [], POLICY_KEYS, true);
  checkVersion(reading, root);
  const zone = readTimezone(reading, root.get('timezone'), ['timezone'], UTC);
  const mode = readMode(reading, root.get('mode'), ['mode']) ?? 'enforce';
  return {
    file: document.file,
    digest,
    mode,
    zone,
    sessionMs: readSession(reading, root.get('session')),
    defaults: readDefaults(reading, root.get('defaults')),
    rules: readRules(reading, root.get('rules'), { zone, mode }),
    plan: readPlanRules(reading, root.get('plan_rules')),
    enforcement: readEnforcement(reading, root.get('enforcement')),
  };
}

function readRoot(reading: Reading, root: Value): ValueMap {
  if (root === null) return new Map();
  return reading.mapping(root, [], 'a mapping with the keys of a policy (version, defaults, rules, ...)') ?? new Map();
}

/** Python's `int()`: any number, or text of a whole one. What it says is not otherwise used. */
function checkVersion(reading: Reading, root: ValueMap): void {
  const version = root.get('version');
  if (version === undefined || typeof version === 'bigint' || typeof version === 'boolean') return;
  if (version instanceof Decimal && Number.isFinite(version.value)) return;
  if (typeof version === 'string' && /^\s*[+-]?\d+(?:_\d+)*\s*$/u.test(version)) return;
  reading.report(['version'], `found ${show(version)}; expected a whole number or text of one, such as "1"`);
}

function readEnforcement(reading: Reading, value: Value | undefined): EnforcementLevel | null {
  return value === undefined ? null : reading.choice(value, ['enforcement'], ENFORCEMENT_LEVELS);
}

function readSession(reading: Reading, value: Value | undefined): number {
  if (value === undefined) return DEFAULT_SESSION_MS;
  const session = typeof value === 'string' ? parseDuration(value) : null;
  if (session !== null && session >= MIN_SESSION_MS && session <= MAX_SESSION_MS) return session;
  const range = `${formatDuration(MIN_SESSION_MS)} to ${formatDuration(MAX_SESSION_MS)}`;
  reading.report(['session'], `found ${show(value)}; expected a duration of ${range}, such as 15m`);
  return DEFAULT_SESSION_MS;
}

function readDefaults(reading: Reading, value: Value | undefined): PolicyDefaults {
  const position = reading.document.position(['defaults'], 'key');
  const silent = { riskLevel: 'medium', approval: 'block', terms: PLAIN_TERMS } as const;
  const map = isEmptyToPython(value)
    ? new Map<string, Value>()
    : reading.mapping(value ?? null, ['defaults'], 'a mapping with risk_level and approval');
  if (map === null) return { ...silent, given: { riskLevel: false, approval: false }, position };
  reading.checkKeys(map, ['defaults'], DEFAULTS_KEYS);
  const riskLevel = readRiskLevel(reading, map.get('risk_level'), ['defaults', 'risk_level']);
  const approval = readApproval(reading, map.get('approval'), ['defaults', 'approval']);
  return {
    riskLevel: riskLevel ?? silent.riskLevel,
    approval: approval?.approval ?? silent.approval,
    terms: approval?.terms ?? silent.terms,
    given: { riskLevel: map.has('risk_level'), approval: map.has('approval') },
    position,
  };
}

function readRules(
  reading: Reading,
  value: Value | undefined,
  file: { readonly zone: Zone; readonly mode: Mode },
): readonly Rule[] {
  if (value === undefined || isEmptyToPython(value)) return [];
  if (!isList(value)) {
    reading.report(['rules'], `found ${show(value)}; expected a list of rules`);
    return [];
  }
  const rules: Rule[] = [];
  const names = new Map<string, number>();
  for (const [index, item] of value.entries()) {
    const map = reading.mapping(item, ['rules', index], 'a rule: a mapping with name, match, conditions, ...');
    if (map === null || !isMap(map)) continue;
    const rule = readRule(reading, map, index, file);
    rules.push(rule);
    checkName(reading, rule, names);
  }
  return rules;
}

/** Decisions, audit records and tests name rules: two rules of one name could not be told apart. */
function checkName(reading: Reading, rule: Rule, names: Map<string, number>): void {
  if (rule.writtenName === null) return;
  const first = names.get(rule.writtenName);
  if (first === undefined) {
    names.set(rule.writtenName, rule.index);
    return;
  }
  const { line } = reading.document.position(['rules', first, 'name']);
  const path = ['rules', rule.index, 'name'];
  const name = JSON.stringify(rule.writtenName);
  reading.report(path, `the name ${name} is used by the rule in line ${line}; expected another name`);
}
