import { TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import type { FieldType } from '../model/types.ts';
import classes from './editor.module.css';
import { TYPE_GROUPS } from './typeCatalogue.ts';
import { t } from '../language/t.ts';

/** The first step of a new field: what kind of value it holds. */
export function TypeGallery({ onChoose }: { onChoose: (type: FieldType) => void }) {
  const [query, setQuery] = useState('');
  const wanted = query.trim().toLowerCase();
  const groups = TYPE_GROUPS.map(({ label, types }) => ({
    label,
    types: types.filter(({ type, hint }) =>
      `${FIELD_TYPES[type].label} ${hint} ${label}`.toLowerCase().includes(wanted),
    ),
  })).filter(({ types }) => types.length > 0);
  const [first] = groups.flatMap(({ types }) => types);
  return (
    <div className={classes.gallery}>
      <TextInput
        placeholder={t('Find a type')}
        aria-label={t('Find a type')}
        leftSection={<IconSearch size={15} />}
        value={query}
        onChange={(event) => setQuery(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && first) onChoose(first.type);
        }}
        data-autofocus
      />
      {groups.map(({ label, types }) => (
        <section key={label} aria-label={label}>
          <h3 className={classes.groupLabel}>{label}</h3>
          <div className={classes.types}>
            {types.map(({ type, hint }) => {
              const TypeIcon = FIELD_TYPES[type].icon;
              return (
                <button key={type} type="button" className={classes.type} onClick={() => onChoose(type)}>
                  <TypeIcon size={17} stroke={1.75} aria-hidden />
                  <span>
                    <strong>{FIELD_TYPES[type].label}</strong>
                    <small>{hint}</small>
                  </span>
                </button>
              );
            })}
          </div>
        </section>
      ))}
      {groups.length === 0 ? <p className={classes.note}>{t('No type matches “{query}”.', { query })}</p> : null}
    </div>
  );
}
