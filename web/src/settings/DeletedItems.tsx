import { ActionIcon, Button, Group, Skeleton, Table } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { Message } from '../app/Message.tsx';
import { formatRelative } from '../model/dates.ts';
import { deletedItems, purgeItem, restoreItem, type DeletedItem } from '../model/inquiries.ts';
import { useWholeModel } from '../model/store.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import classes from './settings.module.css';
import { useInquiry } from './useInquiry.ts';
import { t } from '../language/t.ts';

const DAY_MS = 86_400_000;

const daysLeft = (item: DeletedItem): number =>
  Math.max(0, Math.ceil((new Date(item.purgedAt).getTime() - Date.now()) / DAY_MS));

/** What was deleted and can still be had back, and how long for. */
export function DeletedItems() {
  const model = useWholeModel();
  const { answer, failure, again } = useInquiry(`deleted ${model.version}`, deletedItems);
  const [busy, setBusy] = useState<string | null>(null);

  const act = async (item: DeletedItem, work: (item: DeletedItem) => Promise<void>, title: string) => {
    setBusy(item.id);
    try {
      await work(item);
    } catch (cause) {
      announceFailure(title, cause);
    }
    setBusy(null);
    again();
  };
  const purge = (item: DeletedItem) =>
    modals.openConfirmModal({
      title: t('Delete “{label}” for good?', { label: item.label }),
      children: t('Its data is dropped from the database now and cannot be had back.'),
      labels: { confirm: t('Delete for good'), cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () => void act(item, purgeItem, t('“{label}” was not deleted', { label: item.label })),
    });

  if (failure) return <ReadFailure what={t('Deleted objects and fields')} failure={failure} onRetry={again} />;
  if (!answer) return <Skeleton height={120} />;
  if (answer.length === 0)
    return (
      <Message icon={<IconTrash size={22} stroke={1.5} />} title={t('Nothing is deleted')}>
        {t('Objects and fields that you delete stay here for a while with their data, and can be restored.')}
      </Message>
    );
  return (
    <Table highlightOnHover className={classes.table}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t('Deleted')}</Table.Th>
          <Table.Th className={classes.wideOnly}>{t('By')}</Table.Th>
          <Table.Th>{t('Kept for')}</Table.Th>
          <Table.Th>
            <span className="visually-hidden">{t('Actions')}</span>
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {answer.map((item) => (
          <Table.Tr key={item.id}>
            <Table.Td>
              <strong>{item.label}</strong>{' '}
              <span className={classes.dim}>
                {item.kind === 'object'
                  ? t('object, {deletedAt}', { deletedAt: formatRelative(item.deletedAt) })
                  : item.kind === 'relation'
                    ? t('target of {objectLabel}, {deletedAt}', {
                        objectLabel: item.objectLabel ?? t('an object'),
                        deletedAt: formatRelative(item.deletedAt),
                      })
                    : t('field of {objectLabel}, {deletedAt}', {
                        objectLabel: item.objectLabel ?? t('an object'),
                        deletedAt: formatRelative(item.deletedAt),
                      })}
              </span>
            </Table.Td>
            <Table.Td className={classes.wideOnly}>{item.deletedByName ?? '–'}</Table.Td>
            <Table.Td>{t('{count, plural, one {# day} other {# days}}', { count: daysLeft(item) })}</Table.Td>
            <Table.Td>
              <Group gap={6} justify="flex-end" wrap="nowrap">
                <Button
                  variant="default"
                  loading={busy === item.id}
                  aria-label={t('Restore {label}', { label: item.label })}
                  onClick={() => void act(item, restoreItem, t('“{label}” was not restored', { label: item.label }))}
                >
                  {t('Restore')}
                </Button>
                <Button
                  variant="subtle"
                  color="red"
                  className={classes.wideOnly}
                  aria-label={t('Delete {label} for good', { label: item.label })}
                  onClick={() => purge(item)}
                >
                  {t('Delete for good')}
                </Button>
                <ActionIcon
                  variant="subtle"
                  color="red"
                  size={30}
                  className={classes.narrowOnly}
                  aria-label={t('Delete {label} for good', { label: item.label })}
                  onClick={() => purge(item)}
                >
                  <IconTrash size={16} stroke={1.75} />
                </ActionIcon>
              </Group>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
