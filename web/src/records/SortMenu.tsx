import { Menu } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconX } from '@tabler/icons-react';
import { visibleFields } from '../model/lookup.ts';
import { isSortable, type Sort } from '../model/sorting.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { FieldMenu } from './FieldMenu.tsx';
import classes from './records.module.css';
import { SortButton } from './tableButtons.tsx';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** By what the records are ordered: a field that is chosen comes after those that are, and turns around when it is again. */
export function SortMenu({
  object,
  sorts,
  onSort,
  defaultOpened,
}: {
  object: ModelObject;
  sorts: Sort[];
  onSort: (sorts: Sort[]) => void;
  defaultOpened: boolean;
}) {
  const placeOf = (field: ModelField) => sorts.findIndex((sort) => sort.field === field.name);
  const markOf = (field: ModelField) => {
    const place = placeOf(field);
    const sort = sorts[place];
    if (!sort) return null;
    return (
      <span className={classes.sortMark}>
        {sorts.length > 1 ? <small>{place + 1}</small> : null}
        {sort.descending ? <IconArrowDown size={14} /> : <IconArrowUp size={14} />}
      </span>
    );
  };
  const choose = (field: ModelField) => {
    const place = placeOf(field);
    onSort(
      place < 0
        ? [...sorts, { field: field.name, descending: false }]
        : sorts.map((sort, index) => (index === place ? { ...sort, descending: !sort.descending } : sort)),
    );
  };
  return (
    <FieldMenu
      label={t('Sort')}
      position="bottom-end"
      width={240}
      defaultOpened={defaultOpened}
      target={<SortButton isSorted={sorts.length > 0} />}
      fields={visibleFields(object).filter(isSortable)}
      stayOpen
      markOf={markOf}
      onChoose={choose}
      before={
        <>
          <Menu.Item onClick={() => onSort([])}>{t('Newest first')}</Menu.Item>
          {sorts.length > 1
            ? sorts.map((sort) => (
                <Menu.Item
                  key={sort.field}
                  leftSection={<IconX size={14} />}
                  closeMenuOnClick={false}
                  onClick={() => onSort(sorts.filter((each) => each !== sort))}
                >
                  {t('Not by {label}', {
                    label: inSentence(object.fields.find(({ name }) => name === sort.field)?.label ?? sort.field),
                  })}
                </Menu.Item>
              ))
            : null}
          <Menu.Divider />
        </>
      }
    />
  );
}
