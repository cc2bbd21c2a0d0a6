import { Button, Table, TextInput } from '@mantine/core';
import { IconDatabaseCog, IconPlus, IconSearch } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { useModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { PageHeader } from '../records/PageHeader.tsx';
import { NewObject } from './NewObject.tsx';
import classes from './settings.module.css';

const kind = (object: ModelObject): string => (object.isSystem ? 'System' : object.isCustom ? 'Custom' : 'Standard');

export function DataModelPage() {
  const model = useModel();
  const [query, setQuery] = useState('');
  const [creating, setCreating] = useState(false);
  const wanted = query.trim().toLowerCase();
  const objects = [...model.objects]
    .filter((object) => `${object.labelPlural} ${object.namePlural}`.toLowerCase().includes(wanted))
    .sort(
      (a, b) =>
        Number(b.isActive) - Number(a.isActive) || Number(a.isSystem) - Number(b.isSystem) || a.position - b.position,
    );
  return (
    <>
      <PageHeader
        icon={<IconDatabaseCog size={18} stroke={1.75} aria-hidden />}
        title="Data model"
        note={`${model.objects.length} objects`}
        actions={
          <Button leftSection={<IconPlus size={14} stroke={2.2} />} onClick={() => setCreating(true)}>
            New object
          </Button>
        }
      />
      <div className={classes.page} tabIndex={0} role="region" aria-label="Objects">
        <div className={classes.inner}>
          <p className={classes.intro}>
            Each object is a table in PostgreSQL. What you change here is in the navigation, in every table and in the
            API as soon as it is saved.
          </p>
          <TextInput
            size="xs"
            w={240}
            mb="sm"
            leftSection={<IconSearch size={14} />}
            placeholder="Find an object"
            aria-label="Find an object"
            value={query}
            onChange={(event) => setQuery(event.currentTarget.value)}
          />
          <Table highlightOnHover className={classes.table}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Object</Table.Th>
                <Table.Th className={classes.wideOnly}>API name</Table.Th>
                <Table.Th className={classes.wideOnly}>Table</Table.Th>
                <Table.Th>Kind</Table.Th>
                <Table.Th ta="right">Fields</Table.Th>
                <Table.Th>State</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {objects.map((object) => (
                <Table.Tr key={object.id} data-inactive={!object.isActive || undefined} className={classes.row}>
                  <Table.Td>
                    <Link
                      to="/settings/model/$namePlural"
                      params={{ namePlural: object.namePlural }}
                      className={classes.name}
                    >
                      <ObjectIcon name={object.icon} color={object.color} />
                      {object.labelPlural}
                    </Link>
                  </Table.Td>
                  <Table.Td className={classes.wideOnly}>
                    <code>{object.namePlural}</code>
                  </Table.Td>
                  <Table.Td className={classes.wideOnly}>
                    <code>{object.tableName}</code>
                  </Table.Td>
                  <Table.Td>{kind(object)}</Table.Td>
                  <Table.Td ta="right">
                    {object.fields.filter((field) => field.isActive && !field.isSystem).length}
                  </Table.Td>
                  <Table.Td>{object.isActive ? 'Active' : 'Inactive'}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      </div>
      {creating ? <NewObject onClose={() => setCreating(false)} /> : null}
    </>
  );
}
