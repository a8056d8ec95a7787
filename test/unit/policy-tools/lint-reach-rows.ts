import type { LintRow } from './lint-row.ts';

/** What other rules of the policy make of a rule. */
export const reachRows: readonly LintRow[] = [
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
    why: 'the block is enforced, and what is observed is no block',
    id: 'observe-only-block',
    policy: `
rules:
  - {name: a, match: {type: drop}, approval: block}
  - {name: b, mode: observe, match: {type: delete}}`,
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
    why: 'a rule for staging stands above the block of drops',
    id: 'escaped-block',
    policy: `
rules:
  - {name: staging_auto, match: {target: 'staging*'}, approval: auto}
  - {name: drop_block, match: {type: drop}, approval: block}`,
    fires: ['drop_block:4:5'],
  },
  {
    why: 'the rule above is for one type on those targets, or for other targets',
    id: 'escaped-block',
    policy: `
rules:
  - {name: staging_auto, match: {type: insert, target: 'staging*'}, approval: auto}
  - {name: dev_auto, match: {target: 'dev*'}, approval: auto}
  - {name: drop_block, match: {type: drop, target: 'prod*'}, approval: block}`,
    fires: [],
  },
  {
    why: 'a deploy at 3 am ends at the default',
    id: 'night-ends-at-midnight',
    policy: `
defaults: {approval: approve}
rules:
  - {name: late, match: {type: deploy}, conditions: {time_after: '17:00'}, approval: block}`,
    fires: ['late:4:54'],
  },
  {
    why: 'a second rule blocks the morning',
    id: 'night-ends-at-midnight',
    policy: `
defaults: {approval: approve}
rules:
  - {name: late, match: {type: 'write*'}, conditions: {time_after: '18:00'}, approval: block}
  - {name: early, match: {type: 'write*'}, conditions: {time_before: '09:00'}, approval: block}`,
    fires: [],
  },
  {
    why: 'the window crosses midnight, the default blocks, or the block is by day',
    id: 'night-ends-at-midnight',
    policy: `
rules:
  - {name: night, match: {type: a}, conditions: {time_after: '18:00', time_before: '06:00'}, approval: block}
  - {name: b, match: {type: b}, conditions: {time_after: '18:00'}, approval: block}
  - {name: c, match: {type: c}, conditions: {time_after: '08:00'}, approval: block}
  - {name: c_auto, match: {type: c}, approval: auto}`,
    fires: [],
  },
];
