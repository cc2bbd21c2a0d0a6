import { Button } from '@mantine/core';
import { useState } from 'react';
import type { Failure } from '../api/failure.ts';
import classes from './ReadFailure.module.css';
import { reasonOf } from './refusals.ts';
import { t } from '../language/t.ts';

/** In the place of a page, or of a part of it, that could not be read. */
export function ReadFailure({ what, failure, onRetry }: { what: string; failure: Failure; onRetry: () => void }) {
  // Until it is read, or fails anew, which is another failure.
  const [tried, setTried] = useState<Failure | null>(null);
  return (
    <div className={classes.readFailure} role="alert">
      <span>{t('{what} could not be read. {failure}', { what, failure: reasonOf(failure) })}</span>
      <Button
        size="compact-xs"
        variant="default"
        loading={tried === failure}
        onClick={() => {
          setTried(failure);
          onRetry();
        }}
      >
        {t('Try again')}
      </Button>
    </div>
  );
}
