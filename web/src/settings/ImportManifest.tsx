import { Alert, Button, Checkbox, FileInput, Group, Modal } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconFileCode } from '@tabler/icons-react';
import { useState } from 'react';
import { planManifest } from '../model/planning.ts';
import { propose } from './planStore.ts';
import { useSubmit } from './formFailure.ts';
import classes from './settings.module.css';
import { useIsTop } from './useIsTop.ts';
import { t } from '../language/t.ts';

/** A model from a file, as from a test workspace: always planned and shown before it is applied. */
export function ImportManifest({ onClose }: { onClose: () => void }) {
  const [file, setFile] = useState<File | null>(null);
  const [prune, setPrune] = useState(false);
  const [unreadable, setUnreadable] = useState(false);
  const { busy, submit, problem } = useSubmit();

  const plan = async () => {
    setUnreadable(false);
    let manifest: unknown;
    try {
      manifest = JSON.parse((await file?.text()) ?? '');
    } catch {
      setUnreadable(true);
      return;
    }
    const isApplied = await propose({
      title: t('Import {name}', { name: file?.name ?? t('the model') }),
      verb: t('Import'),
      replan: () => planManifest(manifest, prune),
      always: true,
    });
    if (!isApplied) return;
    notifications.show({ message: t('The model was imported.') });
    onClose();
  };

  return (
    <Modal opened onClose={onClose} closeOnEscape={useIsTop()} title={t('Import a model')}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          void submit(plan);
        }}
      >
        <FileInput
          label={t('File')}
          description={t('A model that was exported here, as JSON')}
          placeholder={t('Choose a file')}
          accept="application/json,.json"
          leftSection={<IconFileCode size={16} />}
          value={file}
          onChange={setFile}
          error={unreadable ? t('This file is not valid JSON.') : null}
          data-autofocus
        />
        <Checkbox
          label={t('Also delete what the file does not have')}
          description={t('Deleted objects and fields can be restored for a while')}
          checked={prune}
          onChange={(event) => setPrune(event.currentTarget.checked)}
        />
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button type="submit" loading={busy} disabled={!file}>
            {t('Show the plan')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
