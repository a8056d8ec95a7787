import { describe, expect, it } from 'vitest';
import { readYaml } from '../../../src/document/yaml.ts';
import { formatFinding, lintPolicy } from '../../../src/policy/lint.ts';
import { LINTS, type Finding, type LintId } from '../../../src/policy/lint-finding.ts';
import { loadPolicy } from '../../../src/policy/load.ts';

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

interface Row {
  readonly why: string;
  readonly id: LintId;
  readonly policy: string;
  readonly fires: readonly string[];
}

const rows: readonly Row[] = [
  {
    why: 'an unconditional rule with wider globs stands above',
    id: 'unreachable-rule',
    policy: `
rules:
  - {name: writes, match: {type: 'write*'}}
  - {name: write_prod, match: {type: write_file, target: 'prod*'}, approval: block}`,
    fires: ['write_prod:4:5'],
  },
  {
    why: 'the rule above looks at another target',
    id: 'unreachable-rule',
    policy: `
rules:
  - {name: writes, match: {type: 'write*', target: 'dev*'}}
  - {name: write_prod, match: {type: write_file, target: 'prod*'}, approval: block}`,
    fires: [],
  },
  {
    why: 'the rule above is only observed',
    id: 'unreachable-rule',
    policy: `
rules:
  - {name: writes, mode: observe, match: {type: 'write*'}}
  - {name: write_prod, match: {type: write_file}, approval: block}`,
    fires: [],
  },
  {
    why: 'an after-hours rule behind the rule for the whole day',
    id: 'unreachable-rule',
    policy: `
rules:
  - {name: phi, match: {type: access_phi}, risk_level: high}
  - {name: phi_night, match: {type: access_phi}, conditions: {time_after: '22:00'}, risk_level: critical}`,
    fires: ['phi_night:4:5'],
  },
  {
    why: 'a lower bound that a lower one above takes in',
    id: 'unreachable-rule',
    policy: `
rules:
  - {name: over_10, match: {type: pay}, conditions: {param_gt: {amount: 10}}}
  - {name: over_100, match: {type: pay}, conditions: {param_gt: {amount: 100}}, approval: block}`,
    fires: ['over_100:4:5'],
  },
  {
    why: 'a lower bound that a higher one above leaves room for',
    id: 'unreachable-rule',
    policy: `
rules:
  - {name: over_100, match: {type: pay}, conditions: {param_gt: {amount: 100}}, approval: block}
  - {name: over_10, match: {type: pay}, conditions: {param_gt: {amount: 10}}}`,
    fires: [],
  },
  {
    why: 'a rule that blocks a missing parameter still decides that',
    id: 'unreachable-rule',
    policy: `
rules:
  - {name: over_10, match: {type: pay}, conditions: {param_gt: {amount: 10}}}
  - {name: over_100, on_missing: block, match: {type: pay}, conditions: {param_gt: {amount: 100}}, approval: block}`,
    fires: [],
  },
  {
    why: 'day and night above leave no minute',
    id: 'unreachable-rule',
    policy: `
rules:
  - {name: day, match: {type: '*'}, conditions: {time_after: '08:00', time_before: '18:00'}}
  - {name: night, match: {type: '*'}, conditions: {time_after: '18:00', time_before: '08:00'}, approval: block}
  - {name: never, match: {type: deploy}, approval: block, risk_level: high}`,
    fires: ['never:5:5'],
  },
  {
    why: 'weekdays and weekend above leave one hour a week',
    id: 'unreachable-rule',
    policy: `
rules:
  - {name: week, match: {type: '*'}, conditions: {weekdays: [1, 2, 3, 4, 5]}}
  - {name: weekend, match: {type: '*'}, conditions: {weekdays: [6, 7], time_before: '23:00'}, approval: block}
  - {name: last_hour, match: {type: deploy}, approval: block}`,
    fires: [],
  },
  {
    why: 'windows in two zones cannot be added up',
    id: 'unreachable-rule',
    policy: `
rules:
  - {name: day, conditions: {time_after: '08:00', time_before: '18:00', timezone: Europe/Berlin}}
  - {name: night, conditions: {time_after: '18:00', time_before: '08:00'}, approval: block}
  - {name: gap, match: {type: deploy}, approval: block}`,
    fires: [],
  },
  {
    why: 'the window ends as it begins',
    id: 'impossible-window',
    policy: `
rules:
  - {name: w, conditions: {time_after: '09:00', time_before: '09:00'}}`,
    fires: ['w:3:27'],
  },
  {
    why: 'a window over midnight is one',
    id: 'impossible-window',
    policy: `
rules:
  - {name: w, conditions: {time_after: '18:00', time_before: '08:00'}}`,
    fires: [],
  },
  {
    why: 'a value above 100 and below 10',
    id: 'impossible-window',
    policy: `
rules:
  - {name: w, conditions: {param_gt: {n: 100}, param_lt: {n: 10}}}`,
    fires: ['w:3:15'],
  },
  {
    why: 'an exact value outside of the bound',
    id: 'impossible-window',
    policy: `
rules:
  - {name: w, conditions: {param_eq: {n: 5}, param_gt: {n: 5}}}`,
    fires: ['w:3:15'],
  },
  {
    why: 'bounds that meet in one value, and bounds on two parameters',
    id: 'impossible-window',
    policy: `
rules:
  - {name: w, conditions: {param_gte: {n: 10, m: 50}, param_lte: {n: 10}, param_lt: {k: 1}}}`,
    fires: [],
  },
  {
    why: 'a day 0, a day 8 and no day at all',
    id: 'impossible-weekday',
    policy: `
rules:
  - {name: sunday, conditions: {weekdays: [0]}}
  - {name: some, conditions: {weekdays: [7, 8]}}
  - {name: none, conditions: {weekdays: []}}`,
    fires: ['sunday:3:32', 'some:4:30', 'none:5:30'],
  },
  {
    why: 'all seven days',
    id: 'impossible-weekday',
    policy: 'rules: [{conditions: {weekdays: [1,2,3,4,5,6,7]}}]',
    fires: [],
  },
  {
    why: 'a night from Monday to Friday',
    id: 'night-weekdays',
    policy: `
rules:
  - {name: n, conditions: {time_after: '22:00', time_before: '06:00', weekdays: [1, 2, 3, 4, 5]}}`,
    fires: ['n:3:69'],
  },
  {
    why: 'a day from Monday to Friday',
    id: 'night-weekdays',
    policy: `
rules:
  - {name: n, conditions: {time_after: '06:00', time_before: '22:00', weekdays: [1, 2, 3, 4, 5]}}`,
    fires: [],
  },
  {
    why: 'the rule says what the default says',
    id: 'equals-default',
    policy: `
defaults: {risk_level: medium, approval: approve}
rules:
  - {name: weekday_deploys_only, match: {type: 'deploy*'}, conditions: {weekdays: [1, 2, 3, 4, 5]}}`,
    fires: ['weekday_deploys_only:4:5'],
  },
  {
    why: 'it keeps a later rule from deciding',
    id: 'equals-default',
    policy: `
defaults: {risk_level: medium, approval: approve}
rules:
  - {name: write_home, match: {type: write, target: 'home/*'}}
  - {name: write, match: {type: 'write*'}, approval: block}`,
    fires: [],
  },
  {
    why: 'the default approves by another number of people',
    id: 'equals-default',
    policy: `
defaults: {risk_level: medium, approval: {approvers: 2}}
rules:
  - {name: deploy, match: {type: deploy}}`,
    fires: [],
  },
  {
    why: 'the count is left out and the action ends at the default',
    id: 'missing-param-disables-block',
    policy: `
defaults: {approval: approve}
rules:
  - {name: bulk, match: {type: 'bulk_*'}, conditions: {param_gt: {count: 100}}, approval: block}`,
    fires: ['bulk:4:5'],
  },
  {
    why: 'the count is left out and a later rule lets it pass',
    id: 'missing-param-disables-block',
    policy: `
rules:
  - {name: bulk, match: {type: 'bulk_*'}, conditions: {param_gt: {count: 100}}, approval: block}
  - {name: bulk_any, match: {type: 'bulk_*'}}`,
    fires: ['bulk:3:5'],
  },
  {
    why: 'on_missing blocks',
    id: 'missing-param-disables-block',
    policy: `
defaults: {approval: approve}
rules:
  - {name: bulk, match: {type: 'bulk_*'}, conditions: {param_gt: {count: 100}}, on_missing: block, approval: block}
  - {name: negative, match: {type: 'bulk_*'}, conditions: {param_lt: {count: 1}}, approval: block}`,
    fires: [],
  },
  {
    why: 'whatever lets pass needs the parameter, and the default blocks',
    id: 'missing-param-disables-block',
    policy: `
rules:
  - {name: big, match: {type: pay}, conditions: {param_gt: {amount: 100}}, approval: block}
  - {name: small, match: {type: pay}, conditions: {param_gt: {amount: 0}, param_lte: {amount: 100}}}`,
    fires: [],
  },
  {
    why: 'the block by night stands behind the rule for a named action',
    id: 'escaped-time-rule',
    policy: `
defaults: {approval: approve}
rules:
  - {name: write, match: {type: write}, risk_level: low}
  - {name: night, match: {type: 'write*'}, conditions: {time_after: '18:00'}, approval: block}`,
    fires: ['night:5:5'],
  },
  {
    why: 'the rule above has hours of its own',
    id: 'escaped-time-rule',
    policy: `
rules:
  - {name: staging, match: {type: deploy, target: staging}, conditions: {time_before: '19:00'}, approval: auto}
  - {name: night, match: {type: deploy}, conditions: {time_after: '18:00'}, approval: block}`,
    fires: [],
  },
  {
    why: 'the rule above is about something else that shares some names',
    id: 'escaped-time-rule',
    policy: `
rules:
  - {name: lists, match: {type: 'list_*'}, approval: auto}
  - {name: night, match: {type: '*deploy*'}, conditions: {time_after: '18:00'}, approval: block}`,
    fires: [],
  },
  {
    why: 'the block is in mode observe',
    id: 'observe-only-block',
    policy: 'rules: [{name: b, mode: observe, match: {type: drop}, approval: block}]',
    fires: ['b:1:9'],
  },
  {
    why: 'the whole file is, but for one rule',
    id: 'observe-only-block',
    policy: `
mode: observe
rules:
  - {name: a, match: {type: drop}, approval: block}
  - {name: b, mode: enforce, match: {type: delete}, approval: block}`,
    fires: ['a:4:5'],
  },
  {
    why: 'a refund below nought is below 25',
    id: 'negative-amount',
    policy: `
rules:
  - {name: small, match: {type: refund}, conditions: {param_lte: {amount: 25}}, approval: auto}`,
    fires: ['small:3:67'],
  },
  {
    why: 'there is a lower bound',
    id: 'negative-amount',
    policy: `
rules:
  - {name: small, match: {type: refund}, conditions: {param_gt: {amount: 0}, param_lte: {amount: 25}}, approval: auto}`,
    fires: [],
  },
  {
    why: 'an earlier rule blocks what is not positive',
    id: 'negative-amount',
    policy: `
rules:
  - {name: no, match: {type: '*refund*'}, conditions: {param_lte: {amount: 0}}, on_missing: block, approval: block}
  - {name: small, match: {type: refund}, conditions: {param_lte: {amount: 25}}, approval: auto}`,
    fires: [],
  },
  {
    why: 'the parameter is no amount',
    id: 'negative-amount',
    policy: 'rules: [{match: {type: set_heating}, conditions: {param_lte: {temperature: 25}}, approval: auto}]',
    fires: [],
  },
  {
    why: 'DELETE ends at the default',
    id: 'case-sensitive-type',
    policy: `
defaults: {approval: approve}
rules:
  - {name: delete, match: {type: 'delete*'}, approval: block}
  - {name: drop, match: {type: 'drop*'}, approval: block}`,
    fires: ['delete:4:28'],
  },
  {
    why: 'bulk_DELETE gets through a wildcard',
    id: 'case-sensitive-type',
    policy: `
rules:
  - {name: delete, match: {type: '*delete'}, approval: block}
  - {name: any, match: {type: '*'}}`,
    fires: ['delete:3:28'],
  },
  {
    why: 'the default blocks',
    id: 'case-sensitive-type',
    policy: `
rules:
  - {name: delete, match: {type: 'delete*'}, approval: block}
  - {name: read, match: {type: 'read*'}, approval: auto}`,
    fires: [],
  },
  {
    why: 'a rule above blocks capital letters',
    id: 'case-sensitive-type',
    policy: `
defaults: {approval: approve}
rules:
  - {name: odd, match: {type: '*[A-Z]*'}, approval: block}
  - {name: delete, match: {type: 'delete*'}, approval: block}`,
    fires: [],
  },
  {
    why: 'a SELECT with company',
    id: 'open-ended-pattern',
    policy: `
rules:
  - {name: s, match: {type: query}, conditions: {param_matches: {sql: '^SELECT '}}, approval: auto}`,
    fires: ['s:3:66'],
  },
  {
    why: 'an escaped dollar is no end',
    id: 'open-ended-pattern',
    policy: `
rules:
  - {name: s, match: {type: query}, conditions: {param_matches: {sql: '^SELECT \\$'}}, approval: auto}`,
    fires: ['s:3:66'],
  },
  {
    why: 'the end is anchored, a person reads it, or the parameter is no language',
    id: 'open-ended-pattern',
    policy: `
rules:
  - {name: a, match: {type: query}, conditions: {param_matches: {sql: '^(SELECT [a-z]+$)'}}, approval: auto}
  - {name: b, match: {type: query}, conditions: {param_matches: {sql: '^INSERT '}}}
  - {name: c, match: {type: query}, conditions: {param_matches: {colour: '^red'}}, approval: auto}`,
    fires: [],
  },
  {
    why: 'ten thousand characters of blanks and then something else',
    id: 'pattern-sees-a-part',
    policy: `
rules:
  - {name: s, match: {type: query}, conditions: {param_matches: {sql: '^SELECT [a-z, ]+$'}}, approval: auto}`,
    fires: ['s:3:66'],
  },
  {
    why: 'the length is bounded',
    id: 'pattern-sees-a-part',
    policy: `
rules:
  - name: s
    match: {type: query}
    conditions: {param_matches: {sql: '^SELECT [a-z, ]+$'}, when: size(action.params.sql) < 10000}
    approval: auto`,
    fires: [],
  },
  {
    why: 'words that the loader takes for the strictest',
    id: 'plan-unknown-word',
    policy: `
plan_rules:
  sequence_patterns:
    - {name: a, steps: [read, send], approval: aprove, risk_level: hgh}
  cumulative_risk: {max_total_risk: 5, on_exceed: ask, name: c}`,
    fires: ['a:4:48', 'a:4:68', 'c:5:51'],
  },
  {
    why: 'words in any letter case',
    id: 'plan-unknown-word',
    policy: `
plan_rules:
  sequence_patterns:
    - {name: a, steps: [read, send], approval: Approve, risk_level: HIGH}
  cumulative_risk: {max_total_risk: 5, on_exceed: block}`,
    fires: [],
  },
  {
    why: 'one step, and none',
    id: 'plan-single-step',
    policy: `
plan_rules:
  sequence_patterns:
    - {name: one, steps: [send]}
    - {name: two, steps: [read, send]}
    - {name: none}`,
    fires: ['one:4:7', 'none:6:7'],
  },
];

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
      expect(own.some((row) => row.fires.length === 0) || id === 'plan-single-step', `${id} is silent`).toBe(true);
    }
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
