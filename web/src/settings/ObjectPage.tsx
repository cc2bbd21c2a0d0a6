import { ActionIcon, Button, Tabs } from '@mantine/core';
import { IconChevronRight, IconHierarchy2, IconTable } from '@tabler/icons-react';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { NotFound } from '../app/Message.tsx';
import type { ObjectSearch } from './objectSearch.ts';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { kindOf } from '../model/describe.ts';
import { fieldById, objectNamed } from '../model/lookup.ts';
import { useWholeModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { FieldPanel, type FieldPreset } from './FieldPanel.tsx';
import { FieldsTab } from './FieldsTab.tsx';
import { History } from './History.tsx';
import { IndexesTab } from './IndexesTab.tsx';
import { ObjectSettingsTab } from './ObjectSettingsTab.tsx';
import { PlanDialog } from './PlanDialog.tsx';
import { RelationsTab } from './RelationsTab.tsx';
import { relationsOf } from './relationRows.ts';
import { RulesTab } from './RulesTab.tsx';
import classes from './settings.module.css';
import { t } from '../language/t.ts';

const TABS = ['fields', 'relations', 'rules', 'indexes', 'history', 'settings'] as const;
type ObjectTab = (typeof TABS)[number];
const TITLES: { [tab in ObjectTab]: string } = {
  fields: t('Fields'),
  relations: t('Relations'),
  rules: t('Rules'),
  indexes: t('Indexes'),
  history: t('History'),
  settings: t('Settings'),
};

export function ObjectPage() {
  const model = useWholeModel();
  const { namePlural = '' } = useParams({ strict: false });
  const object = objectNamed(model, namePlural);
  return object ? <ObjectSettings key={object.id} object={object} /> : <NotFound />;
}

function ObjectSettings({ object }: { object: ModelObject }) {
  const model = useWholeModel();
  const navigate = useNavigate();
  const { tab = 'fields', field: fieldName } = useSearch({ from: '/settings/model/$namePlural' });
  const [adding, setAdding] = useState<{ preset?: FieldPreset } | null>(null);
  const open = (search: ObjectSearch, replace = false) =>
    void navigate({
      to: '/settings/model/$namePlural',
      params: { namePlural: object.namePlural },
      search,
      replace,
    });
  const kept: ObjectSearch = tab === 'fields' ? {} : { tab };
  const edited = fieldName
    ? (object.fields.find((field) => field.name === fieldName) ??
      fieldById(object, fieldName) ??
      object.fields.find((field) => field.aliases.some((alias) => alias.name === fieldName)))
    : undefined;
  const own = object.fields.filter((field) => !field.isSystem);
  const counts: { [tab in ObjectTab]?: number } = {
    fields: own.length,
    relations: relationsOf(model, object).length,
    rules: object.rules.length,
    indexes: object.indexes.length,
  };

  return (
    <>
      <header className={classes.header}>
        <nav aria-label={t('Breadcrumb')} className={classes.crumbs}>
          <Link to="/settings/model" className={classes.crumb}>
            {t('Data model')}
          </Link>
          <IconChevronRight size={14} aria-hidden />
          <h1 className={classes.title}>
            <ObjectIcon name={object.icon} color={object.color} />
            {object.labelPlural}
          </h1>
          <span className={classes.badge}>{object.isActive ? kindOf(object) : t('Deactivated')}</span>
        </nav>
        <div className={classes.tools}>
          <ActionIcon
            variant="default"
            size={30}
            aria-label={t('Show in the diagram')}
            title={t('Show in the diagram')}
            renderRoot={(props) => <Link to="/settings/diagram" search={{ object: object.namePlural }} {...props} />}
          >
            <IconHierarchy2 size={16} stroke={1.75} />
          </ActionIcon>
          {object.isActive ? (
            <Button
              variant="default"
              leftSection={<IconTable size={14} />}
              renderRoot={(props) => (
                <Link to="/objects/$namePlural" params={{ namePlural: object.namePlural }} {...props} />
              )}
              className={classes.wideOnly}
            >
              {t('Open table')}
            </Button>
          ) : null}
        </div>
      </header>
      <Tabs
        value={tab}
        onChange={(value) => open(value === 'fields' || !value ? {} : { tab: value as ObjectSearch['tab'] }, true)}
        className={classes.tabs}
        classNames={{ list: classes.tabList, tab: classes.tab, panel: classes.panel }}
        keepMounted={false}
      >
        <Tabs.List aria-label={t('Settings of {labelPlural}', { labelPlural: object.labelPlural })}>
          {TABS.map((each) => (
            <Tabs.Tab key={each} value={each}>
              {TITLES[each]}
              {counts[each] ? <span className={classes.tabCount}>{counts[each]}</span> : null}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="fields">
          <FieldsTab
            object={object}
            onOpen={(field) => open({ ...kept, field: field.name })}
            onAdd={() => setAdding({})}
          />
        </Tabs.Panel>
        <Tabs.Panel value="relations">
          <RelationsTab
            object={object}
            onAdd={() => setAdding({ preset: { type: 'RELATION' } })}
            onOpen={(owner, field) =>
              void navigate({
                to: '/settings/model/$namePlural',
                params: { namePlural: owner.namePlural },
                search: { tab: 'relations', field: field.name },
              })
            }
          />
        </Tabs.Panel>
        <Tabs.Panel value="rules">
          <RulesTab object={object} onOpenField={(field) => open({ ...kept, field: field.name })} />
        </Tabs.Panel>
        <Tabs.Panel value="indexes">
          <IndexesTab object={object} />
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <div className={classes.page}>
            <div className={classes.inner}>
              <History object={object} />
            </div>
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <ObjectSettingsTab object={object} />
        </Tabs.Panel>
      </Tabs>
      {adding ? (
        <FieldPanel object={object} field={null} preset={adding.preset} onClose={() => setAdding(null)} />
      ) : null}
      {edited ? (
        <FieldPanel
          key={`${edited.id} ${edited.type}`}
          object={object}
          field={edited}
          onClose={() => open(kept, true)}
        />
      ) : null}
      <PlanDialog />
    </>
  );
}
