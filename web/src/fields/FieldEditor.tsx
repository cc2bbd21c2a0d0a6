import { lazy, Suspense } from 'react';
import { FilesEditor } from '../files/FilesEditor.tsx';
import { DateEditor } from './DateEditor.tsx';
import type { FieldEditorProps } from './editorProps.ts';
import { ListEditor } from './ListEditor.tsx';
import { OptionEditor } from './OptionEditor.tsx';
import { PartsEditor } from './PartsEditor.tsx';
import { LinksEditor, RelationEditor } from './RelationEditor.tsx';
import { TextEditor } from './TextEditor.tsx';

// A form of its own, which few fields have.
const RecurrenceEditor = lazy(async () => ({ default: (await import('./RecurrenceEditor.tsx')).RecurrenceEditor }));

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
    case 'FILES':
      return <FilesEditor {...props} />;
    case 'EMAILS':
    case 'PHONES':
    case 'LINKS':
    case 'ARRAY':
      return <ListEditor {...props} />;
    case 'TEXT':
      return props.field.settings?.format === 'recurrence' ? (
        <Suspense fallback={null}>
          <RecurrenceEditor {...props} />
        </Suspense>
      ) : (
        <TextEditor {...props} />
      );
    default:
      return <TextEditor {...props} />;
  }
}
