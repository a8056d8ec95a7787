import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { schemaFiles } from '../../../scripts/generate-schemas.ts';
import { MATCH_KEYS, RULE_KEYS } from '../../../src/policy/load-rule.ts';
import { APPROVAL_KEYS } from '../../../src/policy/load-approval.ts';
import { CUMULATIVE_KEYS, PATTERN_KEYS, PLAN_KEYS } from '../../../src/policy/load-plan.ts';
import { POLICY_KEYS } from '../../../src/policy/load.ts';
import { CONDITION_KEYS } from '../../../src/policy/policy.ts';

const ROOT = join(import.meta.dirname, '../../..');

describe('the JSON Schemas', () => {
  it('are committed as they are generated, all of them and no others', () => {
    const committed = new Map(
      readdirSync(join(ROOT, 'schemas')).map((file) => [file, readFileSync(join(ROOT, 'schemas', file), 'utf8')]),
    );
    expect(committed).toEqual(schemaFiles());
  });

  it.each(['policies', 'actions'])('accept every file of %s', (folder) => {
    const files = readdirSync(join(ROOT, folder)).filter((file) => file.endsWith('.yaml'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const text = readFileSync(join(ROOT, folder, file), 'utf8');
      const named = /^# yaml-language-server: \$schema=\.\.\/schemas\/(\S+)\n/u.exec(text)?.[1];
      const checker = z.fromJSONSchema(JSON.parse(schemaFiles().get(named ?? '') ?? '{}'));
      expect([file, named]).toEqual([file, expect.stringMatching(/\.schema\.json$/u)]);
      expect([file, checker.safeParse(parse(text, { merge: true })).error?.issues ?? []]).toEqual([file, []]);
    }
  });

  it('know every key that the loader of policies knows, and no other', () => {
    const schema = z.fromJSONSchema(JSON.parse(schemaFiles().get('policy.schema.json') ?? '{}'));
    const accepts = (value: unknown): boolean => schema.safeParse(value).success;
    const rows: readonly (readonly [readonly string[], (key: string) => unknown])[] = [
      [POLICY_KEYS, (key) => ({ [key]: POLICY_VALUES[key] })],
      [RULE_KEYS, (key) => ({ rules: [{ [key]: RULE_VALUES[key] }] })],
      [MATCH_KEYS, (key) => ({ rules: [{ match: { [key]: '*' } }] })],
      [CONDITION_KEYS, (key) => ({ rules: [{ conditions: { [key]: conditionValue(key) } }] })],
      [APPROVAL_KEYS, (key) => ({ rules: [{ approval: { [key]: APPROVAL_VALUES[key] } }] })],
      [PLAN_KEYS, (key) => ({ plan_rules: { [key]: key === 'sequence_patterns' ? [] : {} } })],
      [PATTERN_KEYS, (key) => ({ plan_rules: { sequence_patterns: [{ [key]: PATTERN_VALUES[key] }] } })],
      [CUMULATIVE_KEYS, (key) => ({ plan_rules: { cumulative_risk: { [key]: CUMULATIVE_VALUES[key] } } })],
    ];
    for (const [keys, wrap] of rows) {
      for (const key of keys) expect([key, accepts(wrap(key))]).toEqual([key, true]);
      expect(accepts(wrap('no_such_key'))).toBe(false);
    }
  });

  it('refuse what the loader refuses: words, times and an observing mode that do not exist', () => {
    const schema = z.fromJSONSchema(JSON.parse(schemaFiles().get('policy.schema.json') ?? '{}'));
    for (const wrong of [
      { defaults: { approval: 'aprove' } },
      { rules: [{ risk_level: 'severe' }] },
      { rules: [{ conditions: { time_after: 'noon' } }] },
      { rules: [{ conditions: { weekdays: ['monday'] } }] },
      { rules: [{ mode: 'watch' }] },
      { rules: [{ approval: { approvers: 0 } }] },
      { session: 'a while' },
      [],
    ]) {
      expect([wrong, schema.safeParse(wrong).success]).toEqual([wrong, false]);
    }
  });
});

type Values = Readonly<Record<string, unknown>>;

const POLICY_VALUES: Values = {
  version: '1',
  defaults: {},
  scope: 'global',
  scope_id: '',
  rules: [],
  plan_rules: {},
  timezone: 'UTC',
  mode: 'observe',
  session: '15m',
  enforcement: 'captured',
};
const RULE_VALUES: Values = {
  name: 'n',
  match: {},
  conditions: {},
  risk_level: 'High',
  approval: 'auto',
  mode: 'observe',
  on_missing: 'block',
};
const APPROVAL_VALUES: Values = { approvers: 2, ttl: '15m', wait: '30s', scope: 'action', for: '10m' };
const PATTERN_VALUES: Values = {
  name: 'n',
  steps: ['a', 'b'],
  approval: 'block',
  risk_level: 'critical',
  description: 'd',
  window: 3,
};
const CUMULATIVE_VALUES: Values = { max_total_risk: 4, on_exceed: 'block', name: 'n' };

function conditionValue(key: string): unknown {
  if (key.startsWith('param_')) return { p: 1 };
  if (key === 'weekdays') return [1];
  return key.startsWith('time_') ? '09:00' : 'text';
}
