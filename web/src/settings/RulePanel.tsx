import {
  Alert,
  Button,
  Checkbox,
  Drawer,
  Group,
  MultiSelect,
  NumberInput,
  Radio,
  Select,
  Skeleton,
  Switch,
  TextInput,
} from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { ruleViolations, type RuleDraft } from '../model/inquiries.ts';
import { fieldById } from '../model/lookup.ts';
import type { Change } from '../model/planning.ts';
import type { ModelObject, ModelRule, RuleKind } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import classes from './editor.module.css';
import { useSubmit } from './formFailure.ts';
import { FormulaEditor } from './FormulaEditor.tsx';
import { ViolationList } from './PlanDialog.tsx';
import { proposeChanges } from './planStore.ts';
import { cleanRule, emptyRule, isRuleComplete, RULE_KINDS, ruleDraft, ruleFields } from './ruleDraft.ts';
import { useInquiry } from './useInquiry.ts';
import { useIsTop } from './useIsTop.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface RulePanelProps {
  object: ModelObject;
  rule: ModelRule | null;
  onClose: () => void;
}

function Limits({
  object,
  draft,
  onChange,
}: {
  object: ModelObject;
  draft: RuleDraft;
  onChange: (settings: RuleDraft['settings']) => void;
}) {
  const field = fieldById(object, draft.fieldId);
  const { settings } = draft;
  const set = (name: string, value: unknown) => {
    const next = { ...settings, [name]: value };
    if (value === '' || value === null) delete next[name];
    onChange(next);
  };
  if (draft.kind === 'PATTERN')
    return (
      <TextInput
        label={t('Form')}
        description={t('A regular expression for the whole text')}
        placeholder="[A-Z]{2}-[0-9]{4}"
        classNames={{ input: classes.mono }}
        value={String(settings['pattern'] ?? '')}
        onChange={(event) => set('pattern', event.currentTarget.value)}
      />
    );
  if (draft.kind !== 'RANGE' && draft.kind !== 'LENGTH') return null;
  const isDay = draft.kind === 'RANGE' && (field?.type === 'DATE' || field?.type === 'DATE_TIME');
  const [least, most] = draft.kind === 'LENGTH' ? [t('At least'), t('At most')] : [t('From'), t('To')];
  if (isDay)
    return (
      <Group grow gap="xs">
        <TextInput
          type="date"
          label={least}
          value={String(settings['min'] ?? '')}
          onChange={(event) => set('min', event.currentTarget.value)}
        />
        <TextInput
          type="date"
          label={most}
          value={String(settings['max'] ?? '')}
          onChange={(event) => set('max', event.currentTarget.value)}
        />
      </Group>
    );
  const number = (value: unknown): number | string =>
    typeof value === 'number' || typeof value === 'string' ? value : '';
  return (
    <Group grow gap="xs">
      <NumberInput
        label={least}
        thousandSeparator=","
        value={number(settings['min'])}
        onChange={(value) => set('min', value)}
      />
      <NumberInput
        label={most}
        thousandSeparator=","
        value={number(settings['max'])}
        onChange={(value) => set('max', value)}
      />
    </Group>
  );
}

/** Records that break the rule today, so that nobody applies it blindly. */
function Violations({ draft }: { draft: RuleDraft }) {
  const [asked] = useDebouncedValue(JSON.stringify(draft), 350);
  const { answer, failure, busy } = useInquiry(asked, () => ruleViolations(JSON.parse(asked) as RuleDraft));
  const isCurrent = asked === JSON.stringify(draft) && !busy;
  if (!isCurrent)
    return (
      <div role="status" aria-label={t('Looking for records that break the rule')} aria-busy="true">
        <Skeleton height={38} radius="md" />
      </div>
    );
  if (failure)
    return (
      <Alert color="red" role="alert" className={classes.hint}>
        {failure.message} {failure.hint}
      </Alert>
    );
  if (!answer) return null;
  const rule = answer.text.replace(/\.$/, '');
  if (answer.count === 0)
    return (
      <Alert color="green" icon={<IconCircleCheck size={16} />} className={classes.hint} role="status">
        {t('{rule}: every record fulfils it.', { rule })}
      </Alert>
    );
  return (
    <Alert color="orange" icon={<IconAlertTriangle size={16} />} className={classes.hint} role="status">
      <ViolationList
        violation={{
          ruleId: null,
          fieldId: null,
          objectId: draft.objectId,
          message: t('{count, plural, one {{rule}: # record breaks it now} other {{rule}: # records break it now}}', {
            count: answer.count,
            rule,
          }),
          count: answer.count,
          records: answer.records,
        }}
      />
    </Alert>
  );
}

export function RulePanel({ object, rule, onClose }: RulePanelProps) {
  const [draft, setDraft] = useState<RuleDraft>(() => (rule ? ruleDraft(object, rule) : emptyRule(object, 'REQUIRED')));
  const [isConditional, setConditional] = useState(draft.kind !== 'CONDITION' && draft.condition !== null);
  const [isConditionRight, setConditionRight] = useState(rule !== null);
  const isTop = useIsTop();
  const { busy, submit, problem, problemAt } = useSubmit();
  const change = (patch: Partial<RuleDraft>) => setDraft({ ...draft, ...patch });
  const fields = ruleFields(object, draft.kind);
  const choices = fields.map((field) => ({ value: field.id, label: field.label }));
  const isReady = isRuleComplete(draft, isConditionRight);
  const clean = cleanRule(draft);

  const changesOf = ({ id, objectId, ...rest }: RuleDraft): Change[] =>
    id
      ? [{ op: 'update', table: 'rules', id, values: rest }]
      : [{ op: 'insert', table: 'rules', values: { objectId, ...rest } }];
  const save = () =>
    submit(async () => {
      const isApplied = await proposeChanges(rule ? t('Change the rule') : t('Add a rule'), changesOf(clean), {
        verb: rule ? t('Change') : t('Add rule'),
        ...(clean.appliesFrom
          ? {}
          : {
              alternative: {
                label: t('For new records only'),
                changes: changesOf({ ...clean, appliesFrom: new Date().toISOString() }),
              },
            }),
      });
      if (isApplied) onClose();
    });
  const remove = () =>
    proposeChanges(t('Delete the rule'), [{ op: 'delete', table: 'rules', id: rule?.id ?? '' }], { verb: 'Delete' })
      .then((isApplied) => isApplied && onClose())
      .catch((cause: unknown) => announceFailure(t('The rule was not deleted'), cause));

  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size={500}
      closeOnEscape={isTop}
      title={
        <span className={classes.panelTitle}>
          {rule ? t('Rule') : t('New rule of {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
        </span>
      }
      closeButtonProps={{ 'aria-label': t('Close') }}
      overlayProps={{ backgroundOpacity: 0.2 }}
      transitionProps={{ duration: 140 }}
      classNames={{ content: classes.panel, body: classes.panelBody, header: classes.panelHeader }}
    >
      <form
        className={classes.panelForm}
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) void save();
        }}
      >
        <div className={classes.panelScroll}>
          <div className={classes.form}>
            {rule ? null : (
              <Radio.Group
                label={t('Kind')}
                value={draft.kind}
                onChange={(kind) => {
                  setDraft(emptyRule(object, kind as RuleKind));
                  setConditional(false);
                }}
                className={classes.kinds}
              >
                {RULE_KINDS.map(({ value, label, hint }) => (
                  <Radio key={value} value={value} label={label} description={hint} size="xs" />
                ))}
              </Radio.Group>
            )}
            {draft.kind === 'UNIQUE' ? (
              <>
                <MultiSelect
                  label={t('Fields')}
                  description={t('Together they may not be the same in two records')}
                  data={choices}
                  searchable
                  value={Array.isArray(draft.settings['fieldIds']) ? (draft.settings['fieldIds'] as string[]) : []}
                  onChange={(fieldIds) => change({ settings: { ...draft.settings, fieldIds } })}
                />
                <Checkbox
                  label={t('Ignore case')}
                  checked={draft.settings['ignoreCase'] === true}
                  onChange={(event) =>
                    change({ settings: { ...draft.settings, ignoreCase: event.currentTarget.checked } })
                  }
                />
              </>
            ) : draft.kind === 'CONDITION' ? null : (
              <Select
                label={t('Field')}
                placeholder={fields.length > 0 ? t('Choose a field') : t('No field fits this kind')}
                data={choices}
                searchable
                value={draft.fieldId}
                onChange={(fieldId) => change({ fieldId })}
                error={problemAt('fieldId')}
              />
            )}
            <Limits object={object} draft={draft} onChange={(settings) => change({ settings })} />
            {draft.kind === 'CONDITION' ? (
              <FormulaEditor
                object={object}
                context="CONDITION"
                label={t('What must be true')}
                placeholder="endsOn >= startsOn"
                value={draft.condition ?? ''}
                onChange={(condition) => change({ condition })}
                onChecked={(check) => setConditionRight(check?.ok ?? false)}
              />
            ) : (
              <>
                <Switch
                  size="xs"
                  label={t('Only when a condition is true')}
                  checked={isConditional}
                  onChange={(event) => {
                    setConditional(event.currentTarget.checked);
                    change({ condition: event.currentTarget.checked ? '' : null });
                  }}
                />
                {isConditional ? (
                  <FormulaEditor
                    object={object}
                    context="CONDITION"
                    label={t('When')}
                    placeholder='stage = "LOST"'
                    value={draft.condition ?? ''}
                    onChange={(condition) => change({ condition })}
                    onChecked={(check) => setConditionRight(check?.ok ?? false)}
                  />
                ) : null}
              </>
            )}
            <TextInput
              label={t('What people read who break it')}
              placeholder={t('A sentence made from the rule')}
              value={draft.message}
              onChange={(event) => change({ message: event.currentTarget.value })}
            />
            <Checkbox
              label={t('For new records only')}
              description={t('Those that exist may stay as they are')}
              checked={draft.appliesFrom !== null}
              onChange={(event) =>
                change({
                  appliesFrom: event.currentTarget.checked ? (rule?.appliesFrom ?? new Date().toISOString()) : null,
                })
              }
            />
            {isReady ? <Violations draft={{ ...clean, appliesFrom: null }} /> : null}
            {rule ? (
              <div className={classes.life}>
                <Button variant="subtle" color="red" onClick={() => void remove()}>
                  {t('Delete rule')}
                </Button>
              </div>
            ) : null}
          </div>
        </div>
        <footer className={classes.panelFoot}>
          {problem ? (
            <Alert color="red" role="alert" className={classes.hint}>
              {problem}
            </Alert>
          ) : null}
          <Group justify="flex-end" gap={8}>
            <Button variant="default" onClick={onClose}>
              {t('Cancel')}
            </Button>
            <Button type="submit" loading={busy} disabled={!isReady}>
              {rule ? t('Save') : t('Add rule')}
            </Button>
          </Group>
        </footer>
      </form>
    </Drawer>
  );
}
