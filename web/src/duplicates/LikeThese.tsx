import { Alert } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { Link } from '@tanstack/react-router';
import type { ColumnValue, ModelObject } from '../model/types.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { findDuplicatesOf } from './calls.ts';
import classes from './duplicates.module.css';
import { reasonText } from './reasonText.ts';
import { t } from '../language/t.ts';

const SETTLE_MS = 350;

/** In a form for a new record: those that are there already and may be the same. It warns, and holds nothing up. */
export function LikeThese({ object, data }: { object: ModelObject; data: { [name: string]: ColumnValue } }) {
  const [key] = useDebouncedValue(JSON.stringify(data), SETTLE_MS);
  const asks = object.duplicateCriteria.length > 0 && key !== '{}';
  const { answer } = useInquiry(asks ? key : null, () =>
    findDuplicatesOf(object.nameSingular, JSON.parse(key) as typeof data),
  );
  if (!asks || !answer || answer.length === 0) return null;
  return (
    <Alert color="yellow" variant="light" p="xs" role="status" title={t('This may be there already')}>
      <ul className={classes.like}>
        {answer.map(({ recordId, label, reasons }) => (
          <li key={recordId}>
            <Link
              to="/objects/$namePlural/$id"
              params={{ namePlural: object.namePlural, id: recordId }}
              target="_blank"
              className={classes.likeLink}
            >
              {label || t('Untitled')}
            </Link>
            <span className={classes.reason}>{reasonText(object, reasons)}</span>
          </li>
        ))}
      </ul>
    </Alert>
  );
}
