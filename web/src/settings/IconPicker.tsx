import { ActionIcon, Popover } from '@mantine/core';
import { useState } from 'react';
import { ObjectIcon, useIconNames } from '../fields/ObjectIcon.tsx';
import { COLORS } from '../fields/Tag.tsx';
import classes from './settings.module.css';
import { t } from '../language/t.ts';

interface IconPickerProps {
  icon: string;
  color: string;
  onChange: (icon: string, color: string) => void;
}

const spoken = (name: string): string =>
  name
    .replace(/^Icon/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();

export function IconPicker({ icon, color, onChange }: IconPickerProps) {
  const names = useIconNames();
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" width={300} trapFocus withinPortal>
      <Popover.Target>
        <ActionIcon variant="default" size={36} aria-label={t('Icon and colour')} onClick={() => setOpened(!opened)}>
          <ObjectIcon name={icon} color={color} size={18} />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown p="xs">
        <div className={classes.swatches} role="group" aria-label={t('Colour')}>
          {COLORS.map((each) => (
            <button
              key={each}
              type="button"
              aria-label={each}
              aria-pressed={each === color}
              className={classes.swatch}
              style={{ background: `var(--rv-ink-${each}, var(--mantine-color-dimmed))` }}
              onClick={() => onChange(icon, each)}
            />
          ))}
        </div>
        <div className={classes.icons} role="group" aria-label={t('Icon')}>
          {names.map((name) => (
            <ActionIcon
              key={name}
              variant={name === icon ? 'light' : 'subtle'}
              color={name === icon ? 'pine' : 'gray'}
              aria-label={spoken(name)}
              aria-pressed={name === icon}
              onClick={() => onChange(name, color)}
            >
              <ObjectIcon name={name} size={17} />
            </ActionIcon>
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
