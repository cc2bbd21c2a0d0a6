import { Modal } from '@mantine/core';
import { IconArrowRight, IconCheckbox, IconTrash } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import type { CardAction } from './cardActions.tsx';
import classes from './phone.module.css';
import { t } from '../language/t.ts';

interface CardSheetProps {
  label: string;
  actions: CardAction[];
  onOpen: () => void;
  onSelect: (() => void) | null;
  onDelete: (() => void) | null;
  onClose: () => void;
}

/** All that a card can be drawn or held for, by name. */
export default function CardSheet({ label, actions, onOpen, onSelect, onDelete, onClose }: CardSheetProps) {
  const item = (text: string, icon: ReactNode, run: () => void, color?: string) => (
    <button
      key={text}
      type="button"
      className={classes.sheetItem}
      data-color={color}
      onClick={() => {
        onClose();
        run();
      }}
    >
      {icon}
      <span>{text}</span>
    </button>
  );
  return (
    <Modal opened onClose={onClose} title={label}>
      <div className={classes.sheet}>
        {item(t('Open'), <IconArrowRight size={20} stroke={1.75} aria-hidden />, onOpen)}
        {actions.map(({ label: text, icon: ActionIcon, run }) =>
          item(text, <ActionIcon size={20} stroke={1.75} aria-hidden />, run),
        )}
        {onSelect ? item(t('Select'), <IconCheckbox size={20} stroke={1.75} aria-hidden />, onSelect) : null}
        {onDelete ? item('Delete', <IconTrash size={20} stroke={1.75} aria-hidden />, onDelete, 'red') : null}
      </div>
    </Modal>
  );
}
