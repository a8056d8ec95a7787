import { formatPath } from '../document/mistake.ts';
import { APPROVALS, RISK_LEVELS } from '../model/decision.ts';
import { isList, isMap, type Value } from '../model/value.ts';
import { LINTS, type Finding, type LintId, type LintSubject } from './lint-finding.ts';

type Path = readonly (string | number)[];

/**
 * Words that a plan rule takes for `block` or `critical` since it does not know them. The loader has to take them, as
 * Aegis does, so that the text is looked at here.
 */
export function unknownPlanWords(subject: LintSubject): readonly Finding[] {
  const cumulative: Path = ['plan_rules', 'cumulative_risk'];
  return [
    ...subject.policy.plan.patterns.flatMap((pattern, index) => {
      const path: Path = ['plan_rules', 'sequence_patterns', index];
      return [
        ...unknownWord(subject, pattern.name, [...path, 'approval'], { known: APPROVALS, meaning: 'block' }),
        ...unknownWord(subject, pattern.name, [...path, 'risk_level'], { known: RISK_LEVELS, meaning: 'critical' }),
      ];
    }),
    ...unknownWord(subject, subject.policy.plan.cumulative?.name ?? '', [...cumulative, 'on_exceed'], {
      known: APPROVALS,
      meaning: 'block',
    }),
  ];
}

function unknownWord(
  subject: LintSubject,
  rule: string,
  path: Path,
  word: { readonly known: readonly string[]; readonly meaning: string },
): readonly Finding[] {
  const written = valueAt(subject.document.root, path);
  if (written === undefined) return [];
  if (typeof written === 'string' && word.known.includes(written.toLowerCase())) return [];
  const message = `${formatPath(path.slice(-1))} is none of ${word.known.join(', ')} and is taken for ${word.meaning}; write ${word.meaning} if you mean it`;
  return [planFinding(subject, 'plan-unknown-word', rule, { path, message })];
}

/** Sequences that never trip: one step is no sequence. */
export function singleStepPlans(subject: LintSubject): readonly Finding[] {
  return subject.policy.plan.patterns.flatMap((pattern, index) => {
    if (pattern.steps.length > 1) return [];
    const path: Path = ['plan_rules', 'sequence_patterns', index];
    const message = 'a sequence of fewer than two steps never trips; use a rule for a single action';
    return [planFinding(subject, 'plan-single-step', pattern.name, { path, message })];
  });
}

function planFinding(
  subject: LintSubject,
  id: LintId,
  rule: string,
  detail: { readonly path: Path; readonly message: string },
): Finding {
  const position = subject.document.position(detail.path);
  return { ...position, id, severity: LINTS[id].severity, rule, message: detail.message };
}

function valueAt(root: Value, path: Path): Value | undefined {
  let value: Value | undefined = root;
  for (const step of path) {
    if (value === undefined) return undefined;
    if (isMap(value)) value = value.get(String(step));
    else value = isList(value) && typeof step === 'number' ? value[step] : undefined;
  }
  return value;
}
