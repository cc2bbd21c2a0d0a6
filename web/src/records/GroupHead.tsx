import { countText } from '../model/formats.ts';
import { ActionIcon } from '@mantine/core';
import { IconChevronDown, IconChevronRight, IconPlus } from '@tabler/icons-react';
import { Tag } from '../fields/Tag.tsx';
import type { GridColumn } from '../grid/types.ts';
import type { Group } from './groupStore.ts';
import classes from './records.module.css';
import { t } from '../language/t.ts';

interface GroupHeadProps {
  group: Group;
  column: GridColumn;
  isFirst: boolean;
  isOpen: boolean;
  onCreate: (() => void) | null;
}

/** The line above the rows of a group: its name, how many there are, and under each column what they come to. */
export function GroupHead({ group, column, isFirst, isOpen, onCreate }: GroupHeadProps) {
  if (!isFirst) {
    const text = group.texts[column.id];
    return text === undefined ? null : <span className={classes.groupText}>{text}</span>;
  }
  const Chevron = isOpen ? IconChevronDown : IconChevronRight;
  return (
    <>
      <Chevron size={14} stroke={2} aria-hidden />
      {group.color ? (
        <Tag label={group.label} color={group.color} />
      ) : (
        <span className={classes.groupLabel}>{group.label}</span>
      )}
      <span className={classes.groupCount}>{countText(group.count)}</span>
      {onCreate ? (
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          tabIndex={-1}
          aria-label={t('New in {label}', { label: group.label })}
          title={t('New in {label}', { label: group.label })}
          onClick={(event) => {
            event.stopPropagation();
            onCreate();
          }}
        >
          <IconPlus size={14} />
        </ActionIcon>
      ) : null}
    </>
  );
}
