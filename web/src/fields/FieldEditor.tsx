import type { Move } from '../grid/types.ts';
import type { ModelField } from '../model/types.ts';
import type { FieldValue } from '../model/values.ts';
import { OptionEditor, RelationEditor } from './ChoiceEditor.tsx';
import { DateEditor } from './DateEditor.tsx';
import { PartsEditor } from './PartsEditor.tsx';
import { TextEditor } from './TextEditor.tsx';

export interface FieldEditorProps {
  field: ModelField;
  value: FieldValue;
  typed: string | null;
  onSave: (value: FieldValue) => void;
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
      return <RelationEditor {...props} />;
    case 'DATE':
    case 'DATE_TIME':
      return <DateEditor {...props} />;
    case 'FULL_NAME':
    case 'ADDRESS':
      return <PartsEditor {...props} />;
    default:
      return <TextEditor {...props} multiline={props.field.type === 'RICH_TEXT' || props.field.type === 'RAW_JSON'} />;
  }
}
