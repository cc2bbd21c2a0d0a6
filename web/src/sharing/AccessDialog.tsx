import { Modal, Select } from '@mantine/core';
import { useState } from 'react';
import { useMay } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { ExplainAccess } from '../settings/roles/ExplainAccess.tsx';
import { useSession } from '../session/session.ts';
import classes from './sharing.module.css';
import { usePrincipals } from './usePrincipals.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface AccessDialogProps {
  object: ModelObject;
  id: string;
  onClose: () => void;
}

/** Why one may see or change a record, or a field of it, or why not; who keeps the roles asks for others, too. */
export function AccessDialog({ object, id, onClose }: AccessDialogProps) {
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const keepsRoles = useMay('ROLES');
  const [member, setMember] = useState<{ value: string; label: string } | null>(null);
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('Access to this {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
      size={560}
    >
      <div className={classes.dialog}>
        {keepsRoles ? <WhoseAccess me={me} member={member} onChoose={setMember} /> : null}
        <ExplainAccess memberId={member?.value ?? me} objectId={object.id} recordId={id} />
      </div>
    </Modal>
  );
}

interface WhoseAccessProps {
  me: string | null;
  member: { value: string; label: string } | null;
  onChoose: (member: { value: string; label: string } | null) => void;
}

function WhoseAccess({ me, member, onChoose }: WhoseAccessProps) {
  const { principals, find } = usePrincipals('MEMBERS');
  const found = principals.filter(({ id }) => id !== me).map(({ id, name }) => ({ value: id, label: name }));
  const data = member && !found.some(({ value }) => value === member.value) ? [member, ...found] : found;
  return (
    <Select
      label={t('Of whom')}
      placeholder={t('You')}
      searchable
      clearable
      nothingFoundMessage={t('No member is called so')}
      data={data}
      value={member?.value ?? null}
      onSearchChange={find}
      onChange={(id) => onChoose(data.find(({ value }) => value === id) ?? null)}
    />
  );
}
