import { Alert, Button, Group, Modal, Radio, Select, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { newId } from '../../model/planning.ts';
import { useSubmit } from '../formFailure.ts';
import { proposeChanges } from '../planStore.ts';
import classes from '../settings.module.css';
import { changesOf, draftOf, EMPTY_ROLE, READING_ROLE } from './roleDraft.ts';
import { askRoles, createOwnRecordsRole, type Roles } from './roles.ts';
import { t } from '../../language/t.ts';

type Start = 'BLANK' | 'COPY' | 'READ' | 'OWN';

const STARTS: { value: Start; label: string; description: string }[] = [
  { value: 'BLANK', label: t('Blank'), description: t('May do nothing until you say what.') },
  { value: 'COPY', label: t('Copy of a role'), description: t('Begins with all that another role may do.') },
  {
    value: 'READ',
    label: t('Read-only'),
    description: t('Reads all records, also of objects that are made later, and changes none.'),
  },
  {
    value: 'OWN',
    label: t('Own records only'),
    description: t('Sees, changes and deletes the records that a member made, or that name the member.'),
  },
];

export function NewRole({ all, onClose, copyOf }: { all: Roles; onClose: () => void; copyOf?: string }) {
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [start, setStart] = useState<Start>(copyOf ? 'COPY' : 'BLANK');
  const [sourceId, setSourceId] = useState(copyOf ?? all.defaultRoleId);
  const { busy, submit, problem, problemAt } = useSubmit({ onDone: onClose });
  const wanted = name.trim();
  const isTaken = all.roles.some((role) => role.name.toLowerCase() === wanted.toLowerCase());

  const create = async () => {
    let roleId: string | undefined;
    if (start === 'OWN') {
      await createOwnRecordsRole(wanted);
      roleId = (await askRoles()).roles.find((role) => role.name === wanted)?.id;
    } else {
      const source = start === 'COPY' ? all.roles.find((role) => role.id === sourceId) : undefined;
      const id = newId();
      // Of who may do everything, the copy may do everything that there is today.
      const draft = !source
        ? start === 'READ'
          ? READING_ROLE
          : EMPTY_ROLE
        : source.hasAllPermissions
          ? { ...draftOf(all, source), permissions: all.flags.map((each) => each.flag) }
          : draftOf(all, source);
      if (
        await proposeChanges(t('New role “{wanted}”', { wanted }), changesOf(all, id, { ...draft, name: wanted }), {
          verb: t('Create role'),
        })
      )
        roleId = id;
    }
    if (roleId) await navigate({ to: '/settings/roles/$roleId', params: { roleId } });
  };

  return (
    <Modal opened onClose={onClose} title={t('New role')}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          void submit(create);
        }}
      >
        <TextInput
          label={t('Name')}
          placeholder={t('Sales')}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={isTaken ? t('There is a role of this name.') : problemAt('name')}
          data-autofocus
          autoComplete="off"
        />
        <Radio.Group label={t('Begin with')} value={start} onChange={(value) => setStart(value as Start)}>
          <Group gap={10} mt={6} style={{ flexDirection: 'column', alignItems: 'flex-start' }}>
            {STARTS.map((each) => (
              <Radio key={each.value} size="xs" {...each} />
            ))}
          </Group>
        </Radio.Group>
        {start === 'COPY' ? (
          <Select
            label={t('Copy of')}
            allowDeselect={false}
            data={all.roles.map((role) => ({ value: role.id, label: role.name }))}
            value={sourceId}
            onChange={(value) => value && setSourceId(value)}
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
          <Button type="submit" loading={busy} disabled={wanted === '' || isTaken}>
            {t('Create role')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
