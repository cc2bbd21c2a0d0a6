import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import type { ResultType } from '../model/types.ts';
import type { FieldValue } from '../model/values.ts';
import classes from './editor.module.css';
import { emptyDraft, previewField } from './fieldDraft.ts';
import { t } from '../language/t.ts';

/** A computed value before there is a field for it. */
export function SampleValue({ type, value }: { type: ResultType; value: unknown }) {
  if (value === null || value === undefined) return <span className={classes.dim}>{t('empty')}</span>;
  if (type === 'CURRENCY' && typeof value !== 'object') return <span>{String(value)}</span>;
  return <FieldDisplay field={previewField({ ...emptyDraft(type), settings: {} })} value={value as FieldValue} />;
}
