import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Ends a run with what nobody may overlook: the names of skipped tests, and one plain line that counts. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 };
    const skipped: string[] = [];
    for (const module of modules) {
      if (module.state() === 'failed' && module.errors().length > 0) counts.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed' || state === 'failed') counts[state] += 1;
        else {
          counts.skipped += 1;
          skipped.push(nameOf(module, test));
        }
      }
    }
    if (skipped.length > 0) {
      console.log(
        `\n=== ${skipped.length} tests did NOT run ===\n${skipped.map((name) => `  ${name}`).join('\n')}\n===`,
      );
    }
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}

function nameOf(module: TestModule, test: TestCase): string {
  const result = test.result();
  const why = result.state === 'skipped' && result.note !== undefined ? ` (${result.note})` : '';
  return `${module.relativeModuleId}: ${test.fullName}${why}`;
}
