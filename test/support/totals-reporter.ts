import type { Reporter, TestModule } from 'vitest/node';

/** Closes a run with one plain line, `N passed, N failed, N skipped`, that any tool can count by. */
export class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const totals = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        totals[state === 'passed' ? 'passed' : state === 'skipped' ? 'skipped' : 'failed'] += 1;
      }
      // A file that cannot be loaded has no tests to count, and must not look like a success.
      if (module.state() === 'failed' && module.errors().length > 0) totals.failed += 1;
    }
    process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
  }
}
