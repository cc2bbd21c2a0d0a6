import { Button, Menu, Switch, Table } from '@mantine/core';
import { IconChevronRight, IconDots, IconPencil, IconPlus, IconTable } from '@tabler/icons-react';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { NotFound } from '../app/Message.tsx';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { objectById, objectByPlural } from '../model/lookup.ts';
import { updateField, updateObject } from '../model/metadata.ts';
import { useModel } from '../model/store.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { EditField } from './EditField.tsx';
import { EditObject } from './EditObject.tsx';
import { NewField } from './NewField.tsx';
import classes from './settings.module.css';

const typeText = (model: Model, field: ModelField): string => {
  const label = FIELD_TYPES[field.type].label;
  const targets = field.relations.flatMap(
    (relation) => objectById(model, relation.targetObjectId)?.labelSingular ?? [],
  );
  return targets.length > 0
    ? `${label}: ${targets.length > 2 ? `${targets.length} objects` : targets.join(', ')}`
    : label;
};

export function ObjectPage() {
  const model = useModel();
  const { namePlural = '' } = useParams({ strict: false });
  const object = objectByPlural(model, namePlural);
  return object ? <ObjectSettings key={object.id} model={model} object={object} /> : <NotFound />;
}

function ObjectSettings({ model, object }: { model: Model; object: ModelObject }) {
  const [dialog, setDialog] = useState<{ kind: 'field' | 'object' } | { kind: 'edit'; field: ModelField } | null>(null);
  const [showSystem, setShowSystem] = useState(false);
  const fields = object.fields
    .filter((field) => showSystem || !field.isSystem)
    .sort(
      (a, b) =>
        Number(b.isActive) - Number(a.isActive) || Number(a.isSystem) - Number(b.isSystem) || a.position - b.position,
    );
  const close = () => setDialog(null);

  const setActive = (isActive: boolean) =>
    updateObject(object.id, { isActive }).catch((cause: unknown) =>
      announceFailure(`${object.labelPlural} not changed`, cause),
    );
  const setFieldActive = (field: ModelField, isActive: boolean) =>
    updateField(field.id, { isActive }).catch((cause: unknown) => announceFailure(`${field.label} not changed`, cause));

  return (
    <>
      <header className={classes.header}>
        <nav aria-label="Breadcrumb" className={classes.crumbs}>
          <Link to="/settings/model" className={classes.crumb}>
            Data model
          </Link>
          <IconChevronRight size={14} aria-hidden />
          <h1 className={classes.title}>
            <ObjectIcon name={object.icon} color={object.color} />
            {object.labelPlural}
          </h1>
          {object.isActive ? null : <span className={classes.badge}>Inactive</span>}
        </nav>
        <div className={classes.tools}>
          {object.isActive ? (
            <Button
              variant="default"
              leftSection={<IconTable size={14} />}
              renderRoot={(props) => (
                <Link to="/objects/$namePlural" params={{ namePlural: object.namePlural }} {...props} />
              )}
              className={classes.wideOnly}
            >
              Open table
            </Button>
          ) : null}
          <Button
            variant="default"
            leftSection={<IconPencil size={14} />}
            onClick={() => setDialog({ kind: 'object' })}
          >
            Edit
          </Button>
          {object.isSystem ? null : (
            <Button variant="default" onClick={() => void setActive(!object.isActive)}>
              {object.isActive ? 'Deactivate' : 'Reactivate'}
            </Button>
          )}
        </div>
      </header>
      <div className={classes.page} tabIndex={0} role="region" aria-label={`Fields of ${object.labelPlural}`}>
        <div className={classes.inner}>
          {object.description ? <p className={classes.intro}>{object.description}</p> : null}
          <p className={classes.preview}>
            In the API <code>{object.nameSingular}</code> and <code>{object.namePlural}</code>, in psql{' '}
            <code>{object.tableName}</code>.
            {object.isActive ? '' : ' It is kept with its records, but shown nowhere, until you reactivate it.'}
          </p>
          <div className={classes.listHead}>
            <h2>Fields</h2>
            <Switch
              size="xs"
              label="System fields"
              checked={showSystem}
              onChange={(event) => setShowSystem(event.currentTarget.checked)}
            />
            <Button
              leftSection={<IconPlus size={14} stroke={2.2} />}
              onClick={() => setDialog({ kind: 'field' })}
              disabled={!object.isActive}
            >
              Add field
            </Button>
          </div>
          <Table highlightOnHover className={classes.table}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Field</Table.Th>
                <Table.Th>Type</Table.Th>
                <Table.Th className={classes.wideOnly}>API name</Table.Th>
                <Table.Th className={classes.wideOnly}>Rules</Table.Th>
                <Table.Th>State</Table.Th>
                <Table.Th w={44}>
                  <span className="visually-hidden">Actions</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {fields.map((field) => {
                const TypeIcon = FIELD_TYPES[field.type].icon;
                const rules = [
                  field.id === object.labelFieldId ? 'label' : '',
                  field.isRequired ? 'required' : '',
                  field.isUnique ? 'unique' : '',
                ].filter(Boolean);
                return (
                  <Table.Tr key={field.id} data-inactive={!field.isActive || undefined} className={classes.row}>
                    <Table.Td>
                      <span className={classes.name} title={field.description ?? undefined}>
                        <TypeIcon size={15} stroke={1.75} aria-hidden />
                        {field.label}
                      </span>
                    </Table.Td>
                    <Table.Td>{typeText(model, field)}</Table.Td>
                    <Table.Td className={classes.wideOnly}>
                      <code>{field.name}</code>
                    </Table.Td>
                    <Table.Td className={classes.wideOnly}>{rules.join(', ')}</Table.Td>
                    <Table.Td>{field.isSystem ? 'System' : field.isActive ? 'Active' : 'Inactive'}</Table.Td>
                    <Table.Td p={0}>
                      {field.isSystem ? null : (
                        <Menu position="bottom-end">
                          <Menu.Target>
                            <button type="button" className={classes.more} aria-label={`Actions for ${field.label}`}>
                              <IconDots size={16} />
                            </button>
                          </Menu.Target>
                          <Menu.Dropdown>
                            <Menu.Item onClick={() => setDialog({ kind: 'edit', field })}>Edit</Menu.Item>
                            <Menu.Item
                              disabled={field.id === object.labelFieldId}
                              onClick={() => void setFieldActive(field, !field.isActive)}
                            >
                              {field.isActive ? 'Deactivate' : 'Reactivate'}
                            </Menu.Item>
                          </Menu.Dropdown>
                        </Menu>
                      )}
                    </Table.Td>
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
        </div>
      </div>
      {dialog?.kind === 'field' ? <NewField model={model} object={object} onClose={close} /> : null}
      {dialog?.kind === 'object' ? <EditObject object={object} onClose={close} /> : null}
      {dialog?.kind === 'edit' ? <EditField field={dialog.field} onClose={close} /> : null}
    </>
  );
}
