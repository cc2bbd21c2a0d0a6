import { TextInput } from '@mantine/core';
import { useEffect, useRef } from 'react';
import type { ModelField } from '../model/types.ts';
import classes from './RecordView.module.css';
import { t } from '../language/t.ts';

/** Up to here a page shows all fields at once; of more, it shows a few and reads the next as one comes to them. */
const AT_ONCE = 60;
const STEP = 40;

export interface FieldsInView {
  query: string;
  count: number;
}

export const ALL_IN_VIEW: FieldsInView = { query: '', count: STEP };

/** The fields that the page shows now, and how many match what is looked for. */
export function fieldsInView(
  fields: ModelField[],
  { query, count }: FieldsInView,
): { shown: ModelField[]; matching: number } {
  if (fields.length <= AT_ONCE) return { shown: fields, matching: fields.length };
  const wanted = query.trim().toLowerCase();
  const found = wanted === '' ? fields : fields.filter((field) => field.label.toLowerCase().includes(wanted));
  return { shown: found.slice(0, count), matching: found.length };
}

export function FieldSearch({
  total,
  view,
  onView,
}: {
  total: number;
  view: FieldsInView;
  onView: (view: FieldsInView) => void;
}) {
  if (total <= AT_ONCE) return null;
  return (
    <TextInput
      size="xs"
      mb={6}
      mx={8}
      value={view.query}
      placeholder={t('Find among {total} fields', { total })}
      aria-label={t('Find a field')}
      onChange={(event) => onView({ query: event.currentTarget.value, count: STEP })}
    />
  );
}

/** Stands where the shown fields end: once it comes into view, the next are shown. */
export function MoreFields({ rest, onMore }: { rest: number; onMore: (step: number) => void }) {
  const mark = useRef<HTMLButtonElement>(null);
  const latest = useRef(onMore);
  useEffect(() => {
    latest.current = onMore;
  });
  useEffect(() => {
    const element = mark.current;
    if (!element) return;
    const observer = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting) latest.current(STEP);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [rest]);
  return rest > 0 ? (
    <button ref={mark} type="button" className={classes.moreFields} onClick={() => onMore(STEP)}>
      {t('{rest, plural, one {# more field} other {# more fields}}', { rest })}
    </button>
  ) : null;
}
