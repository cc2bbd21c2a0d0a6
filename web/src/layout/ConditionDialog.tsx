import { ActionIcon, Button, Group, Modal, NativeSelect, Stack, Text } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { operatorsOf, type Filter } from '../model/filters.ts';
import {
  isGroup,
  leadsOn,
  readFilter,
  startFilter,
  storeFilter,
  subjectOf,
  type StoredFilter,
} from '../model/filterTree.ts';
import { objectById, visibleFields } from '../model/lookup.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { FilterForm } from '../records/FilterForm.tsx';
import records from '../records/records.module.css';
import { t } from '../language/t.ts';

interface ConditionDialogProps {
  model: Model;
  object: ModelObject;
  name: string;
  condition: StoredFilter | undefined;
  onClose: () => void;
  onChange: (condition: StoredFilter | undefined) => void;
}

/** For which records something is on the page: comparisons of their fields and those of what they point to, all or one of which must hold. */
export function ConditionDialog({ model, object, name, condition, onClose, onChange }: ConditionDialogProps) {
  const comparable = (owner: ModelObject) =>
    visibleFields(owner).filter((field) => !field.junction && operatorsOf(field).length > 0);
  const fields = comparable(object);
  // Also fields of the one record that a relation leads to, such as the industry of the company.
  const choices = [
    { group: object.labelSingular, items: fields.map(({ name: value, label }) => ({ value, label })) },
    ...visibleFields(object)
      .filter(leadsOn)
      .flatMap((via) => {
        const target = objectById(model, via.relations[0]?.targetObjectId ?? '');
        if (!target?.isActive) return [];
        const items = comparable(target).map(({ name: value, label }) => ({
          value: `${via.name}.${value}`,
          label: `${via.label} › ${label}`,
        }));
        return items.length > 0 ? [{ group: via.label, items }] : [];
      }),
  ];
  const [{ join, filters }, setState] = useState(() => {
    const nodes = readFilter(model, object, condition ?? null);
    const [only] = nodes;
    const group = nodes.length === 1 && only && isGroup(only) && only.join === 'or' ? only.nodes : null;
    return {
      join: group ? ('or' as const) : ('and' as const),
      filters: (group ?? nodes).flatMap((node) => (isGroup(node) ? [] : node)),
    };
  });
  const set = (place: number, filter: Filter) =>
    setState((now) => ({ ...now, filters: now.filters.map((each, index) => (index === place ? filter : each)) }));
  const start = fields[0] ? startFilter(fields[0]) : null;
  return (
    <Modal opened onClose={onClose} title={t('When “{name}” is shown', { name })} size="lg">
      <Stack gap="md">
        {filters.length === 0 ? (
          <Text size="sm" c="dimmed">
            {t('It is shown for every record. With a condition it is there only for those that fit.')}
          </Text>
        ) : filters.length > 1 ? (
          <NativeSelect
            label={t('Shown where')}
            value={join}
            data={[
              { value: 'and', label: t('all of these hold') },
              { value: 'or', label: t('any of these holds') },
            ]}
            onChange={(event) => {
              const next = event.currentTarget.value === 'or' ? 'or' : 'and';
              setState((now) => ({ ...now, join: next }));
            }}
          />
        ) : null}
        {filters.map((filter, place) => {
          const about = subjectOf(model, object, filter)?.field;
          const key = filter.via === undefined ? filter.field : `${filter.via}.${filter.field}`;
          return (
            <div
              key={place}
              className={records.colorRule}
              role="group"
              aria-label={t('Condition {place}', { place: place + 1 })}
            >
              <Group gap="xs" wrap="nowrap" align="end">
                <NativeSelect
                  label={t('Field')}
                  value={key}
                  data={choices}
                  onChange={(event) => {
                    const [first = '', second] = event.currentTarget.value.split('.');
                    const wanted = second === undefined ? { field: first } : { field: second, via: first };
                    const chosen = subjectOf(model, object, { ...filter, via: undefined, ...wanted } as Filter);
                    const next = chosen ? startFilter(chosen.field, chosen.via?.name) : null;
                    if (next) set(place, next);
                  }}
                />
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  ml="auto"
                  aria-label={t('Remove condition {place}', { place: place + 1 })}
                  onClick={() =>
                    setState((now) => ({ ...now, filters: now.filters.filter((_, index) => index !== place) }))
                  }
                >
                  <IconX size={16} />
                </ActionIcon>
              </Group>
              {about ? (
                <FilterForm
                  key={key}
                  field={about}
                  filter={filter}
                  onChange={(next) => set(place, next)}
                  onDone={() => undefined}
                />
              ) : (
                <Text size="sm" c="dimmed">
                  {t('This field is not there any more. Until you remove the condition it hides nothing.')}
                </Text>
              )}
            </div>
          );
        })}
        <Group justify="space-between">
          <Button
            variant="subtle"
            disabled={!start || filters.length >= 10}
            onClick={() => start && setState((now) => ({ ...now, filters: [...now.filters, start] }))}
          >
            {t('Add a condition')}
          </Button>
          <Group gap="xs">
            <Button variant="default" onClick={onClose}>
              {t('Cancel')}
            </Button>
            <Button
              onClick={() => {
                const nodes = join === 'or' && filters.length > 1 ? [{ join, nodes: filters }] : filters;
                onChange(storeFilter(model, object, nodes) ?? undefined);
                onClose();
              }}
            >
              {t('Done')}
            </Button>
          </Group>
        </Group>
      </Stack>
    </Modal>
  );
}
