import type { Position } from '../document/mistake.ts';
import type { YamlDocument } from '../document/yaml.ts';
import type { PolicyFile, Rule } from './policy.ts';

/** `warning`: something most likely does not do what it was meant to. `note`: worth knowing, and often meant. */
export type Severity = 'warning' | 'note';

/** Every check of `policy lint`: its id never changes, so that CI can name it. */
export const LINTS = {
  'unreachable-rule': { severity: 'warning', summary: 'no action gets as far as this rule' },
  'impossible-window': { severity: 'warning', summary: 'a time window or a pair of bounds that nothing is in' },
  'impossible-weekday': { severity: 'warning', summary: 'a weekday that is none' },
  'night-weekdays': { severity: 'note', summary: 'a window over midnight whose weekdays are those of the moment' },
  'equals-default': { severity: 'note', summary: 'a rule that decides just as the default does' },
  'missing-param-disables-block': { severity: 'warning', summary: 'a block that leaving a parameter out switches off' },
  'escaped-time-rule': { severity: 'warning', summary: 'a block by time that named actions escape' },
  'escaped-block': { severity: 'warning', summary: 'a block that a rule for targets lets actions escape' },
  'night-ends-at-midnight': { severity: 'warning', summary: 'a block by night that ends at midnight' },
  'observe-only-block': { severity: 'note', summary: 'a block that is only recorded' },
  'negative-amount': { severity: 'warning', summary: 'an amount with an upper bound and no lower one' },
  'case-sensitive-type': { severity: 'note', summary: 'a block that another letter case gets round' },
  'open-ended-pattern': { severity: 'warning', summary: 'a pattern lets pass what stands behind its match' },
  'pattern-sees-a-part': { severity: 'warning', summary: 'a pattern sees the first 10,000 characters only' },
  'plan-unknown-word': { severity: 'warning', summary: 'a plan rule with a word that stands for block or critical' },
  'plan-single-step': { severity: 'warning', summary: 'a sequence of fewer than two steps, which never trips' },
} as const satisfies { readonly [id: string]: { readonly severity: Severity; readonly summary: string } };

export type LintId = keyof typeof LINTS;

/** One thing that a check found. */
export interface Finding extends Position {
  readonly id: LintId;
  readonly severity: Severity;
  /** The rule that it is about. */
  readonly rule: string;
  /** What is so, and what to do about it. */
  readonly message: string;
}

/** What the checks look at: the policy, and the text it was read from for places. */
export interface LintSubject {
  readonly policy: PolicyFile;
  readonly document: YamlDocument;
}

/** A check gets one rule and everything around it. */
export type Check = (subject: LintSubject, rule: Rule) => readonly Finding[];

/** Makes a finding about a rule; `within` leads from the rule to the part that is meant. */
export function finding(
  subject: LintSubject,
  id: LintId,
  rule: Rule,
  detail: { readonly message: string; readonly within?: readonly (string | number)[] },
): Finding {
  const path = ['rules', rule.index, ...(detail.within ?? [])];
  const part = detail.within === undefined ? 'value' : 'key';
  return {
    ...subject.document.position(path, part),
    id,
    severity: LINTS[id].severity,
    rule: rule.name,
    message: detail.message,
  };
}
