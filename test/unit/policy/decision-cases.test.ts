import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readYaml } from '../../../src/document/yaml.ts';
import { RISK_LEVELS } from '../../../src/model/decision.ts';
import { isList, isMap, type Value, type ValueMap } from '../../../src/model/value.ts';
import { answerCase } from '../../../src/policy/cases.ts';
import { loadPolicy } from '../../../src/policy/load.ts';
import { planViolations } from '../../../src/policy/plan.ts';
import { valueJson } from '../../support/value-json.ts';

const FILE = new URL('../../cases/decision-cases.yaml', import.meta.url);
const NOW = Date.parse('2026-03-20T12:00:00Z');
const CASES = readCases();
const POLICIES = mapOf(CASES.get('policies'));

function readCases(): ValueMap {
  const document = readYaml(readFileSync(FILE, 'utf8'), 'decision-cases.yaml');
  if (!document.ok) throw new Error(JSON.stringify(document.mistakes));
  return mapOf(document.value.root);
}

function mapOf(value: Value | undefined): ValueMap {
  if (value === undefined || !isMap(value)) throw new Error('expected a mapping');
  return value;
}

function section(name: string): [string, ValueMap][] {
  const items = CASES.get(name);
  if (items === undefined || !isList(items)) throw new Error(`no section ${name}`);
  return items.map((item) => [String(mapOf(item).get('id')), mapOf(item)]);
}

/** A policy is named, written out, or null for an empty file. */
function policyText(value: Value | undefined): string {
  if (value === undefined || value === null) return '';
  return valueJson(typeof value === 'string' ? mapOf(POLICIES.get(value)) : value);
}

function line(members: { readonly [key: string]: Value | undefined }): string {
  const entries = Object.entries(members).filter((entry): entry is [string, Value] => entry[1] !== undefined);
  return valueJson(new Map(entries));
}

/** The gateway's answer where it differs, else the package's. */
function wantedOf(given: ValueMap): ValueMap {
  return mapOf(given.get('gateway') ?? given.get('expect'));
}

function check(answer: { readonly [key: string]: unknown }, given: ValueMap): void {
  const wanted = wantedOf(given);
  const error = wanted.get('error');
  const risk = wanted.get('risk');
  const rule = wanted.get('rule');
  if (error === 'load') return expect(answer).toMatchObject({ error: 'load', at: expect.stringMatching(/:\d+:\d+$/u) });
  const raised = error !== undefined || mapOf(given.get('expect')).has('error');
  if (error !== undefined) return expect(answer).toMatchObject({ approval: 'block', reason: expect.any(String) });
  expect(answer).toMatchObject({
    approval: wanted.get('approval'),
    ...(risk === undefined || raised ? {} : { risk_level: risk }),
    ...(rule === undefined ? {} : { rule }),
    ...(wanted.has('conflicts') ? { conflicts: Number(wanted.get('conflicts')) } : {}),
  });
}

describe('decision cases of agent-aegis', () => {
  it('has the 107 cases', () => {
    const names = ['cases', 'load_cases', 'text_cases', 'merge_cases', 'layer_cases', 'plan_cases'];
    expect(names.reduce((sum, name) => sum + section(name).length, 0)).toBe(107);
  });

  it.each(section('cases'))('case %s is decided as expected', (_, given) => {
    const asked = line({ policy: policyText(given.get('policy')), action: given.get('action'), now: given.get('now') });
    check(answerCase(asked, { policy: null, now: NOW }), given);
  });

  it.each(section('text_cases'))('text case %s is decided as expected', (_, given) => {
    const asked = line({ policy: given.get('yaml'), action: given.get('action'), now: given.get('now') });
    check(answerCase(asked, { policy: null, now: NOW }), given);
  });

  it.each(section('load_cases'))('load case %s loads or is refused as expected', (_, given) => {
    const wanted = wantedOf(given);
    const loaded = loadPolicy(String(given.get('yaml')), 'policy.yaml');
    if (wanted.has('error')) {
      expect(loaded).toMatchObject({ ok: false, mistakes: [{ file: 'policy.yaml', line: expect.any(Number) }] });
      return;
    }
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
    expect(loaded.value.rules).toHaveLength(Number(wanted.get('rules')));
    expect(loaded.value.defaults.approval).toBe(wanted.get('default'));
    expect(loaded.value.rules[0]?.conditions[0]).toEqual(
      wanted.has('first_condition') ? expect.objectContaining({ op: 'time_after', minutes: 540 }) : undefined,
    );
  });

  it.each(section('merge_cases'))('merge case %s is decided as expected', (_, given) => {
    const files = given.get('files');
    if (files === undefined || !isList(files)) throw new Error('no files');
    const asked = line({ files: files.map(policyText), action: given.get('action'), now: given.get('now') });
    check(answerCase(asked, { policy: null, now: NOW }), given);
  });

  it.each(section('layer_cases'))('layer case %s is decided as expected', (_, given) => {
    const layers = ['org', 'team', 'agent'].filter((layer) => given.has(layer));
    const texts = layers.map((layer): [string, Value] => [layer, policyText(given.get(layer))]);
    const source = given.has('flatten') ? { files: texts.map(([, text]) => text) } : { layers: new Map(texts) };
    const asked = line({ ...source, action: given.get('action'), now: given.get('now') });
    check(answerCase(asked, { policy: null, now: NOW }), given);
  });

  it.each(section('plan_cases'))('plan case %s finds the violations expected', (_, given) => {
    const loaded = loadPolicy(line({ plan_rules: given.get('rules') }), 'policy.yaml');
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
    const steps = [...((given.get('types') ?? given.get('risks') ?? []) as readonly Value[])].map(
      (step) =>
        ({
          type: given.has('types') ? String(step) : 'x',
          riskLevel: given.has('risks') ? (RISK_LEVELS.find((level) => level === step) ?? 'low') : 'low',
        }) as const,
    );
    const violations = planViolations(loaded.value.plan, steps, 0).map((violation) => violation.rule);
    expect(violations).toEqual(wantedOf(given).get('violations'));
  });
});
