import type { Move } from '../grid/types.ts';
import type { ModelField } from '../model/types.ts';
import type { FieldValue } from '../model/values.ts';

/** What every editor of a value is given, whatever the type of its field. */
export interface FieldEditorProps {
  field: ModelField;
  value: FieldValue;
  /** What takes the value's place at the start: the character that began the edit, or a text that could not be read. */
  typed: string | null;
  /** Why the value, as it stands here, was refused before. */
  problem?: string | null;
  /** The record that is edited, which no relation to its own kind offers. */
  recordId?: string;
  onSave: (value: FieldValue) => void;
  /** The editor closes over a text that it cannot read: whoever opened it keeps the text. */
  onUnread?: (text: string, reason: string) => void;
  /** Escape: what was typed, or refused before, is not wanted any more. */
  onDrop?: () => void;
  done: (move: Move) => void;
}
