import { ActionIcon, Button, Group, Modal, NativeSelect, Stack, Text } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { Tag } from '../fields/Tag.tsx';
import { operatorsOf } from '../model/filters.ts';
import { startFilter } from '../model/filterTree.ts';
import { visibleFields } from '../model/lookup.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { FilterForm } from './FilterForm.tsx';
import classes from './records.module.css';
import type { ColorRule } from './tones.ts';
import { t } from '../language/t.ts';

const COLORS = ['red', 'orange', 'yellow', 'green', 'turquoise', 'sky', 'blue', 'purple', 'pink', 'gray'];
const MOST = 20;

interface ColorsDialogProps {
  object: ModelObject;
  rules: ColorRule[];
  /** The field that a first rule is about. */
  field: ModelField | null;
  onClose: () => void;
  onChange: (rules: ColorRule[]) => void;
}

const fieldsOf = (object: ModelObject): ModelField[] =>
  visibleFields(object).filter((field) => !field.junction && operatorsOf(field).length > 0);

const ruleFor = (field: ModelField | null | undefined): ColorRule[] => {
  const filter = field ? startFilter(field) : null;
  return filter ? [{ filter, color: 'yellow', target: 'ROW' }] : [];
};

/** Rules that mark rows or cells by colours. Of those that fit the first counts. */
export function ColorsDialog({ object, rules: given, field, onClose, onChange }: ColorsDialogProps) {
  const fields = fieldsOf(object);
  const [rules, setRules] = useState(() => [...given, ...(given.length === 0 ? ruleFor(field ?? fields[0]) : [])]);
  const set = (place: number, change: Partial<ColorRule>) =>
    setRules((now) => now.map((rule, index) => (index === place ? { ...rule, ...change } : rule)));
  return (
    <Modal opened onClose={onClose} title={t('Colours')} size="lg">
      <Stack gap="md">
        {rules.length === 0 ? (
          <Text size="sm" c="dimmed">
            {t('Nothing is marked. A rule colours the rows or the cells that fit a condition.')}
          </Text>
        ) : null}
        {rules.map((rule, place) => {
          const about = fields.find(({ name }) => name === rule.filter.field);
          return (
            <div
              key={place}
              className={classes.colorRule}
              role="group"
              aria-label={t('Rule {place}', { place: place + 1 })}
            >
              <Group gap="xs" wrap="nowrap" align="end">
                <NativeSelect
                  label={t('Where')}
                  value={rule.filter.field}
                  data={fields.map(({ name, label }) => ({ value: name, label }))}
                  onChange={(event) => {
                    const chosen = fields.find(({ name }) => name === event.currentTarget.value);
                    const filter = chosen ? startFilter(chosen) : null;
                    if (filter) set(place, { filter });
                  }}
                />
                <NativeSelect
                  label={t('Marks')}
                  value={rule.target}
                  data={[
                    { value: 'ROW', label: t('the row') },
                    { value: 'CELL', label: t('the cell') },
                  ]}
                  onChange={(event) => set(place, { target: event.currentTarget.value === 'CELL' ? 'CELL' : 'ROW' })}
                />
                <NativeSelect
                  label={t('Colour')}
                  value={rule.color}
                  data={COLORS}
                  onChange={(event) => set(place, { color: event.currentTarget.value })}
                />
                <Tag label={t('Sample')} color={rule.color} />
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  ml="auto"
                  aria-label={t('Remove rule {place}', { place: place + 1 })}
                  onClick={() => setRules(rules.filter((_, index) => index !== place))}
                >
                  <IconX size={16} />
                </ActionIcon>
              </Group>
              {about ? (
                <FilterForm
                  key={about.id}
                  field={about}
                  filter={rule.filter}
                  onChange={(filter) => set(place, { filter })}
                  onDone={() => undefined}
                />
              ) : null}
            </div>
          );
        })}
        <Group justify="space-between">
          <Button
            variant="subtle"
            disabled={rules.length >= MOST || fields.length === 0}
            onClick={() => setRules([...rules, ...ruleFor(fields[0])])}
          >
            {t('Add a rule')}
          </Button>
          <Group gap="xs">
            <Button variant="default" onClick={onClose}>
              {t('Cancel')}
            </Button>
            <Button
              onClick={() => {
                onChange(rules);
                onClose();
              }}
            >
              {t('Show')}
            </Button>
          </Group>
        </Group>
      </Stack>
    </Modal>
  );
}
