import { readArguments, UsageError } from './arguments.ts';
import { failedLine, toLine, type Line } from './bench.ts';
import { BENCHES } from './benches.ts';
import { Lab } from './lab.ts';
import { formatHead, formatLine } from './report.ts';

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function main(): Promise<void> {
  const { names, isJson } = readArguments(
    process.argv.slice(2),
    BENCHES.map(({ name }) => name),
  );
  const lab = new Lab((text) => process.stderr.write(`${text}\n`));
  let isInterrupted = false;
  for (const [signal, status] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      isInterrupted = true;
      void lab.close().finally(() => process.exit(status));
    });
  }
  if (!isJson) process.stdout.write(`${formatHead()}\n`);
  let isOk = true;
  try {
    for (const bench of BENCHES) {
      if (!names.includes(bench.name)) continue;
      let line: Line;
      try {
        line = toLine(bench.name, await bench.run(lab));
      } catch (error) {
        line = failedLine(bench.name, error);
      }
      // What the end of its database made of a bench is no result.
      if (isInterrupted) return;
      process.stdout.write(`${isJson ? JSON.stringify(line) : formatLine(line)}\n`);
      isOk &&= line.ok;
    }
  } finally {
    await lab.close();
  }
  process.exitCode = isOk ? 0 : 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof UsageError ? error.message : String((error as Error).stack)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
