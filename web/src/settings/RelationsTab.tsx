import { Button, Table } from '@mantine/core';
import { IconPlus, IconVectorBezier2 } from '@tabler/icons-react';
import { Message } from '../app/Message.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { useWholeModel } from '../model/store.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { relationsOf } from './relationRows.ts';
import classes from './settings.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface RelationsTabProps {
  object: ModelObject;
  onAdd: () => void;
  onOpen: (owner: ModelObject, field: ModelField) => void;
}

export function RelationsTab({ object, onAdd, onOpen }: RelationsTabProps) {
  const model = useWholeModel();
  const rows = relationsOf(model, object);
  const add = (
    <Button
      leftSection={<IconPlus size={14} stroke={2.2} />}
      onClick={onAdd}
      disabled={!object.isActive}
      className={classes.barEnd}
    >
      {t('Add relation')}
    </Button>
  );
  return (
    <div
      className={classes.page}
      tabIndex={0}
      role="region"
      aria-label={t('Relations of {labelPlural}', { labelPlural: object.labelPlural })}
    >
      <div className={classes.inner}>
        {rows.length === 0 ? (
          <Message
            icon={<IconVectorBezier2 size={22} stroke={1.5} />}
            title={t('{labelPlural} stand alone', { labelPlural: object.labelPlural })}
            actions={add}
          >
            {t('A relation joins them to other objects, such as an order to its customer.')}
          </Message>
        ) : (
          <>
            <div className={classes.bar}>{add}</div>
            <Table highlightOnHover className={classes.table}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>
                    {t('Each {labelSingular} has', { labelSingular: inSentence(object.labelSingular) })}
                  </Table.Th>
                  <Table.Th>{t('With')}</Table.Th>
                  <Table.Th className={classes.wideOnly}>{t('Kind')}</Table.Th>
                  <Table.Th className={classes.wideOnly}>{t('Called there')}</Table.Th>
                  <Table.Th className={classes.wideOnly}>{t('When deleted')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map((row) => (
                  <Table.Tr key={row.key} data-inactive={!row.field.isActive || undefined} className={classes.row}>
                    <Table.Td>
                      <button type="button" className={classes.rowButton} onClick={() => onOpen(row.owner, row.field)}>
                        {row.label}
                      </button>
                    </Table.Td>
                    <Table.Td>
                      <span className={classes.objects}>
                        {row.others.slice(0, 3).map((other) => (
                          <span key={other.id} className={classes.objectChip}>
                            <ObjectIcon name={other.icon} color={other.color} size={14} />
                            {other.labelPlural}
                          </span>
                        ))}
                        {row.others.length > 3 ? ` +${row.others.length - 3}` : ''}
                      </span>
                    </Table.Td>
                    <Table.Td className={classes.wideOnly}>{row.kind}</Table.Td>
                    <Table.Td className={classes.wideOnly}>{row.otherLabel}</Table.Td>
                    <Table.Td className={classes.wideOnly}>{row.onDelete ?? '–'}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </>
        )}
      </div>
    </div>
  );
}
