import { Button } from '@mantine/core';
import type { Failure } from '../api/failure.ts';
import classes from './RecordView.module.css';
import { reasonOf } from './refusals.ts';
import { t } from '../language/t.ts';

/** In the place of a part of the page that could not be read. */
export function ReadFailure({ what, failure, onRetry }: { what: string; failure: Failure; onRetry: () => void }) {
  return (
    <div className={classes.readFailure} role="alert">
      <span>{t('{what} could not be read. {failure}', { what, failure: reasonOf(failure) })}</span>
      <Button size="compact-xs" variant="default" onClick={onRetry}>
        {t('Try again')}
      </Button>
    </div>
  );
}
