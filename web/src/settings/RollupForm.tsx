import { Select, Switch } from '@mantine/core';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import { relatedLists } from '../model/lookup.ts';
import { useWholeModel } from '../model/store.ts';
import type { Aggregate, FieldSettings, FieldType, ModelField, ModelObject } from '../model/types.ts';
import { FormulaEditor } from './FormulaEditor.tsx';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface RollupFormProps {
  object: ModelObject;
  settings: FieldSettings;
  onChange: (settings: FieldSettings) => void;
  onFilterChecked: (isRight: boolean) => void;
}

const AGGREGATES: { value: Aggregate; label: string }[] = [
  { value: 'COUNT', label: t('Count the records') },
  { value: 'SUM', label: t('Add up') },
  { value: 'AVG', label: t('Average') },
  { value: 'MIN', label: t('Smallest or earliest') },
  { value: 'MAX', label: t('Largest or latest') },
  { value: 'FIRST', label: t('First') },
  { value: 'LAST', label: t('Last') },
  { value: 'LIST', label: t('List of all') },
];

const NUMBERS: FieldType[] = ['NUMBER', 'NUMERIC', 'CURRENCY', 'PERCENT', 'DURATION', 'RATING', 'AUTO_NUMBER'];
const ORDERED: FieldType[] = [...NUMBERS, 'DATE', 'DATE_TIME', 'TEXT'];
const LISTED: FieldType[] = [...ORDERED, 'SELECT', 'BOOLEAN'];

const fits = (aggregate: Aggregate, field: ModelField): boolean => {
  const type = field.resultType ?? field.type;
  if (aggregate === 'SUM' || aggregate === 'AVG') return NUMBERS.includes(type);
  if (aggregate === 'MIN' || aggregate === 'MAX') return ORDERED.includes(type);
  return LISTED.includes(type);
};

export function RollupForm({ object, settings, onChange, onFilterChecked }: RollupFormProps) {
  const model = useWholeModel();
  const lists = relatedLists(model, object).filter((list) => !list.through);
  const chosen = lists.find((list) => list.relation.id === settings.relationId);
  const aggregate = settings.aggregate ?? 'COUNT';
  const fields = (chosen?.holder.fields ?? []).filter((field) => field.isActive && fits(aggregate, field));
  const ordering = (chosen?.holder.fields ?? []).filter((field) => field.isActive && ORDERED.includes(field.type));
  const choice = (field: ModelField) => ({ value: field.id, label: field.label });
  return (
    <>
      <Select
        label={t('Over the list')}
        placeholder={
          lists.length > 0 ? t('Choose a list of related records') : t('Nothing points to these records yet')
        }
        disabled={lists.length === 0}
        data={lists.map((list) => ({
          value: list.relation.id,
          label: list.label === list.holder.labelPlural ? list.label : `${list.label} (${list.holder.labelPlural})`,
        }))}
        value={settings.relationId ?? null}
        onChange={(relationId) => onChange({ aggregate, relationId: relationId ?? undefined })}
        searchable
      />
      <Select
        label={t('Result')}
        data={AGGREGATES}
        value={aggregate}
        allowDeselect={false}
        onChange={(value) => {
          const next = (value ?? 'COUNT') as Aggregate;
          const field = chosen?.holder.fields.find((each) => each.id === settings.fieldId);
          const keeps = next !== 'COUNT' && field && fits(next, field);
          onChange({ ...settings, aggregate: next, fieldId: keeps ? field.id : undefined });
        }}
      />
      {aggregate === 'COUNT' ? null : (
        <Select
          label={t('Of the field')}
          placeholder={chosen ? t('Choose a field') : t('Choose the list first')}
          disabled={!chosen}
          data={fields.map(choice)}
          value={settings.fieldId ?? null}
          onChange={(fieldId) => onChange({ ...settings, fieldId: fieldId ?? undefined })}
          searchable
          renderOption={({ option }) => {
            const field = fields.find((each) => each.id === option.value);
            return `${option.label}${field ? ` · ${FIELD_TYPES[field.type].label}` : ''}`;
          }}
        />
      )}
      {aggregate === 'FIRST' || aggregate === 'LAST' || aggregate === 'LIST' ? (
        <Select
          label={t('In the order of')}
          placeholder={t('When they were created')}
          clearable
          disabled={!chosen}
          data={ordering.map(choice)}
          value={settings.orderFieldId ?? null}
          onChange={(orderFieldId) => onChange({ ...settings, orderFieldId: orderFieldId ?? undefined })}
          searchable
        />
      ) : null}
      {chosen ? (
        <>
          <Switch
            size="xs"
            label={t('Only some of the {labelPlural}', { labelPlural: inSentence(chosen.holder.labelPlural) })}
            checked={settings.filter !== undefined}
            onChange={(event) => onChange({ ...settings, filter: event.currentTarget.checked ? '' : undefined })}
          />
          {settings.filter === undefined ? null : (
            <FormulaEditor
              object={chosen.holder}
              context="FILTER"
              label={t('Those for which')}
              placeholder='stage = "WON"'
              value={settings.filter}
              onChange={(filter) => onChange({ ...settings, filter })}
              onChecked={(check) => onFilterChecked(check?.ok ?? false)}
            />
          )}
        </>
      ) : null}
    </>
  );
}
