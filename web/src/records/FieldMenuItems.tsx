import { Menu } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import type { ModelField } from '../model/types.ts';
import { t } from '../language/t.ts';

const SEARCH_ABOVE = 12;
const SHOWN = 60;

interface FieldMenuItemsProps {
  fields: ModelField[];
  onChoose: (field: ModelField) => void;
  markOf?: (field: ModelField) => ReactNode;
  stayOpen?: boolean;
}

/** The fields of an object as the items of a menu; of many, those that match what is typed. */
export function FieldMenuItems({ fields, onChoose, markOf, stayOpen }: FieldMenuItemsProps) {
  const [query, setQuery] = useState('');
  const wanted = query.trim().toLowerCase();
  const found = wanted === '' ? fields : fields.filter((field) => field.label.toLowerCase().includes(wanted));
  return (
    <>
      {fields.length > SEARCH_ABOVE ? (
        <Menu.Search
          placeholder={t('Find among {count} fields', { count: fields.length })}
          aria-label={t('Find a field')}
          value={query}
          onChange={(event) => setQuery(event.currentTarget.value)}
        />
      ) : null}
      {found.slice(0, SHOWN).map((field) => {
        const TypeIcon = FIELD_TYPES[field.type].icon;
        return (
          <Menu.Item
            key={field.id}
            leftSection={<TypeIcon size={14} />}
            rightSection={markOf?.(field)}
            onClick={() => onChoose(field)}
            closeMenuOnClick={!stayOpen}
          >
            {field.label}
          </Menu.Item>
        );
      })}
      {found.length === 0 ? <Menu.Label>{t('No field is called so.')}</Menu.Label> : null}
      {found.length > SHOWN ? (
        <Menu.Label>{t('{count} more: type to find them.', { count: found.length - SHOWN })}</Menu.Label>
      ) : null}
    </>
  );
}
