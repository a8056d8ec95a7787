import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readYaml } from '../../../src/document/yaml.ts';
import { RISK_LEVELS } from '../../../src/model/decision.ts';
import { isList, type Value, type ValueMap } from '../../../src/model/value.ts';
import { answerCase, type CaseAnswer } from '../../../src/policy/cases.ts';
import { loadPolicy } from '../../../src/policy/load.ts';
import { planViolations } from '../../../src/policy/plan.ts';
import { mappingOf, textOf } from '../../support/case-lines.ts';
import { valueJson } from '../../support/value-json.ts';

const FILE = new URL('../../cases/decision-cases.yaml', import.meta.url);
const NOW = Date.parse('2026-03-20T12:00:00Z');
const CASES = readCases();
const POLICIES = mappingOf(CASES.get('policies'));

function readCases(): ValueMap {
  const document = readYaml(readFileSync(FILE, 'utf8'), 'decision-cases.yaml');
  if (!document.ok) throw new Error(JSON.stringify(document.mistakes));
  return mappingOf(document.value.root);
}

function listOf(value: Value | undefined): readonly Value[] {
  if (value === undefined || !isList(value)) throw new Error('expected a list');
  return value;
}

function section(name: string): [string, ValueMap][] {
  return listOf(CASES.get(name)).map((item) => [textOf(mappingOf(item).get('id')), mappingOf(item)]);
}

/** A policy is named, written out, or null for an empty file. */
function policyText(value: Value | undefined): string {
  if (value === undefined || value === null) return '';
  return valueJson(typeof value === 'string' ? mappingOf(POLICIES.get(value)) : value);
}

function line(members: { readonly [key: string]: Value | undefined }): string {
  const entries = Object.entries(members).filter((entry): entry is [string, Value] => entry[1] !== undefined);
  return valueJson(new Map(entries));
}

function ask(source: { readonly [key: string]: Value | undefined }, given: ValueMap): CaseAnswer {
  return answerCase(line({ ...source, action: given.get('action'), now: given.get('now') }), {
    policy: null,
    now: NOW,
  });
}

/** The gateway's answer where it differs, else the package's. */
function wantedOf(given: ValueMap): ValueMap {
  return mappingOf(given.get('gateway') ?? given.get('expect'));
}

const PLACE = expect.stringMatching(/:\d+:\d+$/u);
const REASON = expect.stringMatching(/\w/u);

function expected(given: ValueMap): object {
  const wanted = wantedOf(given);
  const error = wanted.get('error');
  if (error === 'load') return { error: 'load', at: PLACE };
  if (error !== undefined) return { approval: 'block', reason: REASON };
  // Where the package raises, its risk says nothing.
  const raises = mappingOf(given.get('expect')).has('error') && wanted.get('approval') === 'block';
  return {
    approval: wanted.get('approval'),
    ...(wanted.has('risk') && !raises ? { risk_level: wanted.get('risk') } : {}),
    ...(wanted.has('rule') ? { rule: wanted.get('rule') } : {}),
    ...(wanted.has('conflicts') ? { conflicts: Number(wanted.get('conflicts')) } : {}),
  };
}

describe('decision cases of agent-aegis', () => {
  it('has the 107 cases', () => {
    const names = ['cases', 'load_cases', 'text_cases', 'merge_cases', 'layer_cases', 'plan_cases'];
    expect(names.reduce((sum, name) => sum + section(name).length, 0)).toBe(107);
  });

  it.each(section('cases'))('case %s is decided as expected', (_, given) => {
    expect(ask({ policy: policyText(given.get('policy')) }, given)).toMatchObject(expected(given));
  });

  it.each(section('text_cases'))('text case %s is decided as expected', (_, given) => {
    expect(ask({ policy: given.get('yaml') }, given)).toMatchObject(expected(given));
  });

  it.each(section('load_cases'))('load case %s loads or is refused as expected', (_, given) => {
    const wanted = wantedOf(given);
    const loaded = loadPolicy(textOf(given.get('yaml')), 'policy.yaml');
    const refusal = { ok: false, mistakes: [{ file: 'policy.yaml', line: expect.any(Number) }] };
    const first = wanted.has('first_condition') ? [{ op: 'time_after', minutes: 540 }] : [];
    const rules = Array.from({ length: Number(wanted.get('rules')) }, () => ({ conditions: first }));
    const policy = { ok: true, value: { rules, defaults: { approval: wanted.get('default') } } };
    expect(loaded).toMatchObject(wanted.has('error') ? refusal : policy);
  });

  it.each(section('merge_cases'))('merge case %s is decided as expected', (_, given) => {
    expect(ask({ files: listOf(given.get('files')).map(policyText) }, given)).toMatchObject(expected(given));
  });

  it.each(section('layer_cases'))('layer case %s is decided as expected', (_, given) => {
    const layers = ['org', 'team', 'agent'].filter((layer) => given.has(layer));
    const texts = layers.map((layer): [string, Value] => [layer, policyText(given.get(layer))]);
    const source = given.has('flatten') ? { files: texts.map(([, text]) => text) } : { layers: new Map(texts) };
    expect(ask(source, given)).toMatchObject(expected(given));
  });

  it.each(section('plan_cases'))('plan case %s finds the violations expected', (_, given) => {
    const loaded = loadPolicy(line({ plan_rules: given.get('rules') }), 'policy.yaml');
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
    const steps = listOf(given.get('types') ?? given.get('risks')).map((step) => ({
      type: given.has('types') ? textOf(step) : 'x',
      riskLevel: RISK_LEVELS.find((level) => level === step) ?? 'low',
    }));
    const violations = planViolations(loaded.value.plan, steps, 0).map((violation) => violation.rule);
    expect(violations).toEqual(wantedOf(given).get('violations'));
  });
});
