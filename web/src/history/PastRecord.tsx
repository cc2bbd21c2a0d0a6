import { ActionIcon, Button, Slider, Tooltip } from '@mantine/core';
import { IconChevronLeft, IconChevronRight, IconHistory } from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { Message } from '../app/Message.tsx';
import type { RecordSearch } from '../app/router.tsx';
import { Avatar } from '../fields/Avatar.tsx';
import { formatInstant } from '../model/dates.ts';
import { pastDocument } from '../model/documents.ts';
import { labelField, visibleFields } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import type { Model, ModelObject, RecordRow } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { FieldRow } from '../records/FieldRow.tsx';
import { listSearch } from '../records/recordSequence.ts';
import layout from '../layout/layout.module.css';
import view from '../records/RecordView.module.css';
import { actorOf, recordMoments, type PastEvent } from './changes.ts';
import classes from './history.module.css';
import { RevertDialog } from './RevertDialog.tsx';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';
import { inSentence } from '../language/inSentence.ts';

interface PastRecordProps {
  model: Model;
  object: ModelObject;
  id: string;
  asOf: string;
}

const SETTLE_MS = 120;

const VERBS: { [action: string]: string } = {
  created: t('created it'),
  updated: t('changed it'),
  deleted: t('deleted it'),
  merged: t('merged it with another'),
  restored: t('restored it'),
};

/** The last moment that is not after another; PostgreSQL's are finer than those of a browser. */
function placeOf(moments: PastEvent[][], asOf: string): number {
  const exact = moments.findIndex((events) => events[0]?.happenedAt === asOf);
  if (exact !== -1) return exact;
  return moments.findLastIndex((events) => Date.parse(events[0]?.happenedAt ?? '') <= Date.parse(asOf));
}

/** A record as it was: one goes through the moments at which it was changed, and may bring one of them back. */
export function PastRecord({ model, object, id, asOf }: PastRecordProps) {
  const navigate = useNavigate();
  const search: RecordSearch = useSearch({ strict: false });
  const list = listSearch(search);
  const fields = useMemo(() => visibleFields(object), [object]);
  const [moments, setMoments] = useState<PastEvent[][]>([]);
  const [shown, setShown] = useState<{ asOf: string; row: RecordRow | null } | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [restoring, setRestoring] = useState(false);
  const [reads, setReads] = useState(0);

  useEffect(() => {
    recordMoments(object, id).then(
      (events) => setMoments([...Map.groupBy(events, ({ happenedAt }) => happenedAt).values()]),
      (cause: unknown) => setFailure(toFailure(cause)),
    );
  }, [object, id, reads]);
  // While the slider is dragged only where it rests is read.
  useEffect(() => {
    let isWanted = true;
    const timer = setTimeout(() => {
      request(pastDocument(model, object, fields), { id, asOf }).then(
        ({ record }) => {
          if (!isWanted) return;
          setFailure(null);
          setShown({ asOf, row: record });
        },
        (cause: unknown) => {
          if (isWanted) setFailure(toFailure(cause));
        },
      );
    }, SETTLE_MS);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [model, object, fields, id, asOf, reads]);

  const go = (next: string | undefined) =>
    void navigate({
      to: '/objects/$namePlural/$id',
      params: { namePlural: object.namePlural, id },
      search: next === undefined ? list : { ...list, asOf: next },
      replace: next !== undefined,
    });
  const place = placeOf(moments, asOf);
  const at = (index: number) => moments[index]?.[0]?.happenedAt;
  const row = shown?.row ?? null;
  const label = row ? recordLabel(model, object, row) || t('Untitled') : object.labelSingular;
  const titleField = labelField(object);
  const done = moments[place] ?? [];
  const [first] = done;

  return (
    <>
      <header className={view.header}>
        <nav aria-label={t('Breadcrumb')} className={view.crumbs}>
          <Link
            to="/objects/$namePlural"
            params={{ namePlural: object.namePlural }}
            search={list}
            className={view.crumb}
          >
            {object.labelPlural}
          </Link>
          <IconChevronRight size={14} aria-hidden className={view.crumbArrow} />
          <span className={view.crumbHere}>{label}</span>
        </nav>
      </header>
      <div className={classes.banner} role="region" aria-label={t('As it was')}>
        <IconHistory size={16} aria-hidden />
        <span className={classes.bannerText}>
          <Trans
            text={'As it was on <0>{asOf}</0>. Nothing can be changed here.'}
            values={{ asOf: formatInstant(asOf) }}
            tags={{ 0: <time dateTime={asOf} /> }}
          />
        </span>
        {row && rightsOf(object).canUpdate ? (
          <Button size="compact-sm" variant="default" onClick={() => setRestoring(true)}>
            {t('Restore to this state…')}
          </Button>
        ) : null}
        <Button size="compact-sm" variant="default" onClick={() => go(undefined)}>
          {t('Back to now')}
        </Button>
      </div>
      {moments.length > 1 ? (
        <div className={classes.slider}>
          <div className={classes.stepper}>
            <Tooltip label={t('Earlier')}>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t('Earlier change')}
                disabled={place <= 0}
                onClick={() => go(at(place - 1))}
              >
                <IconChevronLeft size={17} />
              </ActionIcon>
            </Tooltip>
            <Slider
              value={Math.max(place, 0)}
              min={0}
              max={moments.length - 1}
              label={(index) => formatInstant(at(index) ?? asOf)}
              thumbLabel={t('Moment')}
              thumbProps={{ 'aria-valuetext': formatInstant(at(place) ?? asOf) }}
              onChange={(index) => go(at(index))}
            />
            <Tooltip label={t('Later')}>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t('Later change')}
                disabled={place >= moments.length - 1}
                onClick={() => go(at(place + 1))}
              >
                <IconChevronRight size={17} />
              </ActionIcon>
            </Tooltip>
          </div>
          <p className={classes.what} aria-live="polite">
            {first
              ? t('{place} of {count}: {first} {verbs}', {
                  place: place + 1,
                  count: moments.length,
                  first: actorOf(first),
                  verbs: VERBS[first.action] ?? t('changed it'),
                })
              : t('Before its first change')}
          </p>
        </div>
      ) : null}
      {failure ? (
        <Message
          tone="alert"
          title={t('Its past could not be read')}
          actions={<Button onClick={() => setReads((count) => count + 1)}>{t('Try again')}</Button>}
        >
          {[failure.message, failure.hint].filter(Boolean).join(' ')}
        </Message>
      ) : shown && !row ? (
        <Message
          title={t('There was no such {labelSingular} then', { labelSingular: inSentence(object.labelSingular) })}
        >
          {t('It had been deleted, was not there yet, or your role may not see it as it was.')}
        </Message>
      ) : (
        <div className={view.page} aria-busy={shown?.asOf !== asOf} tabIndex={0} role="region" aria-label={label}>
          <div className={layout.head}>
            <div className={layout.titleRow}>
              {row ? <Avatar label={label} seed={id} size={40} round={object.nameSingular === 'person'} /> : null}
              <h1 className={layout.title}>{label}</h1>
            </div>
          </div>
          <div className={layout.columns}>
            <section className={view.side} aria-label={t('Fields')}>
              <div>
                {row
                  ? fields
                      .filter((field) => field.type !== 'RICH_TEXT')
                      .map((field) => (
                        <FieldRow
                          key={field.id}
                          model={model}
                          field={field}
                          row={row}
                          save={undefined}
                          flashing={false}
                          readOnly
                          emphasis={field === titleField}
                          onSave={() => undefined}
                        />
                      ))
                  : null}
              </div>
            </section>
            <div className={view.content}>
              {row
                ? fields
                    .filter((field) => field.type === 'RICH_TEXT')
                    .map((field) => (
                      <section key={field.id} className={view.block} aria-label={field.label}>
                        <FieldRow
                          model={model}
                          field={field}
                          row={row}
                          save={undefined}
                          flashing={false}
                          readOnly
                          wide
                          onSave={() => undefined}
                        />
                      </section>
                    ))
                : null}
            </div>
          </div>
        </div>
      )}
      {restoring ? (
        <RevertDialog
          model={model}
          title={t('Restore to the state of {asOf}', { asOf: formatInstant(asOf) })}
          changes={{ objectName: object.nameSingular, recordId: id, moment: asOf }}
          onClose={() => setRestoring(false)}
          onDone={() => go(undefined)}
        />
      ) : null}
    </>
  );
}
