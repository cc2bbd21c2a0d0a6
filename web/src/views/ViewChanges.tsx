import { Button } from '@mantine/core';
import { useState } from 'react';
import { useModel, useWholeModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { announceFailure, offerToTakeBack } from '../records/announce.tsx';
import { useColumnLayout } from '../records/columnLayout.ts';
import { useSession } from '../session/session.ts';
import { isChanged, type ViewControls } from './controls.ts';
import { saveView } from './savedViews.ts';
import { shownOf, type Shown } from './shown.ts';
import { stateOf } from './stateOf.ts';
import classes from './views.module.css';
import { t } from '../language/t.ts';

interface ViewChangesProps {
  object: ModelObject;
  shown: Shown;
  views: ViewControls;
  onSaveAs: () => void;
}

/** Says that what is shown is not what the view keeps, and what can be done about it. */
export function ViewChanges({ object, shown, views, onSaveAs }: ViewChangesProps) {
  const model = useModel();
  const whole = useWholeModel();
  const [usual] = useColumnLayout(model, object);
  const looksOnly = useSession((state) => Boolean(state.identity?.seeing));
  const [busy, setBusy] = useState(false);
  const { view, discard } = views;
  if (!isChanged(views)) return null;
  const save = async () => {
    if (!view) return;
    setBusy(true);
    try {
      const before = stateOf(model, object, shownOf(whole, object, view, usual), view);
      await saveView(object.id, view.id, stateOf(model, object, shown, view));
      discard();
      offerToTakeBack(t('View “{name}” saved', { name: view.name }), () =>
        saveView(object.id, view.id, before).catch((cause: unknown) =>
          announceFailure(t('The view was not saved'), cause),
        ),
      );
    } catch (cause) {
      announceFailure(t('The view was not saved'), cause);
    }
    setBusy(false);
  };
  const why = view?.isLocked ? t('The view is locked.') : t('The view is not yours to change.');
  return (
    <span className={classes.changes} role="group" aria-label={t('Unsaved changes of the view')}>
      {view && !view.canUpdate ? <span className={classes.note}>{why}</span> : null}
      {view ? (
        <Button size="compact-sm" variant="subtle" color="gray" onClick={discard}>
          {t('Discard')}
        </Button>
      ) : null}
      {looksOnly ? null : (
        <Button size="compact-sm" variant="default" onClick={onSaveAs}>
          {view ? t('Save as…') : t('Save as a view…')}
        </Button>
      )}
      {view?.canUpdate && !looksOnly ? (
        <Button size="compact-sm" loading={busy} onClick={() => void save()}>
          {t('Save')}
        </Button>
      ) : null}
    </span>
  );
}
