import { ActionIcon, Button, Group, Select, Slider, Switch } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import {
  canBeSure,
  comparisonsOf,
  comparisonText,
  isComparable,
  newCriterion,
  type Comparison,
  type Criterion,
} from '../duplicates/criteria.ts';
import type { ModelField, ModelObject } from '../model/types.ts';
import editor from './editor.module.css';
import classes from './settings.module.css';
import { t } from '../language/t.ts';

interface DuplicateRulesProps {
  object: ModelObject;
  criteria: Criterion[];
  onChange: (criteria: Criterion[]) => void;
}

/** What tells that two records of an object are the same: several rules, each of fields that must all match. */
export function DuplicateRules({ object, criteria, onChange }: DuplicateRulesProps) {
  const fields = object.fields.filter((field) => field.isActive && !field.isSystem && isComparable(field.type));
  const [first] = fields;
  const set = (at: number, criterion: Criterion | null) =>
    onChange(criteria.flatMap((each, i) => (i !== at ? each : (criterion ?? []))));
  return (
    <section className={classes.section} aria-label={t('Duplicates')}>
      <h2>{t('Duplicates')}</h2>
      <p className={editor.note}>
        {t(
          'Two records may be the same when all fields of one rule match. Forms warn of them, and the page Duplicates lists them.',
        )}
      </p>
      {criteria.map((criterion, at) => (
        <Rule
          key={at}
          number={at + 1}
          fields={fields}
          criterion={criterion}
          onChange={(next) => set(at, next.fields.length > 0 ? next : null)}
          onRemove={() => set(at, null)}
        />
      ))}
      {first ? (
        <Button
          variant="subtle"
          color="gray"
          className={classes.start}
          leftSection={<IconPlus size={14} />}
          onClick={() => onChange([...criteria, newCriterion(first.id)])}
        >
          {t('Add a rule')}
        </Button>
      ) : (
        <p className={editor.note}>{t('None of the fields can be compared.')}</p>
      )}
    </section>
  );
}

interface RuleProps {
  number: number;
  fields: ModelField[];
  criterion: Criterion;
  onChange: (criterion: Criterion) => void;
  onRemove: () => void;
}

function Rule({ number, fields, criterion, onChange, onRemove }: RuleProps) {
  const used = criterion.fields.map(({ id }) => id);
  const isSpelt = criterion.fields.some(({ by }) => by === 'SIMILAR');
  const free = fields.find(({ id }) => !used.includes(id));
  const setField = (at: number, patch: { id?: string; by?: Comparison }) =>
    onChange({ ...criterion, fields: criterion.fields.map((each, i) => (i === at ? { ...each, ...patch } : each)) });
  return (
    <div className={classes.duplicateRule} role="group" aria-label={t('Rule {number}', { number })}>
      {criterion.fields.map(({ id, by }, at) => {
        const field = fields.find((each) => each.id === id);
        // One spelling a rule is what an index can find.
        const ways = field
          ? comparisonsOf(field.type).filter((way) => way !== 'SIMILAR' || by === 'SIMILAR' || !isSpelt)
          : [by];
        return (
          <Group key={id} gap={6} wrap="nowrap">
            <Select
              flex={1}
              aria-label={t('Rule {number}, field {at}', { number, at: at + 1 })}
              data={fields
                .filter((each) => each.id === id || !used.includes(each.id))
                .map((each) => ({ value: each.id, label: each.label }))}
              value={id}
              allowDeselect={false}
              searchable
              onChange={(next) => next && setField(at, { id: next, by: 'ALIKE' })}
            />
            <Select
              flex={1.3}
              aria-label={t('Rule {number}, how field {at} is compared', { number, at: at + 1 })}
              data={ways.map((way) => ({ value: way, label: field ? comparisonText(field.type, way) : way }))}
              value={by}
              allowDeselect={false}
              disabled={ways.length === 1}
              onChange={(next) => next && setField(at, { by: next as Comparison })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('Rule {number}: remove field {at}', { number, at: at + 1 })}
              onClick={() => onChange({ ...criterion, fields: criterion.fields.filter((_, i) => i !== at) })}
            >
              <IconX size={15} />
            </ActionIcon>
          </Group>
        );
      })}
      {isSpelt ? (
        <Group gap={12} wrap="nowrap">
          <span className={editor.note}>{t('How alike')}</span>
          <Slider
            flex={1}
            min={30}
            max={100}
            step={5}
            thumbLabel={t('Rule {number}, how alike', { number })}
            label={(value) => `${value} %`}
            value={Math.round(criterion.threshold * 100)}
            onChange={(value) => onChange({ ...criterion, threshold: value / 100 })}
          />
          <span className={editor.note}>{Math.round(criterion.threshold * 100)} %</span>
        </Group>
      ) : null}
      <Group justify="space-between" gap={6}>
        <Switch
          size="xs"
          label={t('Surely the same')}
          description={t('Can be merged many at once')}
          checked={criterion.isSure && canBeSure(criterion.fields)}
          disabled={!canBeSure(criterion.fields)}
          onChange={(event) => onChange({ ...criterion, isSure: event.currentTarget.checked })}
        />
        <Group gap={4}>
          {free ? (
            <Button
              size="compact-sm"
              variant="subtle"
              color="gray"
              onClick={() => onChange({ ...criterion, fields: [...criterion.fields, { id: free.id, by: 'ALIKE' }] })}
            >
              {t('And another field')}
            </Button>
          ) : null}
          <Button size="compact-sm" variant="subtle" color="gray" onClick={onRemove}>
            {t('Remove the rule')}
          </Button>
        </Group>
      </Group>
    </div>
  );
}
