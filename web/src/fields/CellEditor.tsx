import { useState } from 'react';
import { create } from 'zustand';
import { settled } from '../app/settled.ts';
import type { FieldEditorProps } from './editorProps.ts';
import type { FieldEditor } from './FieldEditor.tsx';

const useEditor = create<{ edit: typeof FieldEditor | null }>(() => ({ edit: null }));

void settled.then(() => import('./FieldEditor.tsx')).then(({ FieldEditor: edit }) => useEditor.setState({ edit }));

/** The editor of a cell, loaded once the table stands. It is kept rather than suspended for: cells open at once. */
export function CellEditor(props: FieldEditorProps) {
  const edit = useEditor((state) => state.edit);
  const [typed, setTyped] = useState(props.typed);
  if (edit) return edit({ ...props, typed });
  // Nothing of what is typed meanwhile is lost.
  return typed === null ? null : (
    <input
      aria-label={props.field.label}
      autoFocus
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
    />
  );
}
