import { countText } from '../model/formats.ts';
import { objectById } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import type { ImportResult } from './imports.ts';
import classes from './imports.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** What came, or would come, of each row. */
export function Figures({
  object,
  result,
  isDryRun,
}: {
  object: ModelObject;
  result: ImportResult;
  isDryRun?: boolean;
}) {
  const model = useModel();
  const figures: [number, string][] = [
    [result.created, isDryRun ? t('would be created') : 'created'],
    [result.updated, isDryRun ? t('would be updated') : 'updated'],
    [result.unchanged, t('are so already')],
    [result.rejected, isDryRun ? t('have problems') : 'rejected'],
  ];
  for (const { objectId, created } of result.createdRelated) {
    const related = objectById(model, objectId);
    if (related) figures.push([created, t('new {labelPlural}', { labelPlural: inSentence(related.labelPlural) })]);
  }
  return (
    <ul
      className={classes.figures}
      aria-label={t('Of {rows} rows, as {labelPlural}', {
        rows: countText(result.rows),
        labelPlural: inSentence(object.labelPlural),
      })}
    >
      {figures
        .filter(([count], index) => count > 0 || index === 0 || index === 3)
        .map(([count, label]) => (
          <li key={label}>
            <strong>{countText(count)}</strong>
            <span>{label}</span>
          </li>
        ))}
    </ul>
  );
}
