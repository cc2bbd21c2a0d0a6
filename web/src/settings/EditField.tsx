import { Alert, Button, Group, Modal, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { updateField } from '../model/metadata.ts';
import type { ModelField } from '../model/types.ts';
import { useSubmit } from './formFailure.ts';
import { cleanOptions, draftOptions, OptionList } from './OptionList.tsx';
import classes from './settings.module.css';

export function EditField({ field, onClose }: { field: ModelField; onClose: () => void }) {
  const [label, setLabel] = useState(field.label);
  const [description, setDescription] = useState(field.description ?? '');
  const hasOptions = field.type === 'SELECT' || field.type === 'MULTI_SELECT';
  const [options, setOptions] = useState(() => draftOptions(field.options ?? []));
  const { busy, submit, problem, problemAt } = useSubmit(onClose);
  return (
    <Modal opened onClose={onClose} title={`Edit ${field.label}`}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          void submit(() =>
            updateField(field.id, {
              label: label.trim(),
              description: description.trim(),
              ...(hasOptions ? { options: cleanOptions(options) } : {}),
            }),
          );
        }}
      >
        <TextInput
          label="Label"
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
          error={problemAt('label')}
          data-autofocus
        />
        <Textarea
          label="Description"
          autosize
          minRows={2}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
        />
        {hasOptions ? <OptionList options={options} onChange={setOptions} /> : null}
        <p className={classes.preview}>
          The API keeps calling it <code>{field.name}</code>.
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
          <Button
            type="submit"
            loading={busy}
            disabled={label.trim() === '' || (hasOptions && cleanOptions(options).length === 0)}
          >
            Save
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
