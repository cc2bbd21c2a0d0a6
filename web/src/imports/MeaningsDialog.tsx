import { countText } from '../model/formats.ts';
import { Button, Group, Modal, Select, Skeleton } from '@mantine/core';
import { Fragment, useState } from 'react';
import { useInquiry } from '../settings/useInquiry.ts';
import { columnValues, type FileFormat, type Target } from './imports.ts';
import classes from './imports.module.css';
import { t } from '../language/t.ts';

interface MeaningsDialogProps {
  importId: string;
  format: FileFormat;
  header: string;
  target: Target;
  meanings: { [cell: string]: string };
  onClose: () => void;
  onSave: (meanings: { [cell: string]: string }) => void;
}

const EMPTY = '\u0000empty';
const fold = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ');
const YES_NO = [
  { value: 'true', label: t('Yes') },
  { value: 'false', label: t('No') },
];

/** What the values of a column mean, where they are not the options' own. */
export function MeaningsDialog({ importId, format, header, target, meanings, onClose, onSave }: MeaningsDialogProps) {
  const [draft, setDraft] = useState(meanings);
  const { answer, failure } = useInquiry(`values ${importId} ${header}`, () => columnValues(importId, format, header));
  const options = target.type === 'BOOLEAN' ? YES_NO : target.options;
  const own = (value: string) =>
    options.find((option) => [option.value, option.label].some((name) => fold(name) === fold(value)));
  // A cell of several options is a list.
  const values = target.type === 'MULTI_SELECT' ? split(answer ?? []) : (answer ?? []);
  const choose = (value: string, chosen: string | null) => {
    const { [value]: _, ...rest } = draft;
    setDraft(chosen === null ? rest : { ...rest, [value]: chosen === EMPTY ? '' : chosen });
  };
  return (
    <Modal opened onClose={onClose} title={t('What the values of “{header}” mean', { header })} size="lg">
      {failure ? (
        <p role="alert">{failure.message}</p>
      ) : answer === null ? (
        <Skeleton height={160} role="status" aria-label={t('Loading')} />
      ) : (
        <div className={classes.meanings}>
          {values.map(({ value, count }) => {
            const chosen = draft[value];
            return (
              <Fragment key={value}>
                <span>{value}</span>
                <span>{countText(count)}</span>
                <Select
                  aria-label={t('“{value}” means', { value })}
                  placeholder={own(value)?.label ?? t('Not an option: the row is rejected')}
                  error={chosen === undefined && !own(value)}
                  clearable
                  searchable
                  data={[
                    ...options.map((option) => ({ value: option.value, label: option.label })),
                    { value: EMPTY, label: t('Nothing: leave it empty') },
                  ]}
                  value={chosen === undefined ? null : chosen === '' ? EMPTY : chosen}
                  onChange={(next) => choose(value, next)}
                />
              </Fragment>
            );
          })}
          {values.length === 0 ? <span>{t('The column is empty.')}</span> : null}
        </div>
      )}
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose}>
          {t('Cancel')}
        </Button>
        <Button onClick={() => onSave(draft)}>{t('Use these')}</Button>
      </Group>
    </Modal>
  );
}

function split(values: { value: string; count: number }[]): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { value, count } of values)
    for (const item of value.split(value.includes(';') ? ';' : ',').map((each) => each.trim()))
      if (item !== '') counts.set(item, (counts.get(item) ?? 0) + count);
  return [...counts].map(([value, count]) => ({ value, count }));
}
