import { describeDecision, type Decision, type Verdict } from '../model/decision.ts';
import { coverageOf, type Coverage } from './coverage.ts';
import { decide, type PolicySet } from './policy-set.ts';
import type { Expectation, TestCase, TestFile } from './test-file.ts';

/** Something that a case expected otherwise. */
interface Difference {
  /** What is different, as `approval` or `decisions[1].rule`. */
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

/** What became of one case; it passed when there is no difference. */
export interface CaseResult {
  readonly test: TestCase;
  readonly verdict: Verdict;
  readonly differences: readonly Difference[];
  /** The sentence of the decision that was found. */
  readonly why: string;
}

/** What became of all cases of a file. */
export interface TestReport {
  readonly results: readonly CaseResult[];
  readonly failed: number;
  readonly coverage: Coverage;
}

/** Runs the cases of a test file against a policy. Each has its own clock and history; nothing of the world is asked. */
export function runTestFile(set: PolicySet, file: TestFile): TestReport {
  const results = file.cases.map((test) => runCase(set, test));
  const failed = results.filter((result) => result.differences.length > 0).length;
  const verdicts = results.map((result) => result.verdict);
  return { results, failed, coverage: coverageOf(set, verdicts) };
}

function runCase(set: PolicySet, test: TestCase): CaseResult {
  const verdict = decide(set, test.actions, test.context, test.history);
  return { test, verdict, differences: compare(test.expected, verdict), why: describeDecision(verdict.decision) };
}

function compare(expected: Expectation, verdict: Verdict): readonly Difference[] {
  return [
    ...compareOutcome('', expected, verdict.decision),
    ...(expected.decisions ?? []).flatMap((wanted, index) => {
      const found = verdict.decisions[index];
      return found === undefined ? [] : compareOutcome(`decisions[${index}].`, wanted, found);
    }),
    ...compareViolations(expected.violations, verdict),
    ...compareObserved(expected.observed, verdict.decision),
  ];
}

type ExpectedOutcome = Pick<Expectation, 'approval' | 'risk_level' | 'rule' | 'reason'>;

function compareOutcome(prefix: string, expected: ExpectedOutcome, found: Decision): readonly Difference[] {
  return differing([
    [`${prefix}approval`, expected.approval, found.approval],
    [`${prefix}risk_level`, expected.risk_level, found.riskLevel],
    [`${prefix}rule`, expected.rule, found.rule],
    [`${prefix}reason`, expected.reason, found.reason.kind],
  ]);
}

function compareViolations(expected: Expectation['violations'], verdict: Verdict): readonly Difference[] {
  if (expected === undefined) return [];
  const [wanted, found] = [
    listed(expected.map(({ rule }) => rule)),
    listed(verdict.violations.map(({ rule }) => rule)),
  ];
  if (wanted !== found) return [{ what: 'violations', expected: wanted, found }];
  return expected.flatMap((violation, index) => {
    const broken = verdict.violations[index];
    return differing([
      [`violations[${index}].approval`, violation.approval, broken?.approval],
      [`violations[${index}].risk_level`, violation.risk_level, broken?.riskLevel],
      [`violations[${index}].actions`, violation.actions?.toString(), broken?.actions.toString()],
    ]);
  });
}

function compareObserved(expected: Expectation['observed'], found: Decision): readonly Difference[] {
  if (expected === undefined) return [];
  return differing([['observed', listed(expected), listed(found.observed.map(({ rule }) => rule))]]);
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}

/** Those rows in which something is expected and something else was found. */
function differing(
  rows: readonly (readonly [what: string, expected: string | undefined, found: string | undefined])[],
): readonly Difference[] {
  return rows.flatMap(([what, expected, found]) =>
    expected === undefined || expected === found ? [] : [{ what, expected, found: found ?? 'nothing' }],
  );
}
