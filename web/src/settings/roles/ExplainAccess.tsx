import { Alert, Group, Select } from '@mantine/core';
import { IconCheck, IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { explainAccess, type AccessAction } from '../../model/access.ts';
import { objectById, visibleFields } from '../../model/lookup.ts';
import { useWholeModel } from '../../model/store.ts';
import classes from './roles.module.css';
import { useInquiry } from '../useInquiry.ts';
import { t } from '../../language/t.ts';
import { Trans } from '../../language/Trans.tsx';

const ACTIONS: { value: AccessAction; label: string }[] = [
  { value: 'READ', label: t('Read') },
  { value: 'CREATE', label: t('Create') },
  { value: 'UPDATE', label: t('Update') },
  { value: 'DELETE', label: t('Delete') },
  { value: 'DESTROY', label: t('Destroy') },
];

interface ExplainAccessProps {
  roleId?: string | null;
  memberId?: string | null;
  /** On the page of a record: of that record alone. */
  objectId?: string;
  recordId?: string;
}

/** Which rule allows or denies something, one by one, as the database sees it. */
export function ExplainAccess({ roleId = null, memberId = null, objectId, recordId }: ExplainAccessProps) {
  const model = useWholeModel();
  const objects = model.objects
    .filter((object) => object.isActive && !object.isJunction)
    .sort((a, b) => Number(a.isSystem) - Number(b.isSystem) || a.position - b.position);
  const [chosenId, setChosenId] = useState(objectId ?? objects[0]?.id ?? '');
  const [action, setAction] = useState<AccessAction>('READ');
  const [fieldName, setFieldName] = useState<string | null>(null);
  const object = objectById(model, chosenId);
  const field = action === 'READ' || action === 'UPDATE' ? fieldName : null;
  const inquiry = useInquiry(object ? [object.id, action, field, recordId, memberId, roleId].join() : null, () =>
    explainAccess({
      objectName: object?.nameSingular ?? '',
      action,
      recordId: recordId ?? null,
      fieldName: field,
      memberId,
      roleId,
    }),
  );
  const { answer, failure } = inquiry;
  return (
    <div>
      <Group gap={8} align="flex-end">
        {objectId ? null : (
          <Select
            label={t('Object')}
            flex="1 1 140px"
            allowDeselect={false}
            searchable
            data={objects.map((each) => ({ value: each.id, label: each.labelPlural }))}
            value={chosenId}
            onChange={(value) => {
              if (!value) return;
              setChosenId(value);
              setFieldName(null);
            }}
          />
        )}
        <Select
          label={t('Action')}
          flex="1 1 110px"
          allowDeselect={false}
          data={recordId ? ACTIONS.filter((each) => each.value !== 'CREATE') : ACTIONS}
          value={action}
          onChange={(value) => value && setAction(value as AccessAction)}
        />
        <Select
          label={t('Field')}
          flex="1 1 140px"
          placeholder={t('All of it')}
          clearable
          searchable
          disabled={action !== 'READ' && action !== 'UPDATE'}
          data={(object ? visibleFields(object) : []).map((each) => ({ value: each.name, label: each.label }))}
          value={field}
          onChange={setFieldName}
        />
      </Group>
      {failure ? (
        <Alert color="red" role="alert" mt={12}>
          {failure.message} {failure.hint}
        </Alert>
      ) : answer ? (
        <div role="status" aria-label={t('Explanation')}>
          <Alert color={answer.allowed ? 'green' : 'red'} mt={14} py={8}>
            {answer.allowed ? (
              <Trans
                text={'<0>Allowed</0> by the role {role}.'}
                values={{ role: answer.role }}
                tags={{ 0: <strong /> }}
              />
            ) : (
              <Trans
                text={'<0>Not allowed</0> by the role {role}.'}
                values={{ role: answer.role }}
                tags={{ 0: <strong /> }}
              />
            )}
          </Alert>
          <ul className={classes.reasons}>
            {answer.reasons.map((reason, index) => (
              <li key={index}>
                {reason.allows ? (
                  <IconCheck size={15} color="var(--rv-ink-green)" aria-label={t('Allows')} />
                ) : (
                  <IconX size={15} color="var(--rv-ink-red)" aria-label={t('Denies')} />
                )}
                <span>
                  {reason.text}
                  {reason.isIncluded ? <small>{t('by the included role {role}', { role: reason.role })}</small> : null}
                </span>
              </li>
            ))}
          </ul>
        </div>
      ) : null}
    </div>
  );
}
