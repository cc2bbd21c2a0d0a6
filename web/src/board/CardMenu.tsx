import { Menu } from '@mantine/core';
import { IconArrowRight, IconTrash } from '@tabler/icons-react';
import type { ReactElement } from 'react';
import type { RecordRow } from '../model/types.ts';
import type { CardActions } from './BoardCard.tsx';
import type { BoardColumn } from './columns.ts';
import { t } from '../language/t.ts';

interface CardMenuProps {
  row: RecordRow;
  columns: BoardColumn[];
  column: string;
  actions: CardActions;
  button: ReactElement;
  onChange: (opened: boolean) => void;
}

/** What is done with a card by name rather than by dragging. */
export function CardMenu({ row, columns, column, actions, button, onChange }: CardMenuProps) {
  const { onMoveTo, onDelete } = actions;
  const others = columns.filter(({ key, valueFor }) => key !== column && valueFor(null) !== undefined);
  return (
    <Menu opened onChange={onChange} position="bottom-end" width={230}>
      <Menu.Target>{button}</Menu.Target>
      <Menu.Dropdown mah={340} style={{ overflow: 'auto' }}>
        {onMoveTo && others.length > 0 ? (
          <>
            <Menu.Label>{t('Move to')}</Menu.Label>
            {others.map((each) => (
              <Menu.Item
                key={each.key}
                leftSection={<IconArrowRight size={14} />}
                onClick={() => onMoveTo(row.id, each.key)}
              >
                {each.label}
              </Menu.Item>
            ))}
          </>
        ) : null}
        {onDelete ? (
          <Menu.Item color="red" leftSection={<IconTrash size={14} />} onClick={() => onDelete(row.id)}>
            {t('Delete')}
          </Menu.Item>
        ) : null}
      </Menu.Dropdown>
    </Menu>
  );
}
