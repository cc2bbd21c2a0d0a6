import { useStore } from 'zustand';
import { aggregateLabel, type AggregateName } from '../model/aggregates.ts';
import type { ModelField } from '../model/types.ts';
import type { FeetStore } from './feet.ts';
import classes from './records.module.css';
import { t } from '../language/t.ts';

interface FootCellProps {
  field: ModelField;
  feet: FeetStore;
  name: string | undefined;
  onOpen: (at: { x: number; y: number }) => void;
}

/** What a column comes to, or where one asks for it. */
export function FootCell({ field, feet, name, onOpen }: FootCellProps) {
  const text = useStore(feet, (state) => state.texts[field.name]);
  const problem = useStore(feet, (state) => state.problem);
  const label = name === undefined ? null : aggregateLabel(field, name as AggregateName);
  return (
    <button
      type="button"
      tabIndex={-1}
      className={classes.foot}
      data-empty={label === null || undefined}
      aria-label={
        label === null
          ? t('Calculate {label}', { label: field.label })
          : t('{label} {text} of {fieldLabel}', { label, text: text ?? '…', fieldLabel: field.label })
      }
      title={problem ?? undefined}
      onClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        onOpen({ x: box.left, y: box.top });
      }}
    >
      {label === null ? (
        t('Calculate')
      ) : (
        <>
          <span>{label}</span> <b>{problem ? '!' : (text ?? '…')}</b>
        </>
      )}
    </button>
  );
}
