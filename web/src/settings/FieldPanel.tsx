import { ActionIcon, Alert, Button, Drawer, Group } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import { useState, type FormEvent } from 'react';
import { FIELD_TYPES } from '../fields/fieldTypes.tsx';
import type { Change } from '../model/planning.ts';
import { useWholeModel } from '../model/store.ts';
import type { FieldType, ModelField, ModelObject } from '../model/types.ts';
import classes from './editor.module.css';
import { createChanges, draftOf, emptyDraft, updateChanges, type FieldDraft } from './fieldDraft.ts';
import { draftNameProblem, FieldForm } from './FieldForm.tsx';
import { FieldLife } from './FieldLife.tsx';
import { useSubmit } from './formFailure.ts';
import { cleanOptions } from './optionDrafts.ts';
import { proposeChanges } from './planStore.ts';
import { TypeGallery } from './TypeGallery.tsx';
import { TypeRow } from './TypeRow.tsx';
import { hasOptions, isRelational } from './typeCatalogue.ts';
import { useIsTop } from './useIsTop.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

export interface FieldPreset {
  type: FieldType;
  targets?: string[];
  label?: string;
}

interface FieldPanelProps {
  object: ModelObject;
  /** Null to make a new one. */
  field: ModelField | null;
  preset?: FieldPreset | undefined;
  onClose: () => void;
}

function isComplete(draft: FieldDraft, isFormulaRight: boolean): boolean {
  if (draft.label.trim() === '') return false;
  if (hasOptions(draft.type)) return cleanOptions(draft.options).length > 0;
  if (isRelational(draft.type)) return draft.type === 'MANY_TO_MANY' || draft.targets.length > 0;
  if (draft.type === 'FORMULA') return (draft.settings.expression ?? '').trim() !== '' && isFormulaRight;
  if (draft.type === 'ROLLUP') {
    const { relationId, aggregate = 'COUNT', fieldId, filter } = draft.settings;
    return Boolean(relationId && (aggregate === 'COUNT' || fieldId) && (filter === undefined || isFormulaRight));
  }
  return true;
}

/** An empty input is no default; an empty filter filters nothing. */
function cleaned(draft: FieldDraft): FieldDraft {
  const settings = { ...draft.settings };
  if (settings.filter?.trim() === '') delete settings.filter;
  const blank = draft.defaultValue === '' || draft.defaultValue === undefined;
  return { ...draft, settings, defaultValue: blank ? null : draft.defaultValue };
}

export function FieldPanel({ object, field, preset, onClose }: FieldPanelProps) {
  const [draft, setDraft] = useState<FieldDraft | null>(() =>
    field
      ? draftOf(field)
      : preset
        ? { ...emptyDraft(preset.type, preset.label), targets: preset.targets ?? [] }
        : null,
  );
  const [replacements, setReplacements] = useState<Change[]>([]);
  const [isFormulaRight, setFormulaRight] = useState(field !== null);
  const isTop = useIsTop();
  const target = useWholeModel().objects.find((each) => each.id === draft?.targets[0]);
  const { busy, submit, problem, problemAt } = useSubmit();
  const change = (patch: Partial<FieldDraft>) => setDraft((current) => current && { ...current, ...patch });

  const save = (always: boolean) => {
    if (!draft) return;
    void submit(async () => {
      const wanted = cleaned(draft);
      const changes = field
        ? [...replacements, ...updateChanges(field, wanted)]
        : createChanges(object, wanted, target).changes;
      if (changes.length === 0) return onClose();
      const newOnly = { ...wanted, newOnly: true };
      const isApplied = await proposeChanges(
        field
          ? t('Change “{label}”', { label: field.label })
          : t('Add “{label}” to {labelPlural}', {
              label: wanted.label.trim(),
              labelPlural: inSentence(object.labelPlural),
            }),
        changes,
        {
          always,
          verb: field ? t('Change') : t('Add field'),
          ...(wanted.isRequired && !wanted.newOnly
            ? {
                alternative: {
                  label: t('Require it of new records only'),
                  changes: field ? updateChanges(field, newOnly) : createChanges(object, newOnly, target).changes,
                },
              }
            : {}),
        },
      );
      if (isApplied) onClose();
    });
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (isReady) save(false);
  };
  const isReady =
    draft !== null && isComplete(draft, isFormulaRight) && draftNameProblem(object, field, draft) === null;

  const title = field
    ? field.label
    : draft
      ? t('New {label} field', { label: inSentence(FIELD_TYPES[draft.type].label) })
      : t('New field');
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size={540}
      closeOnEscape={isTop}
      title={
        <Group gap={8} wrap="nowrap">
          {draft && !field ? (
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('Choose another type')}
              onClick={() => setDraft(null)}
            >
              <IconArrowLeft size={16} />
            </ActionIcon>
          ) : null}
          <span className={classes.panelTitle}>{title}</span>
          <span className={classes.dim}>{object.labelPlural}</span>
        </Group>
      }
      closeButtonProps={{ 'aria-label': t('Close') }}
      overlayProps={{ backgroundOpacity: 0.2 }}
      transitionProps={{ duration: 140 }}
      classNames={{ content: classes.panel, body: classes.panelBody, header: classes.panelHeader }}
    >
      {draft ? (
        <form className={classes.panelForm} onSubmit={onSubmit}>
          <div className={classes.panelScroll}>
            {field ? <TypeRow object={object} field={field} /> : null}
            <FieldForm
              object={object}
              field={field}
              draft={draft}
              problemAt={problemAt}
              onChange={change}
              onFormulaChecked={setFormulaRight}
              onReplaceOption={(value, replacement) => {
                if (!field || replacement === null) return;
                setReplacements([
                  ...replacements,
                  { op: 'replaceOption', fieldId: field.id, value, with: replacement },
                ]);
                if (draft.defaultValue === value) change({ defaultValue: replacement });
              }}
            >
              {field ? <FieldLife object={object} field={field} onClose={onClose} /> : null}
            </FieldForm>
          </div>
          <footer className={classes.panelFoot}>
            {problem ? (
              <Alert color="red" role="alert" className={classes.hint}>
                {problem}
              </Alert>
            ) : null}
            <Group justify="flex-end" gap={8}>
              <Button variant="subtle" color="gray" mr="auto" disabled={!isReady || busy} onClick={() => save(true)}>
                {t('Show the plan')}
              </Button>
              <Button variant="default" onClick={onClose}>
                {t('Cancel')}
              </Button>
              <Button type="submit" loading={busy} disabled={!isReady}>
                {field ? t('Save') : t('Add field')}
              </Button>
            </Group>
          </footer>
        </form>
      ) : (
        <div className={classes.panelScroll}>
          <TypeGallery onChoose={(type) => setDraft(emptyDraft(type))} />
        </div>
      )}
    </Drawer>
  );
}
