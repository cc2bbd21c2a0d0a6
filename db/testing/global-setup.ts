import { startTestCluster, type TestCluster } from './cluster.ts';

declare global {
  var relvarTestCluster: TestCluster | undefined;
}

/** One server for all test files, which learn of it by environment variables (they are other processes). */
export default async function globalSetup() {
  const cluster = await startTestCluster();
  globalThis.relvarTestCluster = cluster;
  process.env.RELVAR_TEST_ADMIN_URL = cluster.adminUrl;
  process.env.RELVAR_TEST_SERVER_PASSWORD = cluster.server.serverPassword;
  process.env.RELVAR_TEST_WORKER_PASSWORD = cluster.server.workerPassword;

  // Jest skips its teardown when it is interrupted. Not `once`: as soon as no listener is left, a library of Jest's ends
  // the process on the spot.
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    process.on(signal, () => void cluster.stop().finally(() => process.exit(status)));
}
