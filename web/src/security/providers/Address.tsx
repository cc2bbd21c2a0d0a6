import { Group, TextInput } from '@mantine/core';
import { Copy } from '../Secret.tsx';
import classes from '../security.module.css';
import { t } from '../../language/t.ts';

interface AddressProps {
  label: string;
  value: string;
}

/** An address of ours, to be copied to where it is wanted. */
export function Address({ label, value }: AddressProps) {
  return (
    <Group gap={8} align="end" wrap="nowrap" className={classes.address}>
      <TextInput label={label} value={value} readOnly className={classes.grow} />
      <Copy text={value} label={t('Copy')} />
    </Group>
  );
}
