import { Badge } from '@mantine/core';
import { useMemo } from 'react';
import type { ModelObject } from '../model/types.ts';
import { useInquiry } from '../settings/useInquiry.ts';
import { previewFile, type Import, type ImportSettings } from './imports.ts';
import classes from './imports.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** The first rows as they would be, each with what would become of it. */
export function Outcomes({ found, object }: { found: Import; object: ModelObject }) {
  const settings = found.settings as ImportSettings;
  const { answer } = useInquiry(`outcomes ${found.id} ${found.finishedAt}`, () =>
    previewFile(found.id, found.format, settings),
  );
  const outcomes = useMemo(
    () => new Map(found.result?.outcomes.map(({ line, isUpdate }) => [line, isUpdate])),
    [found],
  );
  const columns = (found.result?.headers ?? []).filter((header) => settings.map[header]);
  if (!answer || answer.length === 0) return null;
  return (
    <>
      <h2 className={classes.section}>
        {t('The first {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
      </h2>
      <div
        className={classes.scroll}
        tabIndex={0}
        role="region"
        aria-label={t('What becomes of the first rows')}
        style={{ maxHeight: 340 }}
      >
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">{t('Row')}</th>
              <th scope="col">{t('Becomes')}</th>
              {columns.map((header) => (
                <th scope="col" key={header}>
                  {header}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className={classes.cells}>
            {answer.map(({ line, cells }) => {
              const isUpdate = outcomes.get(line);
              return (
                <tr key={line}>
                  <td>{line}</td>
                  <td>
                    <Badge variant="light" color={isUpdate === undefined ? 'red' : isUpdate ? 'blue' : 'green'}>
                      {isUpdate === undefined ? t('rejected') : isUpdate ? t('updated') : t('new')}
                    </Badge>
                  </td>
                  {cells.map(({ text, problem }, index) => (
                    <td key={index} className={problem ? classes.wrong : undefined} title={problem ?? text}>
                      {text}
                    </td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}
