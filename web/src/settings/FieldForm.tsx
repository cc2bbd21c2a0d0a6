import { Alert, Checkbox, Textarea, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { objectById } from '../model/lookup.ts';
import { nameProblem } from '../model/names.ts';
import { useWholeModel } from '../model/store.ts';
import type { FieldJunction, ModelField, ModelObject } from '../model/types.ts';
import { DefaultEditor } from './DefaultEditor.tsx';
import classes from './editor.module.css';
import { draftName, type FieldDraft } from './fieldDraft.ts';
import { FieldPreview } from './FieldPreview.tsx';
import { FormulaEditor } from './FormulaEditor.tsx';
import { OptionList } from './OptionList.tsx';
import { RelationEnds, RelationNames, RelationTimeline } from './RelationForm.tsx';
import { RollupForm } from './RollupForm.tsx';
import { CASED_TYPES, hasOptions, isRelational, UNIQUE_TYPES, UNREQUIRED_TYPES } from './typeCatalogue.ts';
import { TypeSettings } from './TypeSettings.tsx';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';
import { inSentence } from '../language/inSentence.ts';

interface FieldFormProps {
  object: ModelObject;
  /** Null for a field that does not exist yet. */
  field: ModelField | null;
  draft: FieldDraft;
  problemAt: (field: string) => string | null;
  onChange: (patch: Partial<FieldDraft>) => void;
  onReplaceOption: (value: string, replacement: string | null) => void;
  /** Whether the formula or the filter of the draft is known to be right. */
  onFormulaChecked: (isRight: boolean) => void;
  children?: ReactNode;
}

/** What is wrong with the draft's API name, seen while it is typed. */
export function draftNameProblem(object: ModelObject, field: ModelField | null, draft: FieldDraft): string | null {
  const name = draftName(draft);
  if (draft.label.trim() === '' && draft.name === null) return null;
  const taken = object.fields.find(
    (each) => each.id !== field?.id && (each.name === name || each.aliases.some((alias) => alias.name === name)),
  );
  if (taken) return t('“{label}” has this name already.', { label: taken.label });
  return name === field?.name ? null : nameProblem(name);
}

/** Where the other side of a many-to-many relation is, and its links, which may have fields of their own. */
function LinksNote({ junction }: { junction: FieldJunction }) {
  const model = useWholeModel();
  const links = objectById(model, junction.objectId);
  const other = objectById(model, junction.targetObjectId);
  const inverse = other?.fields.find((each) => each.id === junction.inverseFieldId);
  if (!links || !other) return null;
  return (
    <Alert color="gray" className={classes.hint}>
      {inverse ? (
        <>
          <Trans
            text={'On each {labelSingular} it is <0>{label}</0>.'}
            values={{ labelSingular: inSentence(other.labelSingular), label: inverse.label }}
            tags={{
              0: (
                <Link
                  to="/settings/model/$namePlural"
                  params={{ namePlural: other.namePlural }}
                  search={{ field: inverse.name }}
                  className={classes.use}
                />
              ),
            }}
          />{' '}
        </>
      ) : null}
      <Trans
        text={'The links lie in <0>{labelPlural}</0>, to which you can add fields, such as a role or a date.'}
        values={{ labelPlural: links.labelPlural }}
        tags={{
          0: (
            <Link to="/settings/model/$namePlural" params={{ namePlural: links.namePlural }} className={classes.use} />
          ),
        }}
      />
    </Alert>
  );
}

export function FieldForm(props: FieldFormProps) {
  const { object, field, draft, problemAt, onChange, onReplaceOption, onFormulaChecked, children } = props;
  const { type } = draft;
  const nameTrouble = draftNameProblem(object, field, draft) ?? problemAt('name');
  const computed = type === 'FORMULA' || type === 'ROLLUP';
  const canRequire = !UNREQUIRED_TYPES.includes(type) && !field?.isSystem && draft.relationKind !== 'ONE_TO_MANY';
  const isOneWay = field !== null && type === 'RELATION' && !field.isSystem;
  const canBeUnique = UNIQUE_TYPES.includes(type) && !field?.isSystem;

  return (
    <div className={classes.form}>
      {isRelational(type) ? (
        <RelationEnds object={object} draft={draft} isNew={field === null} problemAt={problemAt} onChange={onChange} />
      ) : null}
      <TextInput
        label={t('Label')}
        value={draft.label}
        onChange={(event) => onChange({ label: event.currentTarget.value })}
        error={problemAt('label')}
        data-autofocus={!isRelational(type) || field !== null || undefined}
        autoComplete="off"
      />
      <TextInput
        label={t('API name')}
        value={draftName(draft)}
        onChange={(event) => onChange({ name: event.currentTarget.value || null })}
        error={nameTrouble}
        description={
          field && draftName(draft) !== field.name
            ? t('“{name}” goes on working until you release it.', { name: field.name })
            : undefined
        }
        disabled={field?.isSystem}
        classNames={{ input: classes.mono }}
        autoComplete="off"
      />
      {type === 'FORMULA' ? (
        <FormulaEditor
          object={object}
          context="FORMULA"
          label={t('Formula')}
          description={t('From fields of this record and of the records it points to, such as company.name')}
          placeholder="amount * probability"
          value={draft.settings.expression ?? ''}
          onChange={(expression) => onChange({ settings: { ...draft.settings, expression } })}
          onChecked={(check) => {
            onFormulaChecked(check?.ok ?? false);
            if (check?.ok) onChange({ resultType: check.resultType });
          }}
        />
      ) : null}
      {type === 'ROLLUP' ? (
        <RollupForm
          object={object}
          settings={draft.settings}
          onChange={(settings) => onChange({ settings })}
          onFilterChecked={onFormulaChecked}
        />
      ) : null}
      {field?.junction ? (
        <LinksNote junction={field.junction} />
      ) : isRelational(type) ? (
        <RelationNames object={object} draft={draft} problemAt={problemAt} onChange={onChange} />
      ) : null}
      {field?.junction || isRelational(type) ? (
        <RelationTimeline object={object} draft={draft} onChange={onChange} />
      ) : null}
      {hasOptions(type) ? (
        <OptionList
          options={draft.options}
          onChange={(options) => onChange({ options })}
          fieldId={field?.id}
          onReplace={onReplaceOption}
        />
      ) : null}
      {field?.isSystem ? null : <TypeSettings draft={draft} onChange={onChange} />}
      {computed || field?.isSystem || isRelational(type) ? null : (
        <DefaultEditor object={object} draft={draft} onChange={(defaultValue) => onChange({ defaultValue })} />
      )}
      {canRequire || canBeUnique || isOneWay ? (
        <div className={classes.checks}>
          {canRequire ? (
            <Checkbox
              label={t('Required')}
              description={t('No record without a value')}
              checked={draft.isRequired}
              onChange={(event) => onChange({ isRequired: event.currentTarget.checked })}
              error={problemAt('isRequired')}
            />
          ) : null}
          {canRequire && draft.isRequired ? (
            <Checkbox
              ml={28}
              label={t('Of new records only')}
              description={t('Those that exist may stay without')}
              checked={draft.newOnly}
              onChange={(event) => onChange({ newOnly: event.currentTarget.checked })}
            />
          ) : null}
          {isOneWay ? (
            <Checkbox
              label={t('One to one')}
              description={t('No two records point to the same one')}
              checked={draft.relationKind === 'ONE_TO_ONE'}
              onChange={(event) =>
                onChange({ relationKind: event.currentTarget.checked ? 'ONE_TO_ONE' : 'MANY_TO_ONE' })
              }
              error={problemAt('isUnique')}
            />
          ) : null}
          {canBeUnique ? (
            <Checkbox
              label={t('Unique')}
              description={t('No two records have the same value')}
              checked={draft.isUnique}
              onChange={(event) => onChange({ isUnique: event.currentTarget.checked })}
              error={problemAt('isUnique')}
            />
          ) : null}
          {canBeUnique && draft.isUnique && CASED_TYPES.includes(type) ? (
            <Checkbox
              ml={28}
              label={t('Ignore case')}
              description={t('“Acme” and “ACME” count as the same')}
              checked={draft.settings['uniqueIgnoresCase'] === true}
              onChange={(event) =>
                onChange({
                  settings: { ...draft.settings, uniqueIgnoresCase: event.currentTarget.checked ? true : undefined },
                })
              }
            />
          ) : null}
        </div>
      ) : null}
      <Textarea
        label={t('Description')}
        autosize
        minRows={1}
        value={draft.description}
        onChange={(event) => onChange({ description: event.currentTarget.value })}
      />
      <FieldPreview object={object} draft={draft} />
      {children}
    </div>
  );
}
