import { ActionIcon, Popover } from '@mantine/core';
import { IconTable } from '@tabler/icons-react';
import { useState } from 'react';
import { ObjectIcon, useIconNames } from '../fields/ObjectIcon.tsx';
import classes from './views.module.css';
import { t } from '../language/t.ts';

const spoken = (name: string): string =>
  name
    .replace(/^Icon/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();

export function ViewIcons({ icon, onChange }: { icon: string | null; onChange: (icon: string) => void }) {
  const names = useIconNames();
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" width={280} trapFocus>
      <Popover.Target>
        <ActionIcon variant="default" size={36} aria-label={t('Icon')} onClick={() => setOpened(!opened)}>
          {icon ? <ObjectIcon name={icon} size={18} /> : <IconTable size={18} stroke={1.75} />}
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown p="xs">
        <div className={classes.icons} role="group" aria-label={t('Icon')}>
          {names.map((name) => (
            <ActionIcon
              key={name}
              variant={name === icon ? 'light' : 'subtle'}
              color={name === icon ? 'pine' : 'gray'}
              aria-label={spoken(name)}
              aria-pressed={name === icon}
              onClick={() => {
                onChange(name);
                setOpened(false);
              }}
            >
              <ObjectIcon name={name} size={17} />
            </ActionIcon>
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
