import { Alert, Button, Group, Modal, Textarea, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { createObject } from '../model/metadata.ts';
import { apiName, plural } from '../model/names.ts';
import { useModel } from '../model/store.ts';
import { useSubmit } from './formFailure.ts';
import { IconPicker } from './IconPicker.tsx';
import classes from './settings.module.css';

export function NewObject({ onClose }: { onClose: () => void }) {
  const model = useModel();
  const navigate = useNavigate();
  const [singular, setSingular] = useState('');
  const [typedPlural, setTypedPlural] = useState<string | null>(null);
  const [description, setDescription] = useState('');
  const [look, setLook] = useState({ icon: 'IconPackage', color: 'sky' });
  const labelPlural = typedPlural ?? plural(singular.trim());
  const nameSingular = apiName(singular);
  const namePlural = apiName(labelPlural);
  const taken = model.objects.find((object) =>
    [object.nameSingular, object.namePlural].some((name) => name === nameSingular || name === namePlural),
  );
  const same = nameSingular !== '' && nameSingular === namePlural;
  const { busy, submit, problem, problemAt } = useSubmit(() => {
    onClose();
    void navigate({ to: '/settings/model/$namePlural', params: { namePlural } });
  });

  return (
    <Modal opened onClose={onClose} title="New object">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(() =>
            createObject({
              labelSingular: singular.trim(),
              labelPlural: labelPlural.trim(),
              nameSingular,
              namePlural,
              ...look,
              ...(description.trim() ? { description: description.trim() } : {}),
            }),
          );
        }}
        className={classes.form}
      >
        <Group align="flex-end" wrap="nowrap" gap="xs">
          <IconPicker {...look} onChange={(icon, color) => setLook({ icon, color })} />
          <TextInput
            label="One is called"
            placeholder="Project"
            value={singular}
            onChange={(event) => setSingular(event.currentTarget.value)}
            error={problemAt('labelSingular') ?? problemAt('nameSingular')}
            data-autofocus
            flex={1}
            autoComplete="off"
          />
          <TextInput
            label="Many are called"
            placeholder="Projects"
            value={labelPlural}
            onChange={(event) => setTypedPlural(event.currentTarget.value)}
            error={problemAt('labelPlural') ?? problemAt('namePlural')}
            flex={1}
            autoComplete="off"
          />
        </Group>
        <Textarea
          label="What it is for"
          description="Shown where there are none yet, and in the API"
          autosize
          minRows={2}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        {nameSingular ? (
          <p className={classes.preview}>
            In the API: <code>{nameSingular}</code> and <code>{namePlural}</code>. These names stay when you rename the
            object.
          </p>
        ) : null}
        {taken ? <Alert color="red">There is an object “{taken.labelPlural}” with this name already.</Alert> : null}
        {same ? <Alert color="red">One and many must have different names.</Alert> : null}
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            type="submit"
            loading={busy}
            disabled={nameSingular === '' || namePlural === '' || Boolean(taken) || same}
          >
            Create object
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
