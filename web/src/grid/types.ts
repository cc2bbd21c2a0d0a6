import type { ReactNode } from 'react';

export interface GridColumn {
  id: string;
  title: string;
  /** What the head says further when one points at it. */
  hint?: string;
  icon?: ReactNode;
  width: number;
  align?: 'right';
  sortable: boolean;
  editable: boolean;
  /** Stays in sight when one scrolls sideways. Such columns come first. */
  isPinned: boolean;
}

export type Move = 'stay' | 'down' | 'up' | 'right' | 'left';

export interface EditorProps<Row> {
  row: Row;
  column: GridColumn;
  /** The character that started the edit and takes the old value's place, if typing started it. */
  typed: string | null;
  /** Ends the edit; the editor has already handed over its value. */
  done: (move: Move) => void;
}

/** What marks a row, and cells of it, by column. */
export interface Tones {
  row: string | null;
  cells: ReadonlyMap<string, string>;
}

/** What the grid asks of its owner. It knows rows by key and columns by id, and nothing of what they mean. */
export interface GridActions<Row> {
  renderCell: (row: Row, column: GridColumn) => ReactNode;
  renderEditor: (props: EditorProps<Row>) => ReactNode;
  /** The head of a group, over the whole line. */
  renderGroup: (key: string, column: GridColumn, isFirst: boolean) => ReactNode;
  renderFoot: (column: GridColumn) => ReactNode;
  textOf: (row: Row, column: GridColumn) => string;
  tonesOf: (row: Row) => Tones | null;
  /** What lies on the clipboard besides its text, for the owner's own cells. */
  dataOf: (rows: Row[], columns: GridColumn[]) => string;
  /** Lines of cells, the first of which goes into the first of the rows and columns. */
  onPaste: (rows: Row[], columns: GridColumn[], lines: string[][], data: string) => void;
  onClear: (rows: Row[], columns: GridColumn[]) => void;
  /** Repeats what stands in some rows in others. */
  onFill: (from: Row[], to: Row[], columns: GridColumn[]) => void;
  /** Space or Enter on a cell that switches rather than being edited; says whether it did. */
  onToggle: (row: Row, column: GridColumn) => boolean;
  /** Whether the cell holds an edit that was refused. */
  isRefused: (row: Row, column: GridColumn) => boolean;
  onOpen: (row: Row) => void;
  onPeek: (row: Row) => void;
  /** Escape: says whether the owner had something else to end. */
  onEscape: () => boolean;
  onDelete: (keys: string[]) => void;
  onSort: (column: GridColumn) => void;
  onResize: (column: GridColumn, width: number) => void;
  onReorder: (from: string, before: string | null) => void;
  /** The menu of a column, at its head. */
  onMenu: (column: GridColumn, at: { x: number; y: number }) => void;
  onToggleGroup: (key: string) => void;
  /** The lines in view, so that the owner may fetch what they show and what comes next. */
  onSeen: (first: number, last: number) => void;
  /** The columns in view, and a few more. */
  onColumns: (columns: GridColumn[]) => void;
}
