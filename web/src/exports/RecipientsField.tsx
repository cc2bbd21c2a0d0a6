import { MultiSelect } from '@mantine/core';
import { useState } from 'react';
import { usePrincipals } from '../sharing/usePrincipals.ts';
import { t } from '../language/t.ts';

interface RecipientsFieldProps {
  value: string[];
  /** Of those who get it already. */
  names: { [id: string]: string };
  onChange: (ids: string[]) => void;
  error: string | null;
}

/** Members who get the file by mail. */
export function RecipientsField({ value, names, onChange, error }: RecipientsFieldProps) {
  const { principals, find } = usePrincipals('MEMBERS');
  const [words, setWords] = useState('');
  const [seen, setSeen] = useState(names);
  const found = principals.map(({ id, name }) => ({ value: id, label: name }));
  const chosen = value
    .filter((id) => !found.some((each) => each.value === id))
    .map((id) => ({ value: id, label: seen[id] ?? t('A member who is gone') }));
  return (
    <MultiSelect
      label={t('Members who get it')}
      withAsterisk
      data={[...chosen, ...found]}
      value={value}
      onChange={(ids) => {
        // Who was found by other words stays named.
        setSeen((before) => ({ ...before, ...Object.fromEntries(found.map((each) => [each.value, each.label])) }));
        onChange(ids);
      }}
      searchable
      searchValue={words}
      onSearchChange={(text) => {
        setWords(text);
        find(text);
      }}
      filter={({ options }) => options}
      nothingFoundMessage={t('No such member')}
      error={error}
      hidePickedOptions
      comboboxProps={{ withinPortal: false }}
    />
  );
}
