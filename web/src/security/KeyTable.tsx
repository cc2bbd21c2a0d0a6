import { Button, Table } from '@mantine/core';
import { modals } from '@mantine/modals';
import { formatRelative, formatDay, localDay } from '../model/dates.ts';
import { announceFailure } from '../records/announce.tsx';
import settings from '../settings/settings.module.css';
import { revokeKey, type Key } from './calls.ts';
import classes from './security.module.css';
import { t } from '../language/t.ts';

interface KeyTableProps {
  keys: Key[];
  onRevoked: () => void;
}

const day = (moment: string): string => formatDay(localDay(new Date(moment)));

/** Keys as one tells them apart: name, first letters, whom they act for, and when they were of use. */
export function KeyTable({ keys, onRevoked }: KeyTableProps) {
  const revoke = (key: Key) =>
    modals.openConfirmModal({
      title: t('Revoke “{name}”?', { name: key.name }),
      children: t('Whatever uses it is refused from now on. It cannot be had back.'),
      labels: { confirm: t('Revoke'), cancel: t('Keep it') },
      confirmProps: { color: 'red' },
      onConfirm: () =>
        void revokeKey(key.id)
          .catch((cause: unknown) => announceFailure(t('“{name}” was not revoked', { name: key.name }), cause))
          .finally(onRevoked),
    });
  return (
    <div className={classes.scroll}>
      <Table className={settings.table}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('Name')}</Table.Th>
            <Table.Th>{t('Begins with')}</Table.Th>
            <Table.Th>{t('Acts as')}</Table.Th>
            <Table.Th className={settings.wideOnly}>{t('Requests a minute')}</Table.Th>
            <Table.Th>{t('Last used')}</Table.Th>
            <Table.Th>{t('Expires')}</Table.Th>
            <Table.Th>
              <span className="visually-hidden">{t('Actions')}</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {keys.map((key) => (
            <Table.Tr key={key.id}>
              <Table.Td>{key.name}</Table.Td>
              <Table.Td>
                <code>{key.prefix}…</code>
              </Table.Td>
              <Table.Td>{key.role ?? key.memberName}</Table.Td>
              <Table.Td className={settings.wideOnly}>{key.rateLimit}</Table.Td>
              <Table.Td>{key.lastUsedAt ? formatRelative(key.lastUsedAt) : t('Never')}</Table.Td>
              <Table.Td>{key.expiresAt ? day(key.expiresAt) : t('Never')}</Table.Td>
              <Table.Td align="right">
                <Button
                  variant="default"
                  aria-label={t('Revoke {name}', { name: key.name })}
                  onClick={() => revoke(key)}
                >
                  {t('Revoke')}
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
