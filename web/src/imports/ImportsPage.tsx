import { countText } from '../model/formats.ts';
import { Button, Skeleton } from '@mantine/core';
import { IconFileImport } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import { toFailure, type Failure } from '../api/failure.ts';
import { Message } from '../app/Message.tsx';
import { formatInstant } from '../model/dates.ts';
import { navigationObjects, objectById } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { inSentence } from '../language/inSentence.ts';
import { useModel } from '../model/store.ts';
import { useSession } from '../session/session.ts';
import { PeopleFrame } from '../settings/people/PeopleFrame.tsx';
import { STATUS_TEXT } from './importText.ts';
import { isRunning, listImports, type Import } from './imports.ts';
import classes from './imports.module.css';
import { t } from '../language/t.ts';

const PAGE = 50;
const LOOK_MS = 2_000;

/** All imports of the last year: what came of each, and the way to it. */
export function ImportsPage() {
  const model = useModel();
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const [list, setList] = useState<Import[] | null>(null);
  const [hasMore, setMore] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const load = useCallback(async (before: Import[]) => {
    try {
      const page = await listImports(before.at(-1)?.id ?? null);
      setList([...before, ...page]);
      setMore(page.length === PAGE);
      setFailure(null);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
  }, []);
  useEffect(() => void load([]), [load]);
  const first = navigationObjects(model).find((object) => rightsOf(object).canCreate);
  const someRun = list?.some(isRunning) ?? false;
  useEffect(() => {
    if (!someRun) return undefined;
    const timer = setInterval(() => void load([]), LOOK_MS);
    return () => clearInterval(timer);
  }, [someRun, load]);
  return (
    <PeopleFrame label={t('Imports')}>
      <div className={classes.inner}>
        {failure ? (
          <Message
            tone="alert"
            title={t('The imports could not be read')}
            actions={<Button onClick={() => void load([])}>{t('Try again')}</Button>}
          >
            {[failure.message, failure.hint].filter(Boolean).join(' ')}
          </Message>
        ) : list === null ? (
          <Skeleton height={200} role="status" aria-label={t('Loading')} />
        ) : list.length === 0 ? (
          <Message
            icon={<IconFileImport size={22} stroke={1.5} />}
            title={t('Nothing was imported yet')}
            actions={
              first ? (
                <Button
                  variant="default"
                  renderRoot={(props) => (
                    <Link to="/objects/$namePlural/import" params={{ namePlural: first.namePlural }} {...props} />
                  )}
                >
                  {t('Import {labelPlural}', { labelPlural: inSentence(first.labelPlural) })}
                </Button>
              ) : null
            }
          >
            {t('Open a list, such as people, and choose Import in the menu of its view.')}
          </Message>
        ) : (
          <div className={classes.scroll} tabIndex={0} role="region" aria-label={t('Files that were imported')}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th scope="col">{t('File')}</th>
                  <th scope="col">{t('Object')}</th>
                  <th scope="col">{t('By')}</th>
                  <th scope="col">{t('When')}</th>
                  <th scope="col">{t('State')}</th>
                  <th scope="col">{t('Created')}</th>
                  <th scope="col">{t('Updated')}</th>
                  <th scope="col">{t('Rejected')}</th>
                </tr>
              </thead>
              <tbody>
                {list.map((each) => {
                  const object = objectById(model, each.objectId);
                  const { result } = each;
                  return (
                    <tr key={each.id}>
                      <td className={classes.header}>
                        {object && each.memberId === me ? (
                          <Link
                            to="/objects/$namePlural/import"
                            params={{ namePlural: object.namePlural }}
                            search={{ id: each.id }}
                          >
                            {each.fileName}
                          </Link>
                        ) : (
                          each.fileName
                        )}
                      </td>
                      <td>{object?.labelPlural ?? ''}</td>
                      <td>{each.memberName}</td>
                      <td>{formatInstant(each.createdAt)}</td>
                      <td>{each.revertedAt ? t('Undone') : STATUS_TEXT[each.status]}</td>
                      <td>{result && !each.isDryRun ? countText(result.created) : ''}</td>
                      <td>{result && !each.isDryRun ? countText(result.updated) : ''}</td>
                      <td>{result ? countText(result.rejected) : ''}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        )}
        {hasMore && list ? (
          <Button variant="default" mt="md" onClick={() => void load(list)}>
            {t('Show more')}
          </Button>
        ) : null}
      </div>
    </PeopleFrame>
  );
}
