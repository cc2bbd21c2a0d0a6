import { Alert, Button, Group, Modal, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSubmit } from '../formFailure.ts';
import settings from '../settings.module.css';
import { createTeam, type Teams } from './teams.ts';
import { t } from '../../language/t.ts';

interface NewTeamProps {
  all: Teams;
  parentTeamId: string | null;
  onClose: () => void;
  onCreated: (id: string) => void;
}

export function NewTeam({ all, parentTeamId, onClose, onCreated }: NewTeamProps) {
  const [name, setName] = useState('');
  const [parentId, setParentId] = useState(parentTeamId);
  const { busy, submit, problem, problemAt } = useSubmit({ inSight: ['name'] });
  const create = () =>
    submit(async () => {
      onCreated(await createTeam({ name: name.trim(), parentTeamId: parentId }));
      onClose();
    });
  return (
    <Modal opened onClose={onClose} title={t('New team')}>
      <form
        className={settings.form}
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <TextInput
          label={t('Name')}
          placeholder={t('Sales North')}
          value={name}
          maxLength={100}
          onChange={(event) => setName(event.currentTarget.value)}
          error={problemAt('name')}
          data-autofocus
          autoComplete="off"
        />
        <Select
          label={t('Beneath')}
          placeholder={t('No other team')}
          clearable
          searchable
          data={all.teams.map((team) => ({ value: team.id, label: team.name }))}
          value={parentId}
          onChange={setParentId}
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
          <Button type="submit" loading={busy} disabled={name.trim() === ''}>
            {t('Create team')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
