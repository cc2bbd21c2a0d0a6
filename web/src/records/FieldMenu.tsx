import { Menu, TextInput, type MenuProps } from '@mantine/core';
import { useState, type KeyboardEvent, type ReactElement, type ReactNode } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import type { ModelField } from '../model/types.ts';
import { t } from '../language/t.ts';

const SEARCH_ABOVE = 12;
const SHOWN = 60;

interface FieldMenuProps extends MenuProps {
  label: string;
  target: ReactElement;
  fields: ModelField[];
  onChoose: (field: ModelField) => void;
  markOf?: (field: ModelField) => ReactNode;
  stayOpen?: boolean;
  /** What stands before the fields, and after them. */
  before?: ReactNode;
  after?: ReactNode;
}

/** The fields of an object as a menu; of many, those that match what is typed. */
export function FieldMenu(props: FieldMenuProps) {
  const { label, target, fields, onChoose, markOf, stayOpen, before, after, ...menu } = props;
  const [query, setQuery] = useState('');
  const wanted = query.trim().toLowerCase();
  const found = wanted === '' ? fields : fields.filter((field) => field.label.toLowerCase().includes(wanted));
  const isSearched = fields.length > SEARCH_ABOVE;
  const items = (
    <>
      {before}
      {found.slice(0, SHOWN).map((field) => {
        const TypeIcon = FIELD_TYPES[field.type].icon;
        return (
          <Menu.Item
            key={field.id}
            data-field-item
            leftSection={<TypeIcon size={14} />}
            rightSection={markOf?.(field)}
            onClick={() => onChoose(field)}
            closeMenuOnClick={!stayOpen}
          >
            {field.label}
          </Menu.Item>
        );
      })}
      {after}
    </>
  );
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return;
    // Letters go into the text, not to the item that begins so.
    if (event.key.length === 1) event.stopPropagation();
    if (event.key !== 'Enter') return;
    event.preventDefault();
    const dropdown = event.currentTarget.closest('[data-menu-dropdown]');
    if (wanted !== '') dropdown?.querySelector<HTMLElement>('[data-field-item]')?.click();
  };
  return (
    <Menu
      {...menu}
      onExitTransitionEnd={() => setQuery('')}
      // A menu has items and nothing else: where one can type, it is a part of what opens.
      {...(isSearched
        ? { attributes: { dropdown: { role: 'dialog', 'aria-label': label, 'aria-orientation': undefined } } }
        : {})}
    >
      <Menu.Target>{target}</Menu.Target>
      <Menu.Dropdown mah={420} style={{ overflow: 'auto' }}>
        {isSearched ? (
          <>
            <TextInput
              data-autofocus
              size="xs"
              mb={4}
              type="search"
              placeholder={t('Find among {count} fields', { count: fields.length })}
              aria-label={t('Find a field')}
              value={query}
              onChange={(event) => setQuery(event.currentTarget.value)}
              onKeyDown={onKeyDown}
            />
            <div role="menu" aria-label={label}>
              {items}
            </div>
            <div role="status">
              {found.length === 0 ? <Menu.Label>{t('No field is called so.')}</Menu.Label> : null}
              {found.length > SHOWN ? (
                <Menu.Label>{t('{count} more: type to find them.', { count: found.length - SHOWN })}</Menu.Label>
              ) : null}
              {wanted !== '' && found.length > 0 ? (
                <span className="visually-hidden">{t('{count} found.', { count: found.length })}</span>
              ) : null}
            </div>
          </>
        ) : (
          items
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
