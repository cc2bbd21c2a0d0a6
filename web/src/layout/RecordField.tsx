import { labelField } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import type { ModelField } from '../model/types.ts';
import { FieldRow } from '../records/FieldRow.tsx';
import classes from '../records/RecordView.module.css';
import { isUnread } from '../records/tableStore.ts';
import { useOpenRecord } from './openRecord.ts';

/** A field of the open record, edited where it stands. */
export function RecordField({
  field,
  wide,
  isAsked,
}: {
  field: ModelField;
  wide?: boolean;
  /** Why it must have a value stands beside it already. */
  isAsked?: boolean;
}) {
  const record = useOpenRecord();
  const { model, object, row, onPast } = record;
  if (isUnread(row, field))
    return (
      <div className={classes.boneRow}>
        <span className={classes.bone} style={{ width: 90 }} />
        <span className={classes.bone} style={{ width: 140 }} />
      </div>
    );
  return (
    <FieldRow
      model={model}
      field={field}
      row={row}
      save={record.saves[field.id]}
      flashing={record.flashing.includes(field.name)}
      readOnly={!rightsOf(object).canUpdate}
      emphasis={field === labelField(object)}
      wide={wide ?? false}
      demand={isAsked ? undefined : record.demands.get(field.id)}
      onSave={(value) => record.save(field, value)}
      onAgain={() => record.again(field)}
      onUnread={(text, reason) => record.refuse(field, text, reason)}
      onDrop={() => record.drop(field)}
      editedBy={record.editedBy(field)}
      onEditing={(isEditing) => record.onEditing(field, isEditing)}
      onPast={onPast && !field.junction ? () => onPast(field) : undefined}
    />
  );
}
