import type { MappedHeader } from './mapping.ts';
import type { RejectedRow } from './rejectsFile.ts';

export interface Problem {
  line: number;
  kind: string;
  reason: string;
  /** Which cell it is about, where that is known. */
  cell: number | null;
  cells: string[];
}

export interface ProblemGroup {
  kind: string;
  count: number;
  example: string;
  cell: number | null;
}

const MAX_GROUPS = 200;

/** A reason without what differs from row to row. */
function kindOf(reason: string): string {
  return reason.replace(/"(?:[^"]|"")*"/g, '“…”').replace(/\d+/g, '#');
}

/** Counts what rejected rows have in common, and finds the cells that are at fault. */
export class Problems {
  private readonly groups = new Map<string, ProblemGroup>();
  private mapping: readonly MappedHeader[] = [];

  learn(mapping: readonly MappedHeader[]): void {
    this.mapping = mapping;
  }

  add({ line, reason, cells }: RejectedRow): Problem {
    const kind = kindOf(reason).slice(0, 300);
    const cell = this.cellOf(reason);
    const group = this.groups.get(kind);
    if (group) group.count += 1;
    else if (this.groups.size < MAX_GROUPS) this.groups.set(kind, { kind, count: 1, example: reason, cell });
    return { line, kind, reason, cell, cells };
  }

  /** The columns of the file, in their order. */
  headers(): string[] {
    return this.mapping.map(({ header }) => header);
  }

  /** The most frequent first. */
  all(): ProblemGroup[] {
    return [...this.groups.values()].sort((a, b) => b.count - a.count);
  }

  /** Reasons begin with the header, or with the label of the field. */
  private cellOf(reason: string): number | null {
    const mapped = this.mapping.filter(({ target }) => target !== null);
    const found =
      mapped.find(({ header }) => reason.startsWith(`${header}: `)) ??
      mapped.find(({ target }) => reason.startsWith(`${target!.field.label}: `)) ??
      mapped.find(({ target }) => reason.startsWith(target!.field.label));
    return found?.index ?? null;
  }
}
