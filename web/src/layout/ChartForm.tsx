import { Button, Group, Modal, NativeSelect, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { canGroup } from '../model/grouping.ts';
import { visibleFields, type RelatedList } from '../model/lookup.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import { valueType } from '../model/valueType.ts';
import type { Aggregate, WidgetOf } from './layout.ts';
import { t } from '../language/t.ts';

const AGGREGATES: { value: Aggregate; label: string }[] = [
  { value: 'COUNT', label: t('How many there are') },
  { value: 'SUM', label: t('Sum') },
  { value: 'AVG', label: t('Average') },
  { value: 'MIN', label: t('Least') },
  { value: 'MAX', label: t('Most') },
];

const groupable = (object: ModelObject): ModelField[] =>
  visibleFields(object).filter((field) => canGroup(field) && field.columns.length > 0 && !field.isSystem);

const summable = (object: ModelObject): ModelField[] =>
  visibleFields(object).filter((field) =>
    ['NUMBER', 'NUMERIC', 'CURRENCY', 'PERCENT', 'DURATION', 'RATING'].includes(valueType(field)),
  );

interface ChartFormProps {
  lists: RelatedList[];
  widget: WidgetOf<'CHART'>;
  onClose: () => void;
  onChange: (widget: WidgetOf<'CHART'>) => void;
}

/** What a chart adds up, and by what. */
export function ChartForm({ lists, widget: given, onClose, onChange }: ChartFormProps) {
  const [widget, setWidget] = useState(given);
  const list = lists.find(({ relation }) => relation.id === widget.relationId);
  const groups = list ? groupable(list.holder) : [];
  const sums = list ? summable(list.holder) : [];
  const group = groups.find(({ id }) => id === widget.groupFieldId) ?? groups[0];
  const sum = sums.find(({ id }) => id === widget.fieldId) ?? sums[0];
  const isCount = widget.aggregate === 'COUNT';
  const isWhole = list !== undefined && group !== undefined && (isCount || sum !== undefined);
  return (
    <Modal opened onClose={onClose} title={t('What the chart shows')} size="sm">
      <Stack gap="sm">
        <NativeSelect
          label={t('Records')}
          value={widget.relationId}
          data={lists.map(({ relation, label }) => ({ value: relation.id, label }))}
          onChange={(event) => setWidget({ ...widget, relationId: event.currentTarget.value })}
        />
        {group ? (
          <NativeSelect
            label={t('A bar for each')}
            value={group.id}
            data={groups.map(({ id, label }) => ({ value: id, label }))}
            onChange={(event) => setWidget({ ...widget, groupFieldId: event.currentTarget.value })}
          />
        ) : (
          <Text size="sm" c="dimmed">
            {t('These records have no field to make bars of.')}
          </Text>
        )}
        <NativeSelect
          label={t('Which tells')}
          value={widget.aggregate}
          data={sums.length > 0 ? AGGREGATES : AGGREGATES.slice(0, 1)}
          onChange={(event) => setWidget({ ...widget, aggregate: event.currentTarget.value as Aggregate })}
        />
        {!isCount && sum ? (
          <NativeSelect
            label={t('Of')}
            value={sum.id}
            data={sums.map(({ id, label }) => ({ value: id, label }))}
            onChange={(event) => setWidget({ ...widget, fieldId: event.currentTarget.value })}
          />
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button
            disabled={!isWhole}
            onClick={() => {
              const { fieldId: _, ...rest } = widget;
              onChange({ ...rest, groupFieldId: group?.id ?? '', ...(isCount || !sum ? {} : { fieldId: sum.id }) });
              onClose();
            }}
          >
            {t('Done')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
