import { Alert, Button, Group, Modal, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSubmit } from '../settings/formFailure.ts';
import { addFavourite, changeFavourite, type Favourite } from './favourites.ts';
import classes from './views.module.css';
import { t } from '../language/t.ts';

export type FavouriteForm = { favourite: Favourite } | { kind: 'FOLDER' | 'LINK'; memberId: string | null };

/** A folder or a link among the favourites, made or changed. */
export function FavouriteDialog({ form, onClose }: { form: FavouriteForm; onClose: () => void }) {
  const before = 'favourite' in form ? form.favourite : null;
  const kind = 'favourite' in form ? form.favourite.kind : form.kind;
  const [label, setLabel] = useState(before?.label ?? '');
  const [url, setUrl] = useState(before?.url ?? '');
  const { busy, submit, problem, problemAt } = useSubmit({ onDone: onClose, inSight: ['label', 'url'] });
  const isLink = kind === 'LINK';
  const noun = isLink ? 'link' : 'folder';
  const save = () =>
    submit(async () => {
      const values = { label, ...(isLink ? { url } : {}) };
      if ('favourite' in form) await changeFavourite(form.favourite.id, values);
      else await addFavourite({ kind: form.kind, memberId: form.memberId, ...values });
    });
  return (
    <Modal opened onClose={onClose} title={before ? t('Change the {noun}', { noun }) : t('New {noun}', { noun })}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <TextInput
          label={t('Name')}
          required
          maxLength={100}
          value={label}
          error={problemAt('label')}
          onChange={(event) => setLabel(event.currentTarget.value)}
          data-autofocus
        />
        {isLink ? (
          <TextInput
            label={t('Address')}
            required
            placeholder="https://"
            value={url}
            error={problemAt('url')}
            onChange={(event) => setUrl(event.currentTarget.value)}
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
          <Button type="submit" loading={busy} disabled={label.trim() === '' || (isLink && url.trim() === '')}>
            {before ? t('Save') : t('Add')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
