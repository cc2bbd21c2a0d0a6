import { Switch, Tooltip } from '@mantine/core';
import { IconCheck, IconHistory } from '@tabler/icons-react';
import { lazy, Suspense, useEffect, useRef, useState, type MouseEvent } from 'react';
import { computedNote } from '../fields/computedNote.ts';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { FieldEditor } from '../fields/FieldEditor.tsx';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { isNeeded } from '../fields/rules.ts';
import { formatValue, isEditable } from '../model/text.ts';
import type { Model, ModelField, RecordRow } from '../model/types.ts';
import { isParts, readValue, type FieldValue } from '../model/values.ts';
import { pendingMark } from '../offline/pending.ts';
import classes from './RecordView.module.css';
import type { SaveState } from './useRecord.ts';
import { t } from '../language/t.ts';
import { usePrinting } from '../print/printing.ts';

interface FieldRowProps {
  model: Model;
  field: ModelField;
  row: RecordRow;
  save: SaveState | undefined;
  flashing: boolean;
  emphasis?: boolean;
  wide?: boolean;
  /** The role may not change the record. */
  readOnly?: boolean;
  /** Another field's edit waits for this one to have a value. */
  demand?: string;
  onSave: (value: FieldValue) => void;
  onUnread?: (text: string, reason: string) => void;
  onDrop?: () => void;
  onAgain?: () => void;
  /** Who edits it elsewhere at this moment. */
  editedBy?: string | undefined;
  onEditing?: (isEditing: boolean) => void;
  /** Shows what the field was before. */
  onPast?: (() => void) | undefined;
}

const RichText = lazy(async () => ({ default: (await import('../texts/RichText.tsx')).RichText }));

/** A field of a record page: reads as text, and turns into its editor where it stands. */
export function FieldRow(props: FieldRowProps) {
  const { model, field, row, save, flashing, emphasis, wide, readOnly, demand, onSave, onUnread, onDrop, onPast } =
    props;
  const { editedBy, onEditing, onAgain } = props;
  const [editing, setEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const refusal = save?.kind === 'refused' ? save.refusal : null;
  const value = refusal ? refusal.value : readValue(model, field, row);
  const reason = refusal?.reason ?? demand ?? null;
  const object = model.objects.find((each) => each.fields.includes(field));
  const note = computedNote(model, field);
  const editable = !readOnly && isEditable(field);
  const TypeIcon = FIELD_TYPES[field.type].icon;

  const tell = useRef(onEditing);
  useEffect(() => {
    tell.current = onEditing;
  });
  useEffect(() => {
    if (!editing) return;
    tell.current?.(true);
    return () => tell.current?.(false);
  }, [editing]);

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
  const isPrinting = usePrinting((state) => state.isPrinting);
  const isSwitch = field.type === 'BOOLEAN' && editable && !isPrinting;
  const isText = wide === true && field.type === 'RICH_TEXT' && object !== undefined;
  const text = isText && isParts(value) ? String(value['markdown'] ?? '') : '';

  return (
    <div
      className={classes.field}
      data-wide={wide || undefined}
      data-flash={flashing || undefined}
      data-field={field.name}
    >
      <Tooltip
        label={[field.description, note].filter(Boolean).join('\n')}
        disabled={!field.description && !note}
        position="top-start"
        multiline
        maw={360}
        style={{ whiteSpace: 'pre-line' }}
      >
        <div className={classes.fieldLabel} data-computed={note !== null || undefined}>
          <TypeIcon size={14} stroke={1.75} aria-hidden />
          <span>{field.label}</span>
          {editable && isNeeded(model, field) ? (
            <span className={classes.needed} data-screen title={t('Required')} aria-label={t('required')}>
              *
            </span>
          ) : null}
          {onPast ? (
            <button
              type="button"
              className={classes.past}
              aria-label={t('History of {label}', { label: field.label })}
              onClick={onPast}
            >
              <IconHistory size={13} stroke={1.75} aria-hidden />
            </button>
          ) : null}
        </div>
      </Tooltip>
      {isText ? (
        <Suspense fallback={<div className={classes.longText}>{text}</div>}>
          <RichText
            key={row.id}
            model={model}
            object={object}
            field={field}
            id={row.id}
            text={text}
            readOnly={!editable}
            onEditing={(isEditing) => onEditing?.(isEditing)}
          />
        </Suspense>
      ) : (
        <div
          className={classes.fieldValue}
          data-emphasis={emphasis || undefined}
          data-editing={editing || undefined}
          data-readonly={!editable || undefined}
          data-refused={reason !== null || undefined}
          data-elsewhere={editedBy !== undefined || undefined}
          onClick={edit}
        >
          {isSwitch ? (
            <Switch
              size="xs"
              checked={value === true}
              aria-label={field.label}
              onChange={(event) => onSave(event.currentTarget.checked)}
              onClick={(event) => event.stopPropagation()}
            />
          ) : editing ? (
            <FieldEditor
              field={field}
              value={value}
              typed={refusal?.text ?? null}
              problem={refusal?.reason}
              recordId={row.id}
              onSave={onSave}
              onUnread={onUnread}
              onDrop={onDrop}
              done={done}
            />
          ) : null}
          {isSwitch ? null : editing && !wide ? null : (
            <>
              {refusal?.text ? (
                <span>{refusal.text}</span>
              ) : value === null ? (
                <span className={classes.emptyValue} data-screen>
                  {editable ? (isNeeded(model, field) ? t('Required') : t('Empty')) : '–'}
                </span>
              ) : wide ? null : (
                <FieldDisplay field={field} value={value} full />
              )}
              {editable ? (
                <button
                  ref={button}
                  type="button"
                  className={classes.editButton}
                  data-edit
                  aria-label={t('Edit {label}: {field}', {
                    label: field.label,
                    field: formatValue(field, value) || t('empty'),
                  })}
                  onClick={() => setEditing(true)}
                />
              ) : null}
            </>
          )}
          {save?.kind === 'pending' ? pendingMark() : null}
          {save?.kind === 'saved' ? <IconCheck size={14} className={classes.saved} aria-label={t('Saved')} /> : null}
        </div>
      )}
      {editedBy ? (
        <div className={classes.fieldElsewhere} role="status">
          {t('{editedBy} is editing this', { editedBy })}
        </div>
      ) : null}
      {reason && !editing ? (
        <div className={classes.fieldError} role="alert">
          {reason}{' '}
          {refusal?.isTransient && onAgain ? (
            <>
              <button type="button" onClick={onAgain}>
                {t('Try again')}
              </button>{' '}
            </>
          ) : null}
          {refusal ? (
            <button type="button" onClick={onDrop}>
              {t('Take back')}
            </button>
          ) : null}
        </div>
      ) : null}
    </div>
  );
}
