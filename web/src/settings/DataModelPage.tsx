import { ActionIcon, Button, Menu, SegmentedControl, Skeleton, Table, TextInput } from '@mantine/core';
import { IconDots, IconDownload, IconPlus, IconSearch, IconUpload } from '@tabler/icons-react';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { Message } from '../app/Message.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { bytes, kindOf, roughly } from '../model/describe.ts';
import { objectStatistics, type ObjectStatistics } from '../model/inquiries.ts';
import { useWholeModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { ReadFailure } from '../records/ReadFailure.tsx';
import { DeletedItems } from './DeletedItems.tsx';
import { ImportManifest } from './ImportManifest.tsx';
import { downloadManifest } from './manifestFile.ts';
import { NewObject } from './NewObject.tsx';
import { SettingsFrame } from './SettingsFrame.tsx';
import classes from './settings.module.css';
import { useInquiry } from './useInquiry.ts';
import { t } from '../language/t.ts';

const SHOWN = [
  { value: 'all', label: t('All') },
  { value: 'standard', label: t('Standard') },
  { value: 'custom', label: t('Custom') },
  { value: 'inactive', label: t('Deactivated') },
  { value: 'deleted', label: t('Deleted') },
] as const;

type ObjectsShown = (typeof SHOWN)[number]['value'];

const belongs = (object: ModelObject, shown: ObjectsShown): boolean => {
  switch (shown) {
    case 'standard':
      return object.isActive && !object.isCustom;
    case 'custom':
      return object.isActive && object.isCustom;
    case 'inactive':
      return !object.isActive;
    default:
      return true;
  }
};

function ObjectRow({ object, statistics }: { object: ModelObject; statistics: ObjectStatistics | null | undefined }) {
  const waiting = statistics === undefined ? <Skeleton height={10} width={44} ml="auto" /> : '–';
  return (
    <Table.Tr data-inactive={!object.isActive || undefined} className={classes.row}>
      <Table.Td>
        <Link to="/settings/model/$namePlural" params={{ namePlural: object.namePlural }} className={classes.name}>
          <ObjectIcon name={object.icon} color={object.color} />
          {object.labelPlural}
        </Link>
        {object.isActive ? null : <span className={classes.badge}>{t('Deactivated')}</span>}
      </Table.Td>
      <Table.Td className={classes.wideOnly}>
        <code>{object.namePlural}</code>
      </Table.Td>
      <Table.Td className={classes.wideOnly}>{kindOf(object)}</Table.Td>
      <Table.Td ta="right" className={classes.wideOnly}>
        {object.fields.filter((field) => field.isActive && !field.isSystem).length}
      </Table.Td>
      <Table.Td ta="right">{statistics ? roughly(statistics.records, statistics.exact) : waiting}</Table.Td>
      <Table.Td
        ta="right"
        title={
          statistics ? t('{indexBytes} of it are indexes', { indexBytes: bytes(statistics.indexBytes) }) : undefined
        }
      >
        {statistics ? bytes(statistics.bytes) : waiting}
      </Table.Td>
    </Table.Tr>
  );
}

function ObjectTable({ objects }: { objects: ModelObject[] }) {
  const model = useWholeModel();
  const statistics = useInquiry(`statistics ${model.version}`, objectStatistics);
  const byId = new Map(statistics.answer?.map((each) => [each.objectId, each]));
  return (
    <>
      {statistics.failure ? (
        <ReadFailure what={t('Numbers of records and sizes')} failure={statistics.failure} onRetry={statistics.again} />
      ) : null}
      <Table highlightOnHover className={classes.table}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('Object')}</Table.Th>
            <Table.Th className={classes.wideOnly}>{t('API name')}</Table.Th>
            <Table.Th className={classes.wideOnly}>{t('Kind')}</Table.Th>
            <Table.Th ta="right" className={classes.wideOnly}>
              {t('Fields')}
            </Table.Th>
            <Table.Th ta="right">{t('Records')}</Table.Th>
            <Table.Th ta="right">{t('Size')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {objects.map((object) => (
            <ObjectRow
              key={object.id}
              object={object}
              statistics={statistics.answer || statistics.failure ? (byId.get(object.id) ?? null) : undefined}
            />
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}

export function DataModelPage() {
  const model = useWholeModel();
  const navigate = useNavigate();
  const search = useSearch({ from: '/settings/model' });
  const show: ObjectsShown = search.show ?? 'all';
  const [query, setQuery] = useState('');
  const [dialog, setDialog] = useState<'object' | 'import' | null>(null);
  const wanted = query.trim().toLowerCase();
  const objects = model.objects
    .filter((object) => belongs(object, show))
    .filter((object) =>
      `${object.labelPlural} ${object.labelSingular} ${object.namePlural} ${object.tableName}`
        .toLowerCase()
        .includes(wanted),
    )
    .sort(
      (a, b) =>
        Number(b.isActive) - Number(a.isActive) ||
        Number(a.isSystem || a.isJunction) - Number(b.isSystem || b.isJunction) ||
        a.position - b.position,
    );
  const exportAll = () => downloadManifest(model).catch((cause: unknown) => announceFailure(t('Not exported'), cause));

  return (
    <SettingsFrame
      actions={
        <>
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="default" size={30} aria-label={t('Export and import')}>
                <IconDots size={16} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={<IconDownload size={15} />} onClick={() => void exportAll()}>
                {t('Export the model')}
              </Menu.Item>
              <Menu.Item leftSection={<IconUpload size={15} />} onClick={() => setDialog('import')}>
                {t('Import a model…')}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
          <Button leftSection={<IconPlus size={14} stroke={2.2} />} onClick={() => setDialog('object')}>
            {t('New object')}
          </Button>
        </>
      }
    >
      <div className={classes.page} tabIndex={0} role="region" aria-label={t('Objects')}>
        <div className={classes.inner}>
          <p className={classes.intro}>
            {t(
              'Each object is a table in PostgreSQL. What you change here is in the navigation, in every table and in the API as soon as it is saved.',
            )}
          </p>
          <div className={classes.bar}>
            <SegmentedControl
              size="xs"
              data={[...SHOWN]}
              value={show}
              aria-label={t('Which objects')}
              onChange={(value) =>
                void navigate({
                  to: '/settings/model',
                  search: value === 'all' ? {} : { show: value as Exclude<ObjectsShown, 'all'> },
                  replace: true,
                })
              }
            />
            {show === 'deleted' ? null : (
              <TextInput
                size="xs"
                className={classes.find}
                leftSection={<IconSearch size={14} />}
                placeholder={t('Find an object')}
                aria-label={t('Find an object')}
                value={query}
                onChange={(event) => setQuery(event.currentTarget.value)}
              />
            )}
          </div>
          {show === 'deleted' ? (
            <DeletedItems />
          ) : objects.length > 0 ? (
            <ObjectTable objects={objects} />
          ) : (
            <Message
              title={query ? t('No object matches “{query}”', { query }) : t('There are none')}
              actions={
                query ? (
                  <Button variant="default" onClick={() => setQuery('')}>
                    {t('Show all')}
                  </Button>
                ) : undefined
              }
            >
              {show === 'inactive' && !query
                ? t('Objects that you deactivate keep their records and wait here.')
                : show === 'custom' && !query
                  ? t('Objects of your own, such as projects or contracts, come here.')
                  : null}
            </Message>
          )}
        </div>
      </div>
      {dialog === 'object' ? <NewObject onClose={() => setDialog(null)} /> : null}
      {dialog === 'import' ? <ImportManifest onClose={() => setDialog(null)} /> : null}
    </SettingsFrame>
  );
}
