import { Alert, Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { Avatar } from '../fields/Avatar.tsx';
import type { ModelObject } from '../model/types.ts';
import people from '../settings/people/people.module.css';
import { useInquiry } from '../settings/useInquiry.ts';
import { askShares, askWhoHasAccess, shareRecords, unshareRecord } from './sharing.ts';
import classes from './sharing.module.css';
import { NewShareForm, Shares } from './ShareParts.tsx';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface ShareDialogProps {
  object: ModelObject;
  ids: string[];
  onClose: () => void;
}

/** With whom records are shared beside what the roles show. Of one record also who sees it, and why. */
export function ShareDialog({ object, ids, onClose }: ShareDialogProps) {
  const [only] = ids.length === 1 ? ids : [];
  const shares = useInquiry(only ?? null, () => askShares(object, only ?? ''));
  const what = only
    ? t('this {labelSingular}', { labelSingular: inSentence(object.labelSingular) })
    : `${ids.length} ${inSentence(object.labelPlural)}`;
  return (
    <Modal opened onClose={onClose} title={t('Share {what}', { what })} size={560}>
      <div className={classes.dialog}>
        <p className={people.note}>
          {object.isPrivate
            ? t('{labelPlural} are private: each is its creator’s alone until it is shared.', {
                labelPlural: object.labelPlural,
              })
            : t(
                'A share shows a record to somebody whose role reads this object, but not every record of it. It opens no field that the role hides.',
              )}
        </p>
        <NewShareForm share={(share) => shareRecords(object, ids, share)} onShared={only ? shares.again : onClose} />
        {shares.failure ? (
          <Alert color="red" role="alert" title={shares.failure.message}>
            {shares.failure.hint}
          </Alert>
        ) : null}
        {only && shares.answer ? (
          <Shares
            list={shares.answer}
            give={(share) => shareRecords(object, [only], share)}
            end={unshareRecord}
            again={shares.again}
          />
        ) : null}
        {only ? (
          <WhoHasAccess
            object={object}
            id={only}
            round={(shares.answer ?? []).map(({ shareId, access }) => shareId + access).join()}
          />
        ) : null}
      </div>
    </Modal>
  );
}

/** Asked for only when somebody wants to know: it looks at each member. */
function WhoHasAccess({ object, id, round }: { object: ModelObject; id: string; round: string }) {
  const [isOpen, setOpen] = useState(false);
  const { answer, failure, busy } = useInquiry(isOpen ? `${id} ${round}` : null, () => askWhoHasAccess(object, id));
  return (
    <section aria-label={t('Who sees it')}>
      <Button size="compact-sm" variant="subtle" aria-expanded={isOpen} loading={busy} onClick={() => setOpen(!isOpen)}>
        {t('Who sees it, and why')}
      </Button>
      {isOpen && failure ? (
        <Alert color="red" role="alert" mt={8}>
          {failure.message} {failure.hint}
        </Alert>
      ) : null}
      {isOpen && answer ? (
        <ul className={classes.list} aria-label={t('Who sees it, and why')}>
          {answer.map((each) => (
            <li key={each.memberId}>
              <Avatar label={each.name} seed={each.memberId} size={24} round />
              <span className={people.lines}>
                <strong>{each.name}</strong>
                <small>{each.text}</small>
              </span>
              <span className={classes.may}>{each.canUpdate ? t('May change') : t('May read')}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </section>
  );
}
