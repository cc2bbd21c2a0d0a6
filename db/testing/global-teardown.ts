export default async function globalTeardown() {
  await globalThis.relvarTestCluster?.stop();
}
