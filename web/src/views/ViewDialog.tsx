import { Alert, Button, Group, Modal, SegmentedControl, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useMay, useModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { useSession } from '../session/session.ts';
import { useSubmit } from '../settings/formFailure.ts';
import { addView, updateView, type SavedView } from './savedViews.ts';
import type { Shown } from './shown.ts';
import { stateOf } from './stateOf.ts';
import { ViewIcons } from './ViewIcons.tsx';
import classes from './views.module.css';
import { t } from '../language/t.ts';

interface ViewDialogProps {
  object: ModelObject;
  shown: Shown;
  /** The view to be renamed; null to keep what is shown in a new one. */
  view: SavedView | null;
  onClose: () => void;
  onMade: (id: string) => void;
}

export function ViewDialog({ object, shown, view, onClose, onMade }: ViewDialogProps) {
  const model = useModel();
  const keepsViews = useMay('VIEWS');
  const isMember = useSession((state) => Boolean(state.identity?.member));
  const [name, setName] = useState(view?.name ?? '');
  const [icon, setIcon] = useState(view?.icon ?? null);
  const [visibility, setVisibility] = useState<SavedView['visibility']>(isMember ? 'PERSONAL' : 'WORKSPACE');
  const { busy, submit, problem, problemAt } = useSubmit({ onDone: onClose, inSight: ['name'] });
  const save = () =>
    submit(async () => {
      if (view) await updateView(object.id, view.id, { name, icon });
      else
        onMade(
          await addView(object.id, name, visibility, {
            ...stateOf(model, object, shown, null),
            ...(icon ? { icon } : {}),
          }),
        );
    });
  return (
    <Modal opened onClose={onClose} title={view ? t('Rename the view') : t('Save as a view')}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <div className={classes.named}>
          <ViewIcons icon={icon} onChange={setIcon} />
          <TextInput
            label={t('Name')}
            value={name}
            maxLength={100}
            required
            error={problemAt('name')}
            onChange={(event) => setName(event.currentTarget.value)}
            data-autofocus
          />
        </div>
        {!view && keepsViews && isMember ? (
          <SegmentedControl
            fullWidth
            aria-label={t('Who sees it')}
            value={visibility}
            onChange={(value) => setVisibility(value as SavedView['visibility'])}
            data={[
              { value: 'PERSONAL', label: t('Only me') },
              { value: 'WORKSPACE', label: t('Everybody') },
            ]}
          />
        ) : null}
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button type="submit" loading={busy} disabled={name.trim() === ''}>
            {view ? t('Rename') : t('Save')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
