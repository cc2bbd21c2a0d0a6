import { IconChevronRight } from '@tabler/icons-react';
import { useId, useState } from 'react';
import { fieldById } from '../model/lookup.ts';
import { usePrinting } from '../print/printing.ts';
import type { WidgetOf } from './layout.ts';
import classes from './layout.module.css';
import { useOpenRecord } from './openRecord.ts';
import { RecordField } from './RecordField.tsx';

/** A group of fields, with a name or without, which folds away if it is told to. */
export function FieldsCard({ widget, shown }: { widget: WidgetOf<'FIELDS'>; shown: (fieldId: string) => boolean }) {
  const { object } = useOpenRecord();
  const [isUnfolded, setUnfolded] = useState(!widget.isFolded);
  const isPrinting = usePrinting((state) => state.isPrinting);
  const isOpen = isUnfolded || isPrinting;
  const listId = useId();
  const fields = widget.fieldIds.filter(shown).flatMap((id) => fieldById(object, id) ?? []);
  if (fields.length === 0) return null;
  const list = (
    <div id={listId}>
      {fields.map((field) => (
        <RecordField key={field.id} field={field} />
      ))}
    </div>
  );
  if (!widget.title) return list;
  return (
    <section className={classes.group} aria-label={widget.title}>
      <h2 className={classes.groupTitle}>
        <button
          type="button"
          className={classes.groupButton}
          aria-expanded={isOpen}
          aria-controls={listId}
          onClick={() => setUnfolded(!isOpen)}
        >
          <IconChevronRight size={13} className={classes.groupArrow} data-open={isOpen || undefined} aria-hidden />
          {widget.title}
          {isOpen ? null : <span className={classes.groupCount}>{fields.length}</span>}
        </button>
      </h2>
      {isOpen ? list : <div id={listId} hidden />}
    </section>
  );
}
