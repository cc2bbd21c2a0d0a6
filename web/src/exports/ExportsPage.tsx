import { Button, Skeleton } from '@mantine/core';
import { IconFileExport } from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { Message } from '../app/Message.tsx';
import { inSentence } from '../language/inSentence.ts';
import { navigationObjects, objectById } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import { PeopleFrame } from '../settings/people/PeopleFrame.tsx';
import { useInquiry } from '../settings/useInquiry.ts';
import { ExportPage } from './ExportPage.tsx';
import { ExportState } from './ExportState.tsx';
import { destinationText, timesText } from './exportText.ts';
import { askExports, type ScheduledExport } from './scheduled.ts';
import classes from './exports.module.css';
import { t } from '../language/t.ts';

const AGAIN_MS = 5_000;

/** Settings → Exports: those that come again, or one of them. */
export function ExportsPage() {
  const { export: chosen } = useSearch({ strict: false });
  const navigate = useNavigate();
  const { answer, failure, again } = useInquiry('exports', askExports);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') again();
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }, [again]);
  const choose = (id: string | null) =>
    void navigate({ to: '/settings/exports', search: id === null ? {} : { export: id } });
  const [first] = navigationObjects(useModel());
  const open = answer?.find(({ id }) => id === chosen);
  return (
    <PeopleFrame label={t('Exports')}>
      <div className={classes.inner}>
        {failure && !answer ? (
          <Message
            tone="alert"
            title={t('The exports could not be read')}
            actions={<Button onClick={again}>{t('Try again')}</Button>}
          >
            {[failure.message, failure.hint].filter(Boolean).join(' ')}
          </Message>
        ) : !answer ? (
          <Skeleton height={160} role="status" aria-label={t('Loading')} />
        ) : open ? (
          <ExportPage key={open.id} item={open} again={again} onDone={() => choose(null)} />
        ) : chosen !== undefined ? (
          <Message
            title={t('There is no such export')}
            actions={<Button onClick={() => choose(null)}>{t('All exports')}</Button>}
          >
            {t('It may have been deleted meanwhile.')}
          </Message>
        ) : answer.length === 0 ? (
          <Message
            icon={<IconFileExport size={22} stroke={1.5} />}
            title={t('No export comes again yet')}
            actions={
              first ? (
                <Button
                  variant="default"
                  renderRoot={(props) => (
                    <Link to="/objects/$namePlural" params={{ namePlural: first.namePlural }} {...props} />
                  )}
                >
                  {t('Open {label}', { label: inSentence(first.labelPlural) })}
                </Button>
              ) : null
            }
          >
            {t(
              'Open a list, such as people, choose Export in the menu of its view, and then “Repeat this export…”. The file comes by e-mail or into a storage, as often as you say.',
            )}
          </Message>
        ) : (
          <ul className={classes.list} aria-label={t('Exports that come again')}>
            {answer.map((item) => (
              <Item key={item.id} item={item} onOpen={() => choose(item.id)} />
            ))}
          </ul>
        )}
      </div>
    </PeopleFrame>
  );
}

function Item({ item, onOpen }: { item: ScheduledExport; onOpen: () => void }) {
  const object = objectById(useModel(), item.objectId);
  const what = [
    object?.labelPlural,
    item.viewName,
    destinationText(item),
    item.isMine ? null : t('of {name}', { name: item.ownerName ?? t('a member who is gone') }),
  ];
  return (
    <li className={classes.item}>
      <button type="button" className={classes.name} onClick={onOpen}>
        {item.name}
      </button>
      <ExportState item={item} />
      <div className={classes.detail}>{what.filter(Boolean).join(' · ')}</div>
      <div className={classes.detail}>{timesText(item)}</div>
    </li>
  );
}
