type Labels = Readonly<Record<string, string>>;

interface Distribution {
  readonly bounds: readonly number[];
  /** How many values were within each bound and above the one before. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** Collects figures in the text format of Prometheus (version 0.0.4). */
export class Families {
  readonly #lines: string[] = [];

  gauge(name: string, help: string) {
    return this.#family(name, 'gauge', help);
  }

  counter(name: string, help: string) {
    return this.#family(name, 'counter', help);
  }

  #family(name: string, type: string, help: string) {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    return (labels: Labels, value: number) => void this.#lines.push(`${name}${written(labels)} ${value}`);
  }

  histogram(name: string, help: string) {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} histogram`);
    return (labels: Labels, { bounds, counts, count, sum }: Distribution) => {
      let below = 0;
      bounds.forEach((bound, index) => {
        below += counts[index]!;
        this.#lines.push(`${name}_bucket${written({ ...labels, le: String(bound) })} ${below}`);
      });
      this.#lines.push(
        `${name}_bucket${written({ ...labels, le: '+Inf' })} ${count}`,
        `${name}_sum${written(labels)} ${sum}`,
        `${name}_count${written(labels)} ${count}`,
      );
    };
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

function written(labels: Labels): string {
  const parts = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  );
  return parts.length > 0 ? `{${parts.join(',')}}` : '';
}
