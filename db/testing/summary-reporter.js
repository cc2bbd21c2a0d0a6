import { writeFileSync } from 'node:fs';
import { summaryOf } from './summary.ts';

/** Says in the very last line what people and programs want to know; or tells a program that says it, in a file. */
export default class SummaryReporter {
  onRunComplete(_contexts, results) {
    const suites = results.testResults.map((suite) => ({
      path: suite.testFilePath,
      passed: suite.numPassingTests,
      // A file that could not even be loaded counts as a failure, though none of its tests ran.
      failed: suite.numFailingTests + (suite.testExecError ? 1 : 0),
      skipped: suite.numPendingTests,
      failures: suite.testResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
    }));
    const report = process.env.RELVAR_TEST_REPORT;
    if (report) writeFileSync(report, JSON.stringify(suites));
    // Jest itself has more to say after this.
    else process.once('exit', () => process.stderr.write(`${summaryOf(suites)}\n`));
  }
}
