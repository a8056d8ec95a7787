import { canonicalText } from '../model/canonical.ts';
import type { ApprovalTerms } from '../model/decision.ts';
import type { Condition, CumulativeRisk, PolicyFile, Rule, SequencePattern } from './policy.ts';
import { formatTimeOfDay } from './time.ts';

/** A part of a rule or file that is written otherwise; '' where it is absent. */
interface PartChange {
  readonly part: string;
  readonly old: string;
  readonly new: string;
}

/** How the text of two policies differs, whatever that does to decisions. */
export interface RuleDiff {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly { readonly rule: string; readonly parts: readonly PartChange[] }[];
  /** Rules in both files whose place among the others is another. */
  readonly moved: readonly string[];
  /** Defaults, zone, mode, session, enforcement and plan rules. */
  readonly file: readonly PartChange[];
}

type Parts = ReadonlyMap<string, string>;

/** Compares two policies rule by rule. A rule without a name is known by its globs and its place among its likes. */
export function diffRules(older: PolicyFile, newer: PolicyFile): RuleDiff {
  const [left, right] = [keyed(older.rules), keyed(newer.rules)];
  const both = [...left.keys()].filter((key) => right.has(key));
  const changed = both.flatMap((key) => {
    const parts = changes(partsOf(left.get(key)), partsOf(right.get(key)));
    return parts.length === 0 ? [] : [{ rule: key, parts }];
  });
  return {
    added: [...right.keys()].filter((key) => !left.has(key)),
    removed: [...left.keys()].filter((key) => !right.has(key)),
    changed,
    moved: movedOf(both, [...right.keys()]),
    file: changes(filePartsOf(older), filePartsOf(newer)),
  };
}

function keyed(rules: readonly Rule[]): ReadonlyMap<string, Rule> {
  const found = new Map<string, Rule>();
  for (const rule of rules) {
    const base = rule.writtenName ?? `${rule.match.type.text}@${rule.match.target.text}`;
    let key = base;
    for (let count = 2; found.has(key); count += 1) key = `${base} (${count})`;
    found.set(key, rule);
  }
  return found;
}

function changes(left: Parts, right: Parts): readonly PartChange[] {
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((part) => {
    const change = { part, old: left.get(part) ?? '', new: right.get(part) ?? '' };
    return change.old === change.new ? [] : [change];
  });
}

function partsOf(rule: Rule | undefined): Parts {
  if (rule === undefined) return new Map();
  return new Map([
    ['match.type', rule.match.type.text],
    ['match.target', rule.match.target.text],
    ['match.agent', rule.match.agent.text],
    ...rule.conditions.map((condition) => [`conditions.${condition.op}`, describeCondition(condition)] as const),
    ['risk_level', rule.riskLevel],
    ['approval', describeApproval(rule.approval, rule.terms)],
    ['mode', rule.mode],
    ['on_missing', rule.onMissing],
  ]);
}

/** A condition as one line. */
function describeCondition(condition: Condition): string {
  switch (condition.op) {
    case 'time_after':
      return `from ${formatTimeOfDay(condition.minutes)} ${condition.zone.name}`;
    case 'time_before':
      return `before ${formatTimeOfDay(condition.minutes)} ${condition.zone.name}`;
    case 'time_window':
      return `from ${formatTimeOfDay(condition.after)} over midnight to ${formatTimeOfDay(condition.before)} ${condition.zone.name}`;
    case 'weekdays':
      return `${[...condition.days].sort((left, right) => left - right).join(', ')} ${condition.zone.name}`;
    case 'semantic':
      return condition.phrase;
    case 'when':
      return condition.source;
    case 'never':
      return condition.written;
    case 'param_matches':
      return condition.tests.map(({ param, pattern }) => `${param}: ${pattern.source}`).join(', ');
    default:
      return condition.tests.map(({ param, expected }) => `${param}: ${canonicalText(expected)}`).join(', ');
  }
}

function describeApproval(approval: string, terms: ApprovalTerms): string {
  const { approvers, scope, ttlMs, waitMs, forMs } = terms;
  const parts = [
    approvers === 1 ? '' : `${approvers} approvers`,
    scope === 'once' ? '' : `scope ${scope}`,
    ...Object.entries({ ttl: ttlMs, wait: waitMs, for: forMs }).map(([key, value]) =>
      value === null ? '' : `${key} ${value} ms`,
    ),
  ].filter((part) => part !== '');
  return parts.length === 0 ? approval : `${approval} (${parts.join(', ')})`;
}

function filePartsOf(policy: PolicyFile): Parts {
  const { defaults, plan } = policy;
  return new Map([
    ['defaults.approval', describeApproval(defaults.approval, defaults.terms)],
    ['defaults.risk_level', defaults.riskLevel],
    ['timezone', policy.zone.name],
    ['mode', policy.mode],
    ['session', `${policy.sessionMs} ms`],
    ['enforcement', policy.enforcement ?? ''],
    ...plan.patterns.map((pattern) => [`plan rule ${pattern.name}`, describePattern(pattern)] as const),
    ...(plan.cumulative === null ? [] : [['cumulative_risk', describeCumulative(plan.cumulative)] as const]),
  ]);
}

function describePattern({ steps, window, approval, riskLevel }: SequencePattern): string {
  const within = window > 0 ? ` within ${window}` : '';
  return `${steps.map((step) => step.text).join(' > ')}${within}: ${approval}, ${riskLevel}`;
}

function describeCumulative({ maxTotalRisk, onExceed }: CumulativeRisk): string {
  return `above ${maxTotalRisk}: ${onExceed}`;
}

/** Those that do not belong to the longest run of rules that kept their order. */
function movedOf(oldOrder: readonly string[], newOrder: readonly string[]): readonly string[] {
  const places = new Map(newOrder.map((key, index) => [key, index]));
  const sequence = oldOrder.map((key) => places.get(key) ?? 0);
  const kept = longestRising(sequence);
  return oldOrder.filter((_, index) => !kept.has(index));
}

/** The indexes of one longest rising subsequence; patience sorting, in n log n. */
function longestRising(sequence: readonly number[]): ReadonlySet<number> {
  const tails: number[] = [];
  const before: (number | null)[] = [];
  for (const [index, value] of sequence.entries()) {
    const pile = pileOf(tails, sequence, value);
    before[index] = pile === 0 ? null : (tails[pile - 1] ?? null);
    tails[pile] = index;
  }
  const kept = new Set<number>();
  for (let at = tails.at(-1) ?? null; at !== null; at = before[at] ?? null) kept.add(at);
  return kept;
}

/** The first pile whose top is not below the value. */
function pileOf(tails: readonly number[], sequence: readonly number[], value: number): number {
  let [low, high] = [0, tails.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sequence[tails[middle] ?? 0] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
