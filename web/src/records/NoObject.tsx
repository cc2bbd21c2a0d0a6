import { Forbidden, NotFound } from '../app/Message.tsx';
import { objectByPlural } from '../model/lookup.ts';
import { useWholeModel } from '../model/store.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** Where an address names no object that the role may read: it may not, or there is none. */
export function NoObject({ name }: { name: string }) {
  const object = objectByPlural(useWholeModel(), name);
  return object?.isActive ? (
    <Forbidden title={t('You may not see {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}>
      {t('Your role does not read these records. Ask somebody who keeps the roles.')}
    </Forbidden>
  ) : (
    <NotFound />
  );
}
