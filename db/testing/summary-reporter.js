/** Says in the very last line what people and programs want to know. */
export default class SummaryReporter {
  onRunComplete(_contexts, results) {
    // A file that could not even be loaded counts as a failure, though none of its tests ran.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests === 0 ? '' : `, ${results.numPendingTests} skipped`;
    // Jest itself has more to say after this.
    process.once('exit', () => process.stderr.write(`${results.numPassedTests} passed, ${failed} failed${skipped}\n`));
  }
}
