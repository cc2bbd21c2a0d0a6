import type { Lab } from './lab.ts';

/** One benchmark: what it compares, and how it finds out. */
export interface Bench {
  readonly name: string;
  /** One line for people: what is set against what. */
  readonly compares: string;
  run(lab: Lab): Promise<Finding>;
}

/** What a bench found. Several conditions are several parts of `checks`; `ok` is all of them. */
export interface Finding {
  /** Exactly one of `ratio` and `value` (with its unit) is the headline. */
  readonly ratio?: number;
  readonly value?: number;
  readonly unit?: string;
  /** What the headline must not exceed, or (`atLeast`) must reach. */
  readonly bound: number;
  readonly atLeast?: true;
  /** Conditions beside the headline, each true when it holds. */
  readonly checks?: Readonly<Record<string, boolean>>;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** One line of `--json`. */
export interface Line {
  name: string;
  ratio?: number;
  value?: number;
  unit?: string;
  bound: number;
  ok: boolean;
  detail: Record<string, unknown>;
}

export function toLine(name: string, finding: Finding): Line {
  const { ratio, value, unit, bound, atLeast, checks = {}, detail } = finding;
  const headline = ratio ?? value ?? Number.NaN;
  const failed = Object.keys(checks).filter((check) => !checks[check]);
  // NaN fails either comparison: a bench that measured nothing is not ok.
  const isWithin = atLeast ? headline >= bound : headline <= bound;
  return {
    name,
    ...(ratio === undefined ? {} : { ratio: round(ratio) }),
    ...(value === undefined ? {} : { value: round(value), unit: unit ?? '' }),
    bound,
    ok: isWithin && failed.length === 0,
    detail: {
      ...(atLeast ? { boundIs: 'at least' } : {}),
      ...roundAll(detail),
      ...(failed.length > 0 ? { failed } : {}),
    },
  };
}

export function failedLine(name: string, error: unknown): Line {
  const message = error instanceof Error ? error.message : String(error);
  return { name, bound: 0, ok: false, detail: { error: message } };
}

function roundAll(detail: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(detail, (_key, value: unknown) => (typeof value === 'number' ? round(value) : value)),
  ) as Record<string, unknown>;
}

function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
