import { ActionIcon, Button, MultiSelect, NativeSelect, SegmentedControl, TextInput } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { useWholeModel } from '../../model/store.ts';
import type { ModelField, ModelObject } from '../../model/types.ts';
import { FormulaEditor } from '../FormulaEditor.tsx';
import {
  answerOf,
  conditionText,
  NUMBER_OPERATORS,
  readCondition,
  WHOSE,
  type Condition,
  type ConditionRow,
  type NumberOperator,
  type RowKind,
} from './conditionRows.ts';
import classes from './roles.module.css';
import { t } from '../../language/t.ts';

interface RecordRuleEditorProps {
  object: ModelObject;
  title: string;
  note: string;
  value: string | undefined;
  disabled: boolean;
  onChange: (text: string | undefined) => void;
  /** Told whether the database can make a policy of it; null while that is not known. */
  onChecked: (ok: boolean | null) => void;
}

const CREATED = ' created';

const firstRow = (field: ModelField | undefined, memberObjectId: string | undefined): ConditionRow => {
  const answer = field ? answerOf(field, memberObjectId) : null;
  const kinds: { [answer: string]: RowKind } = { MEMBER: 'ME', SELECT: 'SELECT', NUMBER: 'NUMBER', BOOLEAN: 'BOOLEAN' };
  if (!field || !answer) return { kind: 'CREATED', field: '', operator: '=', values: [] };
  return {
    kind: kinds[answer] ?? 'ME',
    field: field.name,
    operator: answer === 'NUMBER' ? '>' : '=',
    values: answer === 'BOOLEAN' ? ['true'] : [],
  };
};

function Row({
  row,
  fields,
  memberObjectId,
  disabled,
  onChange,
  onRemove,
}: {
  row: ConditionRow;
  fields: ModelField[];
  memberObjectId: string | undefined;
  disabled: boolean;
  onChange: (row: ConditionRow) => void;
  onRemove: () => void;
}) {
  const field = fields.find((each) => each.name === row.field);
  return (
    <div className={classes.row}>
      <NativeSelect
        size="xs"
        className={classes.grow}
        aria-label={t('Field')}
        disabled={disabled}
        value={row.kind === 'CREATED' ? CREATED : row.field}
        data={[
          { value: CREATED, label: t('Created by the member') },
          ...fields.map((each) => ({ value: each.name, label: each.label })),
        ]}
        onChange={(event) =>
          onChange(
            firstRow(
              fields.find((each) => each.name === event.currentTarget.value),
              memberObjectId,
            ),
          )
        }
      />
      {row.kind === 'ME' || row.kind === 'TEAM' || row.kind === 'BELOW' ? (
        <NativeSelect
          size="xs"
          className={classes.grow}
          aria-label={t('Condition')}
          disabled={disabled}
          value={row.kind}
          data={WHOSE}
          onChange={(event) => onChange({ ...row, kind: event.currentTarget.value as RowKind })}
        />
      ) : null}
      {row.kind === 'SELECT' ? (
        <MultiSelect
          size="xs"
          className={classes.grow}
          aria-label={t('{label} is one of', { label: field?.label ?? '' })}
          placeholder={row.values.length === 0 ? t('is one of …') : undefined}
          disabled={disabled}
          data={(field?.options ?? []).map((option) => ({ value: option.value, label: option.label }))}
          value={row.values}
          onChange={(values) => onChange({ ...row, values })}
        />
      ) : null}
      {row.kind === 'NUMBER' ? (
        <>
          <NativeSelect
            size="xs"
            w={64}
            aria-label={t('Comparison')}
            disabled={disabled}
            value={row.operator}
            data={NUMBER_OPERATORS}
            onChange={(event) => onChange({ ...row, operator: event.currentTarget.value as NumberOperator })}
          />
          <TextInput
            size="xs"
            className={classes.grow}
            aria-label={t('Number')}
            inputMode="decimal"
            disabled={disabled}
            value={row.values[0] ?? ''}
            onChange={(event) => onChange({ ...row, values: [event.currentTarget.value.trim()] })}
          />
        </>
      ) : null}
      {row.kind === 'BOOLEAN' ? (
        <NativeSelect
          size="xs"
          w={90}
          aria-label={t('Value')}
          disabled={disabled}
          value={row.values[0] ?? 'true'}
          data={[
            { value: 'true', label: t('is yes') },
            { value: 'false', label: t('is no') },
          ]}
          onChange={(event) => onChange({ ...row, values: [event.currentTarget.value] })}
        />
      ) : null}
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={t('Remove the condition')}
        disabled={disabled}
        onClick={onRemove}
      >
        <IconX size={14} />
      </ActionIcon>
    </div>
  );
}

/** A record rule: rows for what is common, and the text of the rule for everything that a policy can say. */
export function RecordRuleEditor({ object, title, note, value, disabled, onChange, onChecked }: RecordRuleEditorProps) {
  const model = useWholeModel();
  const memberObjectId = model.objects.find((each) => each.nameSingular === 'workspaceMember')?.id;
  const [condition, setCondition] = useState<Condition | null>(() =>
    readCondition(object, memberObjectId, value ?? ''),
  );
  const [asText, setAsText] = useState(condition === null);
  const fields = object.fields.filter((field) => answerOf(field, memberObjectId) !== null);
  const set = (next: Condition) => {
    setCondition(next);
    onChange(next.rows.length === 0 ? undefined : conditionText(next));
    onChecked(next.rows.length === 0 ? true : conditionText(next) !== '');
  };
  const add = () =>
    set({ joins: condition?.joins ?? 'and', rows: [...(condition?.rows ?? []), firstRow(undefined, memberObjectId)] });
  const isSet = value !== undefined;

  return (
    <section className={classes.rule} aria-label={title}>
      <div className={classes.ruleHead}>
        <strong>{title}</strong>
        {isSet || asText ? (
          <SegmentedControl
            size="xs"
            aria-label={t('{title}: form', { title })}
            data={[
              { value: 'rows', label: t('Conditions') },
              { value: 'text', label: t('Formula') },
            ]}
            value={asText ? 'text' : 'rows'}
            onChange={(way) => {
              if (way === 'text') return setAsText(true);
              const read = readCondition(object, memberObjectId, value ?? '');
              if (read) {
                setCondition(read);
                setAsText(false);
              }
            }}
          />
        ) : null}
      </div>
      {!isSet && !asText ? <div className={classes.narrowed}>{note}</div> : null}
      {asText ? (
        <>
          <FormulaEditor
            object={object}
            context="RULE"
            label={t('Formula: {title}', { title })}
            placeholder='owner = currentMember() or stage = "WON"'
            value={value ?? ''}
            onChange={(text) => {
              onChange(text.trim() === '' ? undefined : text);
              onChecked(text.trim() === '' ? true : null);
            }}
            onChecked={(check) => onChecked(value === undefined ? true : check ? check.ok : null)}
          />
          {isSet && readCondition(object, memberObjectId, value) === null ? (
            <div className={classes.narrowed}>{t('Said as a formula: the form of conditions cannot hold it.')}</div>
          ) : null}
        </>
      ) : (
        <>
          {condition?.rows.map((row, index) => (
            <Row
              key={index}
              row={row}
              fields={fields}
              memberObjectId={memberObjectId}
              disabled={disabled}
              onChange={(next) =>
                set({ ...condition, rows: condition.rows.map((each, at) => (at === index ? next : each)) })
              }
              onRemove={() => set({ ...condition, rows: condition.rows.filter((_, at) => at !== index) })}
            />
          ))}
          <div className={classes.row}>
            {disabled ? null : (
              <Button
                size="compact-xs"
                variant="subtle"
                color="gray"
                leftSection={<IconPlus size={13} />}
                onClick={add}
              >
                {t('Add condition')}
              </Button>
            )}
            {condition && condition.rows.length > 1 ? (
              <NativeSelect
                size="xs"
                aria-label={t('How the conditions join')}
                disabled={disabled}
                value={condition.joins}
                data={[
                  { value: 'and', label: t('All must hold') },
                  { value: 'or', label: t('One is enough') },
                ]}
                onChange={(event) => set({ ...condition, joins: event.currentTarget.value as Condition['joins'] })}
              />
            ) : null}
          </div>
        </>
      )}
    </section>
  );
}
