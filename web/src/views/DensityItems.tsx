import { Menu } from '@mantine/core';
import { chooseDensity, DENSITIES, useDensity, type Density } from '../app/density.ts';
import { useProfile } from '../session/profile.ts';
import { t } from '../language/t.ts';

/** In a menu: how close lines stand, in this view and everywhere. */
export function DensityItems() {
  const density = useDensity();
  const hasProfile = useProfile((state) => state.profile !== null);
  if (!hasProfile) return null;
  return (
    <>
      <Menu.Divider />
      <Menu.Label>{t('Density')}</Menu.Label>
      <Menu.RadioGroup value={density} onChange={(value) => void chooseDensity(value as Density)}>
        {DENSITIES.map(({ value, label }) => (
          <Menu.RadioItem key={value} value={value} closeMenuOnClick={false}>
            {label}
          </Menu.RadioItem>
        ))}
      </Menu.RadioGroup>
    </>
  );
}
