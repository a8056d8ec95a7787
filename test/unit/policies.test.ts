import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { readYaml } from '../../src/document/yaml.ts';
import type { Action } from '../../src/model/action.ts';
import type { Decision } from '../../src/model/decision.ts';
import { Decimal, type Value } from '../../src/model/value.ts';
import { formatFinding, lintPolicy } from '../../src/policy/lint.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { createPolicySet, decide, type PolicySet } from '../../src/policy/policy-set.ts';
import { runTestFile } from '../../src/policy/test-file-run.ts';
import { readTestFile } from '../../src/policy/test-file.ts';

const FOLDER = join(import.meta.dirname, '../../policies');
const SCHEMAS = join(import.meta.dirname, '../../schemas');
const AGENTS = [
  'browser-agent',
  'code-agent',
  'crm-agent',
  'data-pipeline-agent',
  'devops-agent',
  'ecommerce-agent',
  'finance-agent',
  'healthcare-agent',
  'research-agent',
  'support-agent',
];
const FRIDAY_NOON = Date.parse('2026-03-20T12:00:00Z');
const FRIDAY_3_AM = Date.parse('2026-03-20T03:00:00Z');
const SATURDAY_NOON = Date.parse('2026-03-21T12:00:00Z');

function read(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8');
}

function load(agent: string): PolicySet {
  const policy = loadPolicy(read(`${agent}.yaml`), `${agent}.yaml`);
  if (!policy.ok) throw new Error(`${agent} does not load: ${JSON.stringify(policy.mistakes)}`);
  return createPolicySet(null, [policy.value]);
}

function action(type: string, target: string, params: Readonly<Record<string, Value>> = {}): Action {
  const rest = { description: '', agentId: '', effect: null, amountParam: null, mappedBy: null };
  return { type, target, params: new Map(Object.entries(params)), ...rest };
}

function decideAt(set: PolicySet, asked: Action, now: number): Decision {
  const agent = { id: '', namespace: '', serviceAccount: '', pod: '' };
  return decide(set, [asked], { now, request: null, agent, enforcement: 'captured' }, []).decision;
}

it('ships one policy and its tests for each of ten kinds of agent, and nothing else', () => {
  const expected = AGENTS.flatMap((agent) => [`${agent}.test.yaml`, `${agent}.yaml`]);
  expect(readdirSync(FOLDER).sort()).toEqual(expected);
});

describe.each(AGENTS)('%s', (agent) => {
  it('names its schema in the first line, and is valid by it', () => {
    for (const [name, schema] of [
      [`${agent}.yaml`, 'policy'],
      [`${agent}.test.yaml`, 'policy-test'],
    ] as const) {
      const text = read(name);
      expect(text.split('\n')[0]).toBe(`# yaml-language-server: $schema=../schemas/${schema}.schema.json`);
      const checker = z.fromJSONSchema(JSON.parse(readFileSync(join(SCHEMAS, `${schema}.schema.json`), 'utf8')));
      expect(checker.safeParse(parse(text)).error?.issues ?? []).toEqual([]);
    }
  });

  it('has no lint finding, not even a note', () => {
    const text = read(`${agent}.yaml`);
    const policy = loadPolicy(text, `${agent}.yaml`);
    const document = readYaml(text, `${agent}.yaml`);
    if (!policy.ok || !document.ok) throw new Error('it does not load');
    expect(lintPolicy(policy.value, document.value).map(formatFinding)).toEqual([]);
  });

  it('passes its tests, which reach every rule', () => {
    const tests = readTestFile(read(`${agent}.test.yaml`), `${agent}.test.yaml`);
    if (!tests.ok) throw new Error(JSON.stringify(tests.mistakes));
    const report = runTestFile(load(agent), tests.value);
    expect(report.results.filter(({ differences }) => differences.length > 0)).toEqual([]);
    expect(report.coverage.rules.filter(({ covered }) => !covered)).toEqual([]);
    expect(report.coverage.percent).toBe(100);
  });

  it('blocks an unmapped HTTP DELETE at any time', () => {
    const set = load(agent);
    for (const now of [FRIDAY_NOON, FRIDAY_3_AM, SATURDAY_NOON]) {
      expect(decideAt(set, action('delete', 'api.example.com', { path: '/' }), now).approval).toBe('block');
    }
  });

  it('lets no unmapped HTTP POST, PUT or PATCH pass without a person', () => {
    const set = load(agent);
    for (const type of ['create', 'update']) {
      for (const target of ['api.example.com', 'staging', 'staging.example.com', '']) {
        for (const params of [{}, { amount: 1n }, { amount: -1n }, { count: 1n }, { path: '/refunds' }]) {
          expect(decideAt(set, action(type, target, params), FRIDAY_NOON).approval).not.toBe('auto');
        }
      }
    }
  });

  it('blocks every type that it does not know', () => {
    const set = load(agent);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (text) => {
        for (const target of ['x', text, 'staging', 'production', 'a/../b', 'api.example.com']) {
          expect(decideAt(set, action(`zz-${text}`, target), FRIDAY_NOON).approval).toBe('block');
        }
      }),
      { numRuns: 200 },
    );
  });

  it('lets no type pass in another letter case or with a look-alike', () => {
    const set = load(agent);
    for (const rule of set.rules?.rules ?? []) {
      const type = rule.match.type.text.replaceAll(/[*?]|\[!?[^\]]*\]/gu, 'x');
      for (const other of [type.toUpperCase(), `${type}\u200b`, type.replace('e', '\u0435'), ` ${type}`, `${type}\n`]) {
        if (other === type) continue;
        expect(decideAt(set, action(other, 'x', { amount: 1n, rows: 1n, count: 1n }), FRIDAY_NOON).approval).toBe(
          'block',
        );
      }
    }
  });

  it('never loosens for a number that is not positive, a text, a boolean or nothing in place of an amount', () => {
    const set = load(agent);
    const amounts: readonly Value[] = [
      -1n,
      0n,
      new Decimal(-0.01, '-0.01'),
      '5',
      true,
      null,
      [],
      new Map(),
      -(10n ** 30n),
    ];
    const names = ['amount', 'count', 'rows', 'price', 'percent', 'replicas'];
    for (const rule of set.rules?.rules ?? []) {
      const used = names.filter((name) => rule.conditions.some((condition) => testsParam(condition, name)));
      const type = rule.match.type.literal;
      if (type === null || used.length === 0) continue;
      for (const amount of amounts) {
        const params = Object.fromEntries(used.map((name) => [name, amount]));
        expect(decideAt(set, action(type, 'staging_x', params), FRIDAY_NOON).approval).not.toBe('auto');
      }
    }
  });
});

function testsParam(condition: object, name: string): boolean {
  if (!('tests' in condition) || !Array.isArray(condition.tests)) return false;
  return condition.tests.some((test: { readonly param: string }) => test.param === name);
}

describe('what the policies of Aegis let through', () => {
  it('production is not deployed at 3 am, on a weekend, or from 17:00 on', () => {
    const set = load('devops-agent');
    const times = ['2026-03-20T03:00:00Z', '2026-03-21T12:00:00Z', '2026-03-20T17:00:00Z', '2026-03-20T23:59:59Z'];
    for (const time of times) {
      for (const target of ['production', 'PROD', 'api.example.com', '']) {
        expect(decideAt(set, action('deploy', target), Date.parse(time)).approval).toBe('block');
      }
    }
  });

  it('nothing is dropped, deleted or truncated, in staging either', () => {
    const set = load('data-pipeline-agent');
    for (const type of ['drop', 'drop_table', 'delete', 'truncate', 'bulk_delete']) {
      for (const target of ['staging', 'staging_orders', 'prod_orders', 'x']) {
        expect(decideAt(set, action(type, target, { rows: 1n }), FRIDAY_NOON).approval).toBe('block');
      }
    }
  });

  it('no SQL passes without a person that hides something behind 10,000 characters or a comment', () => {
    const set = load('data-pipeline-agent');
    const padding = `SELECT ${'a, '.repeat(4_000)}`;
    const queries = [
      `${padding}b FROM t; DROP TABLE t`,
      `${padding}b FROM t`,
      `SELECT a FROM t${' '.repeat(12_000)}; DROP TABLE t`,
      'SELECT 1; DROP TABLE t',
      'SELECT 1 -- \n; DROP TABLE t',
      'SELECT 1 /* */',
      'SELECT dblink_exec(1)',
      "SELECT * FROM t WHERE a = 'x' INTO OUTFILE '/tmp/x'",
      '\u0000SELECT 1',
      'ＳＥＬＥＣＴ 1; drop table t',
      'SELECT nextval(s)',
      'SELECT a FROM t FOR UPDATE',
    ];
    for (const sql of queries) {
      expect([sql, decideAt(set, action('query', 'db', { sql }), FRIDAY_NOON).approval]).not.toEqual([sql, 'auto']);
    }
    expect(decideAt(set, action('query', 'db', { sql: 'SELECT a, b FROM t' }), FRIDAY_NOON).approval).toBe('auto');
  });

  it('nothing at all happens in finance at night', () => {
    const set = load('finance-agent');
    for (const type of ['view', 'read', 'report', 'payment', 'transfer', 'create', 'anything']) {
      expect(decideAt(set, action(type, 'x', { amount: 5n }), FRIDAY_3_AM).rule).toBe('night_block');
    }
  });

  it('a health record takes two people at night', () => {
    const decision = decideAt(load('healthcare-agent'), action('access_phi', 'r', { patient_id: 'p' }), FRIDAY_3_AM);
    expect([decision.approval, decision.riskLevel, decision.terms.approvers]).toEqual(['approve', 'critical', 2]);
  });
});
