import { Alert, Button, Group, Modal, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { updateObject } from '../model/metadata.ts';
import type { ModelObject } from '../model/types.ts';
import { useSubmit } from './formFailure.ts';
import { IconPicker } from './IconPicker.tsx';
import classes from './settings.module.css';

export function EditObject({ object, onClose }: { object: ModelObject; onClose: () => void }) {
  const [labelSingular, setSingular] = useState(object.labelSingular);
  const [labelPlural, setPlural] = useState(object.labelPlural);
  const [description, setDescription] = useState(object.description ?? '');
  const [look, setLook] = useState({ icon: object.icon ?? 'IconPackage', color: object.color ?? 'gray' });
  const { busy, submit, problem, problemAt } = useSubmit(onClose);
  return (
    <Modal opened onClose={onClose} title={`Edit ${object.labelPlural.toLowerCase()}`}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          void submit(() =>
            updateObject(object.id, {
              labelSingular: labelSingular.trim(),
              labelPlural: labelPlural.trim(),
              description: description.trim(),
              ...look,
            }),
          );
        }}
      >
        <Group align="flex-end" wrap="nowrap" gap="xs">
          <IconPicker {...look} onChange={(icon, color) => setLook({ icon, color })} />
          <TextInput
            label="One is called"
            value={labelSingular}
            onChange={(event) => setSingular(event.currentTarget.value)}
            error={problemAt('labelSingular')}
            data-autofocus
            flex={1}
          />
          <TextInput
            label="Many are called"
            value={labelPlural}
            onChange={(event) => setPlural(event.currentTarget.value)}
            error={problemAt('labelPlural')}
            flex={1}
          />
        </Group>
        <Textarea
          label="What it is for"
          autosize
          minRows={2}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        <p className={classes.preview}>
          The API keeps calling them <code>{object.nameSingular}</code> and <code>{object.namePlural}</code>.
        </p>
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={labelSingular.trim() === '' || labelPlural.trim() === ''}>
            Save
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
