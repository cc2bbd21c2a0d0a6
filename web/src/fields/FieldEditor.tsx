import type { Move } from '../grid/types.ts';
import type { ModelField } from '../model/types.ts';
import type { FieldValue } from '../model/values.ts';
import { DateEditor } from './DateEditor.tsx';
import { ListEditor } from './ListEditor.tsx';
import { OptionEditor } from './OptionEditor.tsx';
import { PartsEditor } from './PartsEditor.tsx';
import { LinksEditor, RelationEditor } from './RelationEditor.tsx';
import { TextEditor } from './TextEditor.tsx';

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

export function FieldEditor(props: FieldEditorProps) {
  switch (props.field.type) {
    case 'SELECT':
    case 'MULTI_SELECT':
    case 'RATING':
      return <OptionEditor {...props} />;
    case 'RELATION':
    case 'MORPH_RELATION':
    case 'MEMBER':
      return <RelationEditor {...props} />;
    case 'MANY_TO_MANY':
      return <LinksEditor {...props} />;
    case 'DATE':
    case 'DATE_TIME':
      return <DateEditor {...props} />;
    case 'FULL_NAME':
    case 'ADDRESS':
      return <PartsEditor {...props} />;
    case 'EMAILS':
    case 'PHONES':
    case 'LINKS':
    case 'ARRAY':
      return <ListEditor {...props} />;
    default:
      return <TextEditor {...props} />;
  }
}
