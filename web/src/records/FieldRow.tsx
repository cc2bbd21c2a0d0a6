import { Switch } from '@mantine/core';
import { IconCheck, IconLoader2 } from '@tabler/icons-react';
import { useRef, useState, type MouseEvent } from 'react';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { FieldEditor } from '../fields/FieldEditor.tsx';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { formatValue, isEditable } from '../model/text.ts';
import type { Model, ModelField, RecordRow } from '../model/types.ts';
import { isParts, readValue, type FieldValue } from '../model/values.ts';
import classes from './RecordView.module.css';
import type { SaveState } from './useRecord.ts';

interface FieldRowProps {
  model: Model;
  field: ModelField;
  row: RecordRow;
  save: SaveState | undefined;
  flashing: boolean;
  emphasis?: boolean;
  wide?: boolean;
  onSave: (value: FieldValue) => void;
}

/** A field of a record page: reads as text, and turns into its editor where it stands. */
export function FieldRow({ model, field, row, save, flashing, emphasis, wide, onSave }: FieldRowProps) {
  const [editing, setEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const value = readValue(model, field, row);
  const editable = isEditable(field);
  const TypeIcon = FIELD_TYPES[field.type].icon;

  const edit = (event: MouseEvent) => {
    // A link inside the value goes where it points; everything else begins the edit.
    if (editable && !(event.target as Element).closest('a')) setEditing(true);
  };
  const done = () => {
    setEditing(false);
    requestAnimationFrame(() => {
      const focused = document.activeElement;
      if (!focused || focused === document.body) button.current?.focus();
    });
  };
  const long = wide && isParts(value) ? String(value['markdown'] ?? '') : '';

  return (
    <div
      className={classes.field}
      data-wide={wide || undefined}
      data-flash={flashing || undefined}
      data-field={field.name}
    >
      <div className={classes.fieldLabel} id={`label-${field.id}`} title={field.description ?? undefined}>
        <TypeIcon size={14} stroke={1.75} aria-hidden />
        <span>{field.label}</span>
      </div>
      <div
        className={classes.fieldValue}
        data-emphasis={emphasis || undefined}
        data-editing={editing || undefined}
        data-readonly={!editable || undefined}
        onClick={edit}
      >
        {field.type === 'BOOLEAN' && editable ? (
          <Switch
            size="xs"
            checked={value === true}
            aria-label={field.label}
            onChange={(event) => onSave(event.currentTarget.checked)}
            onClick={(event) => event.stopPropagation()}
          />
        ) : editing ? (
          <FieldEditor field={field} value={value} typed={null} onSave={onSave} done={done} />
        ) : null}
        {field.type === 'BOOLEAN' && editable ? null : editing && !wide ? null : (
          <>
            {wide && long ? (
              <div className={classes.longText}>{long}</div>
            ) : value === null ? (
              <span className={classes.emptyValue}>{editable ? (wide ? 'Write something…' : 'Empty') : '–'}</span>
            ) : wide ? null : (
              <FieldDisplay field={field} value={value} />
            )}
            {editable ? (
              <button
                ref={button}
                type="button"
                className={classes.editButton}
                aria-label={`Edit ${field.label}: ${formatValue(field, value) || 'empty'}`}
                onClick={() => setEditing(true)}
              />
            ) : null}
          </>
        )}
        {save?.kind === 'saving' ? <IconLoader2 size={14} className={classes.saving} aria-label="Saving" /> : null}
        {save?.kind === 'saved' ? <IconCheck size={14} className={classes.saved} aria-label="Saved" /> : null}
      </div>
      {save?.kind === 'failed' ? (
        <div className={classes.fieldError} role="alert">
          {save.reason}
        </div>
      ) : null}
    </div>
  );
}
