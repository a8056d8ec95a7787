import { describe, expect, it } from 'vitest';
import { readYaml } from '../../../src/document/yaml.ts';
import { formatFinding, lintPolicy } from '../../../src/policy/lint.ts';
import { LINTS, type Finding, type LintId } from '../../../src/policy/lint-finding.ts';
import { loadPolicy } from '../../../src/policy/load.ts';
import { conditionRows } from './lint-condition-rows.ts';
import { reachRows } from './lint-reach-rows.ts';

const rows = [...reachRows, ...conditionRows];

function lint(text: string): readonly Finding[] {
  const policy = loadPolicy(text, 'p.yaml');
  const document = readYaml(text, 'p.yaml');
  if (!policy.ok || !document.ok) throw new Error(`the test's own policy does not load: ${JSON.stringify(policy)}`);
  return lintPolicy(policy.value, document.value);
}

/** The rules that a check reports, as `name:line:column`. */
function found(id: LintId, text: string): readonly string[] {
  return lint(text)
    .filter((finding) => finding.id === id)
    .map((finding) => `${finding.rule}:${finding.line}:${finding.column}`);
}

describe('policy lint', () => {
  it.each(rows)('$id: $why', ({ id, policy, fires }) => {
    expect(found(id, policy)).toEqual(fires);
  });

  it('has a row that fires and one that does not for every check', () => {
    for (const id of Object.keys(LINTS)) {
      const own = rows.filter((row) => row.id === id);
      expect(
        own.some((row) => row.fires.length > 0),
        `${id} fires`,
      ).toBe(true);
      expect(
        own.some((row) => row.fires.length === 0),
        `${id} is silent`,
      ).toBe(true);
    }
  });

  it.each<readonly [string, string, readonly string[]]>([
    [
      'a deploy at 3 am, of which a comment says that it is blocked',
      `
defaults: {approval: approve, risk_level: high}
rules:
  - {name: staging_hours, match: {type: deploy, target: staging}, conditions: {time_after: '09:00', time_before: '18:00', weekdays: [1, 2, 3, 4, 5]}, approval: auto}
  - {name: prod_hours, match: {type: deploy, target: production}, conditions: {time_after: '09:00', time_before: '17:00', weekdays: [1, 2, 3, 4, 5]}, risk_level: high, approval: approve}
  - {name: prod_late, match: {type: deploy, target: production}, conditions: {time_after: '17:00'}, risk_level: critical, approval: block}`,
      ['prod_late: case-sensitive-type', 'prod_late: night-ends-at-midnight'],
    ],
    [
      'rules for targets before those for what is done to them',
      `
defaults: {approval: approve}
rules:
  - {name: staging_auto, match: {target: 'staging*'}, risk_level: low, approval: auto}
  - {name: prod_high, match: {target: 'prod*'}, risk_level: high}
  - {name: drop_block, match: {type: drop}, risk_level: critical, approval: block}`,
      ['drop_block: case-sensitive-type', 'drop_block: escaped-block'],
    ],
    [
      'a night that named actions escape, and that ends at midnight',
      `
defaults: {approval: approve, risk_level: high}
rules:
  - {name: view_auto, match: {type: view}, risk_level: low, approval: auto}
  - {name: small, match: {type: payment}, conditions: {param_lte: {amount: 100}}, risk_level: medium}
  - {name: night_block, match: {type: '*'}, conditions: {time_after: '20:00'}, risk_level: critical, approval: block}`,
      ['night_block: escaped-time-rule', 'night_block: night-ends-at-midnight', 'small: negative-amount'],
    ],
    [
      'a SELECT that brings company',
      `
defaults: {approval: approve, risk_level: high}
rules:
  - {name: allow, match: {type: query}, conditions: {param_matches: {sql: '^SELECT '}}, risk_level: low, approval: auto}
  - {name: block, match: {type: query}, conditions: {param_matches: {sql: '^(DROP|TRUNCATE) '}}, risk_level: critical, approval: block}`,
      ['allow: open-ended-pattern', 'block: case-sensitive-type', 'block: missing-param-disables-block'],
    ],
  ])('finds %s', (_, policy, expected) => {
    expect(
      lint(policy)
        .map(({ rule, id }) => `${rule}: ${id}`)
        .sort(),
    ).toEqual(expected);
  });

  it('says where, how bad, which check, which rule, and what to do', () => {
    const [finding] = lint('rules: [{name: s, match: {type: pay}, conditions: {param_lt: {amount: 5}}}]');
    expect(finding === undefined ? '' : formatFinding(finding)).toBe(
      'p.yaml:1:63: warning [negative-amount] rule s: "amount" has an upper bound and no lower one, so that a negative value is let pass (approve); add param_gt: {amount: 0}',
    );
  });

  it('takes a policy of a thousand rules with globs and windows in its stride', () => {
    const rules = Array.from(
      { length: 1_000 },
      (_, index) =>
        `  - {name: r${index}, match: {type: 'a${index}_*', target: '*t${index}'}, conditions: {time_after: '08:00', param_gt: {count: ${index}}}}`,
    );
    expect(lint(`rules:\n${rules.join('\n')}\n`)).toEqual([]);
  });

  it('finds nothing in an empty policy', () => {
    expect(lint('')).toEqual([]);
  });
});
