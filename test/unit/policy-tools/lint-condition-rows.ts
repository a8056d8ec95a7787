import type { LintRow } from './lint-row.ts';

/** What a rule says by itself. */
export const conditionRows: readonly LintRow[] = [
  {
    why: 'the window ends as it begins',
    id: 'impossible-window',
    policy: `
rules:
  - {name: w, conditions: {time_after: '09:00', time_before: '09:00'}}`,
    fires: ['w:3:28'],
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
    fires: ['sunday:3:33', 'some:4:31', 'none:5:31'],
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
    fires: ['n:3:71'],
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
    - {name: none}`,
    fires: ['one:4:7', 'none:5:7'],
  },
  {
    why: 'two steps',
    id: 'plan-single-step',
    policy: 'plan_rules: {sequence_patterns: [{name: two, steps: [read, send]}]}',
    fires: [],
  },
];
