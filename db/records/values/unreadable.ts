/** Why a cell cannot be read as its field's type; the sentence ends up in the rejects file. */
export class Unreadable {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** A cell as it may stand in a sentence: one line, and not longer than a glance. */
export function quote(cell: string): string {
  const line = cell.replace(/\s+/g, ' ');
  return `"${line.length > 60 ? `${line.slice(0, 57)}…` : line}"`;
}
