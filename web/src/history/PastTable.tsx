import { Button, Text } from '@mantine/core';
import { IconHistory } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { Message } from '../app/Message.tsx';
import { FieldDisplay } from '../fields/FieldDisplay.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { formatInstant, joinInstant, localMinute } from '../model/dates.ts';
import { pastListDocument } from '../model/documents.ts';
import { toGraphQLFilter } from '../model/filterTree.ts';
import { labelField } from '../model/lookup.ts';
import { orderBy } from '../model/sorting.ts';
import type { ColumnValue, Model, ModelObject, RecordRow } from '../model/types.ts';
import { readValue, recordLabel } from '../model/values.ts';
import { shownFields } from '../records/columnLayout.ts';
import { PageHeader } from '../records/PageHeader.tsx';
import { useSession } from '../session/session.ts';
import type { Shown } from '../views/shown.ts';
import classes from './history.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface PastTableProps {
  model: Model;
  object: ModelObject;
  shown: Shown;
  asOf: string;
  onMove: (asOf: string | undefined) => void;
}

const PAGE = 60;

/** A list as it was, by the filters, the order and the columns of the list that it was come from. To look at only. */
export function PastTable({ model, object, shown, asOf, onMove }: PastTableProps) {
  const fields = useMemo(() => shownFields(object, shown.layout), [object, shown.layout]);
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const [list, setList] = useState<{ rows: RecordRow[]; endCursor: string | null; hasMore: boolean } | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const filter = JSON.stringify(toGraphQLFilter(model, object, shown.filters, new Date(asOf), me));
  const order = orderBy(object, shown.sorts).join();

  const read = useCallback(
    async (after: string | null) => {
      setBusy(true);
      try {
        const condition = JSON.parse(filter) as { [key: string]: ColumnValue } | null;
        const { list: page } = await request(pastListDocument(model, object, fields), {
          first: PAGE,
          after,
          asOf,
          orderBy: order.split(','),
          ...(condition ? { filter: condition } : {}),
        });
        setFailure(null);
        setList((all) => ({
          rows: [...(after ? (all?.rows ?? []) : []), ...page.nodes],
          endCursor: page.pageInfo.endCursor,
          hasMore: page.pageInfo.hasNextPage,
        }));
      } catch (cause) {
        setFailure(toFailure(cause));
      }
      setBusy(false);
    },
    [model, object, fields, filter, order, asOf],
  );
  useEffect(() => void read(null), [read]);

  const label = labelField(object);
  const lower = inSentence(object.labelPlural);
  // Every record was changed by somebody at some time.
  const isUntold = list?.rows.some((row) => row['updatedAt'] === null || row['updatedBySource'] === null) ?? false;
  return (
    <>
      <PageHeader icon={<ObjectIcon name={object.icon} color={object.color} size={18} />} title={object.labelPlural} />
      <div className={classes.banner} role="region" aria-label={t('As it was')}>
        <IconHistory size={16} aria-hidden />
        <span className={classes.bannerText}>
          {t('As it was on')} <time dateTime={asOf}>{formatInstant(asOf)}</time>
        </span>
        <input
          type="datetime-local"
          aria-label={t('As it was on')}
          value={localMinute(asOf)}
          max={localMinute(new Date().toISOString())}
          onChange={(event) => {
            const [day = '', time = ''] = event.currentTarget.value.split('T');
            const at = day && joinInstant(day, time);
            if (at) onMove(at);
          }}
        />
        <Button size="compact-sm" variant="default" onClick={() => onMove(undefined)}>
          {t('Back to now')}
        </Button>
      </div>
      {failure ? (
        <Message
          tone="alert"
          title={t('The {lower} of then could not be read', { lower })}
          actions={<Button onClick={() => void read(null)}>{t('Try again')}</Button>}
        >
          {[failure.message, failure.hint].filter(Boolean).join(' ')}
        </Message>
      ) : list?.rows.length === 0 ? (
        <Message title={t('There were no {lower} then', { lower })}>
          {shown.filters.length > 0 ? t('Or none that the filter lets through.') : t('Choose a later day.')}
        </Message>
      ) : (
        <div
          className={classes.tableWrap}
          tabIndex={0}
          role="region"
          aria-label={t('{labelPlural} as they were', { labelPlural: object.labelPlural })}
        >
          <table className={classes.table} aria-busy={busy}>
            <thead>
              <tr>
                {fields.map((field) => (
                  <th key={field.id} scope="col">
                    {field.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {(list?.rows ?? []).map((row) => (
                <tr key={row.id}>
                  {fields.map((field) => (
                    <td key={field.id}>
                      {field === label ? (
                        <Link
                          to="/objects/$namePlural/$id"
                          params={{ namePlural: object.namePlural, id: row.id }}
                          search={{ asOf }}
                          className={classes.link}
                        >
                          {recordLabel(model, object, row) || t('Untitled')}
                        </Link>
                      ) : (
                        <FieldDisplay field={field} value={readValue(model, field, row)} />
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {isUntold ? (
            <Text size="sm" c="dimmed" p="xs">
              {t(
                'Too many {lower} were changed since to tell when and by whom each was changed last. Open one to see it.',
                { lower },
              )}
            </Text>
          ) : null}
          {list?.hasMore ? (
            <div className={classes.more}>
              <Button variant="default" loading={busy} onClick={() => void read(list.endCursor)}>
                {t('Show more')}
              </Button>
            </div>
          ) : null}
        </div>
      )}
    </>
  );
}
