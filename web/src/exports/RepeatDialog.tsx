import { Modal } from '@mantine/core';
import { announceDone } from '../records/announce.tsx';
import { shownFields } from '../records/columnLayout.ts';
import type { Model, ModelObject } from '../model/types.ts';
import type { SavedView } from '../views/savedViews.ts';
import type { Shown } from '../views/shown.ts';
import { stateOf } from '../views/stateOf.ts';
import { ExportForm } from './ExportForm.tsx';
import { newSettings } from './newSettings.ts';
import { t } from '../language/t.ts';

interface RepeatDialogProps {
  model: Model;
  object: ModelObject;
  shown: Shown;
  /** The view that is open, where nothing of it was changed. */
  view: SavedView | null;
  onClose: () => void;
}

/** Has what is shown exported again and again. */
export function RepeatDialog({ model, object, shown, view, onClose }: RepeatDialogProps) {
  const { filter, sorts } = stateOf(model, object, shown, null);
  const settings = {
    ...newSettings(object, view?.name ?? object.labelPlural),
    viewId: view?.id ?? null,
    filter: view ? null : filter,
    sorts: view ? [] : sorts,
    fieldIds: view ? null : shownFields(object, shown.layout).map(({ id }) => id),
  };
  return (
    <Modal opened onClose={onClose} title={t('Repeat this export')} size="lg">
      <ExportForm
        object={object}
        settings={settings}
        exportId={null}
        hasSecret={false}
        onCancel={onClose}
        onSaved={() => {
          announceDone(t('The export comes from now on. You find it in the settings, under Exports.'));
          onClose();
        }}
      />
    </Modal>
  );
}
