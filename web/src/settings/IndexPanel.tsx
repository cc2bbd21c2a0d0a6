import { ActionIcon, Alert, Button, Checkbox, Group, Modal, Radio, Select, Switch, TextInput } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { fieldById } from '../model/lookup.ts';
import type { FieldType, IndexKind, IndexPart, ModelField, ModelObject } from '../model/types.ts';
import classes from './editor.module.css';
import { useSubmit } from './formFailure.ts';
import { FormulaEditor } from './FormulaEditor.tsx';
import { INDEX_KINDS, partLabel } from './indexKinds.ts';
import { proposeChanges } from './planStore.ts';
import { useIsTop } from './useIsTop.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

const GIN: FieldType[] = ['ARRAY', 'MULTI_SELECT', 'RAW_JSON', 'FILES', 'EMAILS', 'PHONES', 'LINKS'];
const TEXT: FieldType[] = ['TEXT', 'RICH_TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS', 'ADDRESS'];
const NEVER: FieldType[] = ['TS_VECTOR', 'MANY_TO_MANY'];

const fits = (kind: IndexKind, field: ModelField): boolean => {
  if (!field.isActive || NEVER.includes(field.type)) return false;
  if (kind === 'GIN') return GIN.includes(field.type);
  if (kind === 'TRIGRAM') return TEXT.includes(field.resultType ?? field.type);
  return !['RAW_JSON', 'FILES', 'ARRAY', 'MULTI_SELECT'].includes(field.type);
};

/** Of a field with several columns, those that such an index can hold: the lists of further values are for GIN alone. */
const partsOf = (kind: IndexKind, field: ModelField): string[] =>
  field.columns
    .map(({ part }) => part)
    .filter((part) => field.columns.length === 1 || /^(additional|secondary)/.test(part) === (kind === 'GIN'));

export function IndexPanel({ object, onClose }: { object: ModelObject; onClose: () => void }) {
  const [kind, setKind] = useState<IndexKind>('BTREE');
  const [parts, setParts] = useState<(IndexPart | null)[]>([null]);
  const [typedName, setTypedName] = useState<string | null>(null);
  const [condition, setCondition] = useState<string | null>(null);
  const [isConditionRight, setConditionRight] = useState(false);
  const { busy, submit, problem } = useSubmit();
  const choices = object.fields.filter((field) => fits(kind, field));
  const given = parts.filter((part) => part !== null);
  const suggested = given.map((part) => fieldById(object, part.fieldId)?.label ?? '').join(', ');
  const name = typedName ?? suggested;
  const isReady = given.length > 0 && name.trim() !== '' && (!condition?.trim() || isConditionRight);
  const setPart = (index: number, part: IndexPart | null) =>
    setParts(parts.map((each, position) => (position === index ? part : each)));

  return (
    <Modal
      opened
      onClose={onClose}
      closeOnEscape={useIsTop()}
      title={t('New index of {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
    >
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          void submit(async () => {
            const isApplied = await proposeChanges(
              t('Add the index “{name}”', { name }),
              [
                {
                  op: 'insert',
                  table: 'indexes',
                  values: {
                    objectId: object.id,
                    name: name.trim(),
                    kind,
                    parts: given,
                    ...(condition?.trim() ? { condition: condition.trim() } : {}),
                  },
                },
              ],
              { verb: t('Add index') },
            );
            if (isApplied) onClose();
          });
        }}
      >
        <Radio.Group
          label={t('For')}
          value={kind}
          onChange={(value) => {
            setKind(value as IndexKind);
            setParts([null]);
          }}
          className={classes.kinds}
        >
          {INDEX_KINDS.map(({ value, label, hint }) => (
            <Radio key={value} value={value} label={label} description={hint} size="xs" />
          ))}
        </Radio.Group>
        <fieldset className={classes.options}>
          <legend>{t('Fields, in this order')}</legend>
          {parts.map((part, index) => {
            const field = part ? fieldById(object, part.fieldId) : undefined;
            return (
              <Group key={`${index} ${part?.fieldId}`} gap={6} wrap="nowrap" mb={6}>
                <Select
                  flex={1}
                  size="xs"
                  aria-label={t('Field {index}', { index: index + 1 })}
                  placeholder={t('Choose a field')}
                  searchable
                  data={choices.map((each) => ({ value: each.id, label: each.label }))}
                  value={part?.fieldId ?? null}
                  onChange={(fieldId) => {
                    const chosen = fieldId ? fieldById(object, fieldId) : undefined;
                    const [column] = chosen ? partsOf(kind, chosen) : [];
                    setPart(index, chosen ? { fieldId: chosen.id, ...(column ? { part: column } : {}) } : null);
                  }}
                />
                {field && part && partsOf(kind, field).length > 1 ? (
                  <Select
                    size="xs"
                    w={150}
                    aria-label={t('Part of {label}', { label: field.label })}
                    allowDeselect={false}
                    data={partsOf(kind, field).map((each) => ({ value: each, label: partLabel(each) }))}
                    value={part.part ?? ''}
                    onChange={(value) => setPart(index, { ...part, part: value || undefined })}
                  />
                ) : null}
                {kind === 'BTREE' && part ? (
                  <Checkbox
                    size="xs"
                    label={t('Descending')}
                    checked={part.descending === true}
                    onChange={(event) => setPart(index, { ...part, descending: event.currentTarget.checked })}
                  />
                ) : null}
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size="sm"
                  disabled={parts.length === 1}
                  aria-label={t('Remove the field in place {index}', { index: index + 1 })}
                  onClick={() => setParts(parts.filter((_, position) => position !== index))}
                >
                  <IconX size={14} />
                </ActionIcon>
              </Group>
            );
          })}
          <Button
            variant="subtle"
            color="gray"
            leftSection={<IconPlus size={14} />}
            onClick={() => setParts([...parts, null])}
          >
            {t('Add field')}
          </Button>
        </fieldset>
        <TextInput
          label={t('Name')}
          value={name}
          onChange={(event) => setTypedName(event.currentTarget.value)}
          autoComplete="off"
        />
        <Switch
          size="xs"
          label={t('Only some of the records')}
          checked={condition !== null}
          onChange={(event) => setCondition(event.currentTarget.checked ? '' : null)}
        />
        {condition === null ? null : (
          <FormulaEditor
            object={object}
            context="FILTER"
            label={t('Those for which')}
            placeholder='stage != "LOST"'
            value={condition}
            onChange={setCondition}
            onChecked={(check) => setConditionRight(check?.ok ?? false)}
          />
        )}
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button type="submit" loading={busy} disabled={!isReady}>
            {t('Add index')}
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
