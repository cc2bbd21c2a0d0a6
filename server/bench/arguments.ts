import { parseArgs } from 'node:util';
import { nearest } from '../../db/records/nearest.ts';

/** A mistake in the command line; the message is all that is printed. */
export class UsageError extends Error {}

export interface BenchArguments {
  /** In the order of `known`; all of them when none is named. */
  readonly names: readonly string[];
  readonly isJson: boolean;
}

export function readArguments(argv: readonly string[], known: readonly string[]): BenchArguments {
  const { json, positionals } = parse(argv, known);
  for (const name of positionals) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    throw new UsageError(
      `There is no benchmark "${name}".${meant === null ? '' : ` Did you mean ${meant}?`} The benchmarks are ${known.join(', ')}.`,
    );
  }
  const isAsked = (name: string) => positionals.length === 0 || positionals.includes(name);
  return { names: known.filter(isAsked), isJson: json };
}

function parse(argv: readonly string[], known: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { json: { type: 'boolean', default: false } },
      allowPositionals: true,
    });
    return { json: values.json, positionals };
  } catch (error) {
    const [problem] = (error as Error).message.split('. ');
    throw new UsageError(
      `${problem}. Usage: npm run -s bench -- [NAME…] [--json], where NAME is one of ${known.join(', ')}.`,
    );
  }
}
