import { Link } from '@tanstack/react-router';
import { Fragment } from 'react';
import { formatDay } from '../model/dates.ts';
import { timeOfDay } from '../model/formats.ts';
import type { ModelObject } from '../model/types.ts';
import classes from './calendar.module.css';
import { dayOf, type Entry } from './entries.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface AgendaProps {
  object: ModelObject;
  entries: Entry[];
  isLoading: boolean;
  labelOf: (id: string) => string;
  colorOf: (id: string) => string | null;
  today: string;
}

/** A month as a list of its days that hold something: what a phone has room for. */
export function Agenda({ object, entries, isLoading, labelOf, colorOf, today }: AgendaProps) {
  const days = new Map<string, Entry[]>();
  for (const entry of entries) days.set(dayOf(entry), [...(days.get(dayOf(entry)) ?? []), entry]);
  if (isLoading)
    return (
      <div className={classes.agenda} aria-busy="true" aria-label={t('Loading')}>
        {Array.from({ length: 6 }, (_, index) => (
          <div key={index} className={classes.boneLine} />
        ))}
      </div>
    );
  if (days.size === 0)
    return (
      <p className={classes.nothing}>
        {t('No {labelPlural} this month', { labelPlural: inSentence(object.labelPlural) })}
      </p>
    );
  return (
    <div className={classes.agenda} role="region" aria-label={object.labelPlural} tabIndex={0}>
      {[...days].map(([day, list]) => (
        <Fragment key={day}>
          <h3 className={classes.agendaDay} data-now={day === today || undefined}>
            {formatDay(day)}
            {day === today ? <small> · {t('today')}</small> : null}
          </h3>
          <ul className={classes.agendaList}>
            {list.map(({ id, start, isAllDay }) => (
              <li key={id}>
                <Link
                  to="/objects/$namePlural/$id"
                  params={{ namePlural: object.namePlural, id }}
                  className={classes.agendaEntry}
                  data-event-id={id}
                >
                  <span className={classes.agendaMark} data-color={colorOf(id) ?? 'gray'} aria-hidden />
                  <span className={classes.agendaTime}>{isAllDay ? t('All day') : timeOfDay(start.slice(11, 16))}</span>
                  <span className={classes.agendaName}>{labelOf(id)}</span>
                </Link>
              </li>
            ))}
          </ul>
        </Fragment>
      ))}
    </div>
  );
}
