import { Alert, Button, Group, Modal, Select, Switch, Textarea, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { objectNamed } from '../model/lookup.ts';
import { nameProblem } from '../model/names.ts';
import { planReset, type Change } from '../model/planning.ts';
import { useWholeModel } from '../model/store.ts';
import type { ModelObject, StoredCriterion } from '../model/types.ts';
import { announceFailure } from '../records/announce.tsx';
import { startScan } from '../duplicates/calls.ts';
import { readCriteria, writeCriteria } from '../duplicates/criteria.ts';
import { Aliases } from './Aliases.tsx';
import { DuplicateRules } from './DuplicateRules.tsx';
import { Dependents, mayGo, useDependents } from './Dependents.tsx';
import editor from './editor.module.css';
import { useSubmit } from './formFailure.ts';
import { IconPicker } from './IconPicker.tsx';
import { propose, proposeChanges } from './planStore.ts';
import classes from './settings.module.css';
import { useIsTop } from './useIsTop.ts';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';
import { inSentence } from '../language/inSentence.ts';

const LABEL_TYPES = ['TEXT', 'FULL_NAME', 'EMAILS', 'PHONES', 'LINKS', 'AUTO_NUMBER', 'FORMULA', 'UUID'];
const IMAGE_TYPES = ['LINKS', 'FILES', 'TEXT'];
interface Draft {
  labelSingular: string;
  labelPlural: string;
  nameSingular: string;
  namePlural: string;
  description: string;
  icon: string | null;
  color: string | null;
  labelFieldId: string | null;
  imageFieldId: string | null;
  isSearchable: boolean;
  isAudited: boolean;
  isPrivate: boolean;
  duplicateCriteria: StoredCriterion[];
}

const draftOf = (object: ModelObject): Draft => ({
  labelSingular: object.labelSingular,
  labelPlural: object.labelPlural,
  nameSingular: object.nameSingular,
  namePlural: object.namePlural,
  description: object.description ?? '',
  icon: object.icon,
  color: object.color,
  labelFieldId: object.labelFieldId,
  imageFieldId: object.imageFieldId,
  isSearchable: object.isSearchable,
  isAudited: object.isAudited,
  isPrivate: object.isPrivate,
  duplicateCriteria: object.duplicateCriteria,
});

function differing(before: Draft, after: Draft): Partial<Draft> {
  const entries = Object.entries(after).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as keyof Draft]),
  );
  return Object.fromEntries(entries);
}

function DeleteObject({ object, onClose }: { object: ModelObject; onClose: () => void }) {
  const navigate = useNavigate();
  const { busy, submit, problem } = useSubmit();
  const uses = useDependents('object', object.id);
  const remove = () =>
    submit(async () => {
      const changes: Change[] = [{ op: 'delete', table: 'objects', id: object.id }];
      const isApplied = await proposeChanges(
        t('Delete {labelPlural}', { labelPlural: inSentence(object.labelPlural) }),
        changes,
        {
          verb: t('Delete'),
          always: true,
        },
      );
      if (!isApplied) return;
      notifications.show({
        message: t('{labelPlural} can be restored under Deleted.', { labelPlural: object.labelPlural }),
      });
      void navigate({ to: '/settings/model' });
    });
  return (
    <Modal
      opened
      onClose={onClose}
      closeOnEscape={useIsTop()}
      title={t('Delete {labelPlural}?', { labelPlural: inSentence(object.labelPlural) })}
    >
      <div className={editor.form}>
        <p className={editor.note}>
          {t(
            'The object, its records and the relations to it leave the screen, the API and psql. They are kept for a while and can be restored under Data model, Deleted.',
          )}
        </p>
        <Dependents uses={uses} />
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('Cancel')}
          </Button>
          <Button color="red" loading={busy} disabled={!mayGo(uses)} onClick={() => void remove()}>
            {t('Delete object')}
          </Button>
        </Group>
      </div>
    </Modal>
  );
}

export function ObjectSettingsTab({ object }: { object: ModelObject }) {
  const model = useWholeModel();
  const navigate = useNavigate();
  /** Only what was typed: whatever else changes meanwhile, by a reset or by somebody else, shows as it is. */
  const [edits, setEdits] = useState<Partial<Draft>>({});
  const [deleting, setDeleting] = useState(false);
  const { busy, submit, problem, problemAt } = useSubmit();
  /** Also those that are not whole yet. */
  const [criteria, setCriteria] = useState(() => readCriteria(object));
  const present = draftOf(object);
  const draft = { ...present, ...edits };
  const change = (patch: Partial<Draft>) => setEdits({ ...edits, ...patch });
  const values = differing(present, draft);
  const isChanged = Object.keys(values).length > 0;

  const discard = () => {
    setEdits({});
    setCriteria(readCriteria(object));
  };

  const nameTrouble = (name: string, was: string): string | null => {
    if (name === was) return null;
    const taken = objectNamed(model, name);
    return taken && taken.id !== object.id
      ? t('“{labelPlural}” has this name already.', { labelPlural: taken.labelPlural })
      : nameProblem(name);
  };
  const trouble = {
    singular: nameTrouble(draft.nameSingular, object.nameSingular),
    plural:
      draft.nameSingular === draft.namePlural
        ? t('One and many must have different names.')
        : nameTrouble(draft.namePlural, object.namePlural),
  };
  const isReady =
    isChanged &&
    !trouble.singular &&
    !trouble.plural &&
    draft.labelSingular.trim() !== '' &&
    draft.labelPlural.trim() !== '';
  const choices = (types: string[]) =>
    object.fields
      .filter((field) => field.isActive && !field.isSystem && types.includes(field.type))
      .map((field) => ({ value: field.id, label: field.label }));
  const save = () =>
    submit(async () => {
      const isApplied = await proposeChanges(
        t('Change {labelPlural}', { labelPlural: inSentence(object.labelPlural) }),
        [{ op: 'update', table: 'objects', id: object.id, values }],
        { verb: t('Change') },
      );
      if (!isApplied) return;
      setEdits({});
      notifications.show({ message: t('Saved.') });
      if (values.duplicateCriteria) void startScan().catch(() => undefined);
      if (values.namePlural)
        void navigate({
          to: '/settings/model/$namePlural',
          params: { namePlural: values.namePlural },
          search: { tab: 'settings' },
          replace: true,
        });
    });
  const toggle = () =>
    proposeChanges(
      object.isActive
        ? t('Deactivate {labelPlural}', { labelPlural: inSentence(object.labelPlural) })
        : t('Reactivate {labelPlural}', { labelPlural: inSentence(object.labelPlural) }),
      [{ op: 'update', table: 'objects', id: object.id, values: { isActive: !object.isActive } }],
    ).catch((cause: unknown) =>
      announceFailure(t('{labelPlural} were not changed', { labelPlural: object.labelPlural }), cause),
    );
  const reset = () =>
    propose({
      title: t('Reset {labelPlural} to standard', { labelPlural: inSentence(object.labelPlural) }),
      verb: t('Reset'),
      replan: () => planReset('object', object.id),
      always: true,
    })
      .then((isApplied) => {
        if (!isApplied) return;
        discard();
        notifications.show({ message: t('As it was delivered.') });
      })
      .catch((cause: unknown) => announceFailure(t('Not reset'), cause));

  return (
    <div
      className={classes.page}
      tabIndex={0}
      role="region"
      aria-label={t('Settings of {labelPlural}', { labelPlural: object.labelPlural })}
    >
      <form
        className={classes.narrow}
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) void save();
        }}
      >
        <section className={classes.section} aria-label={t('Names')}>
          <h2>{t('Names')}</h2>
          <Group align="flex-end" wrap="nowrap" gap="xs">
            <IconPicker
              icon={draft.icon ?? 'IconPackage'}
              color={draft.color ?? 'gray'}
              onChange={(icon, color) => change({ icon, color })}
            />
            <TextInput
              label={t('One is called')}
              value={draft.labelSingular}
              onChange={(event) => change({ labelSingular: event.currentTarget.value })}
              error={problemAt('labelSingular')}
              flex={1}
            />
            <TextInput
              label={t('Many are called')}
              value={draft.labelPlural}
              onChange={(event) => change({ labelPlural: event.currentTarget.value })}
              error={problemAt('labelPlural')}
              flex={1}
            />
          </Group>
          <Group align="flex-start" wrap="nowrap" gap="xs">
            <TextInput
              label={t('API name of one')}
              value={draft.nameSingular}
              onChange={(event) => change({ nameSingular: event.currentTarget.value })}
              error={trouble.singular ?? problemAt('nameSingular')}
              classNames={{ input: editor.mono }}
              disabled={object.isSystem}
              flex={1}
            />
            <TextInput
              label={t('API name of many')}
              value={draft.namePlural}
              onChange={(event) => change({ namePlural: event.currentTarget.value })}
              error={trouble.plural ?? problemAt('namePlural')}
              classNames={{ input: editor.mono }}
              disabled={object.isSystem}
              flex={1}
            />
          </Group>
          <p className={editor.note}>
            <Trans
              text={'In psql it is {value}. Former API names go on working until you release them.'}
              values={{ value: <code>{object.tableName}</code> }}
            />
          </p>
          <Aliases aliases={object.aliases} />
          <Textarea
            label={t('What it is for')}
            autosize
            minRows={2}
            value={draft.description}
            onChange={(event) => change({ description: event.currentTarget.value })}
          />
        </section>
        <section className={classes.section} aria-label={t('Records')}>
          <h2>{t('Records')}</h2>
          <Group grow align="flex-start" gap="xs">
            <Select
              label={t('Named by')}
              description={t('The field that stands for a record')}
              data={choices(LABEL_TYPES)}
              value={draft.labelFieldId}
              onChange={(labelFieldId) => labelFieldId && change({ labelFieldId })}
              searchable
              error={problemAt('labelFieldId')}
            />
            <Select
              label={t('Pictured by')}
              description={t('A field with a picture or a web address')}
              placeholder={t('Its first letters')}
              clearable
              data={choices(IMAGE_TYPES)}
              value={draft.imageFieldId}
              onChange={(imageFieldId) => change({ imageFieldId })}
              error={problemAt('imageFieldId')}
            />
          </Group>
          <Switch
            size="sm"
            label={t('Found by the search')}
            description={t('Its texts are indexed for words')}
            checked={draft.isSearchable}
            onChange={(event) => change({ isSearchable: event.currentTarget.checked })}
          />
          <Switch
            size="sm"
            label={t('Changes are noted')}
            description={t(
              'Who changed what and when. Without it, its records have no history, undo, webhooks or live updates, and links that a deletion cuts are not tied again',
            )}
            checked={draft.isAudited}
            onChange={(event) => change({ isAudited: event.currentTarget.checked })}
          />
          {object.isSystem || object.isJunction ? null : (
            <Switch
              size="sm"
              label={t('Private')}
              description={t(
                'A record is its creator’s alone until it is shared: no role shows it to anybody else, administrators included. This holds for the records that are there already, too. What was made by no member, such as by an API key, nobody sees meanwhile.',
              )}
              checked={draft.isPrivate}
              onChange={(event) => change({ isPrivate: event.currentTarget.checked })}
            />
          )}
        </section>
        <DuplicateRules
          object={object}
          criteria={criteria}
          onChange={(next) => {
            setCriteria(next);
            change({ duplicateCriteria: writeCriteria(next) });
          }}
        />
        {problem ? (
          <Alert color="red" role="alert">
            {problem}
          </Alert>
        ) : null}
        <Group gap={8} className={classes.saveBar} data-shown={isChanged || undefined}>
          <Button type="submit" loading={busy} disabled={!isReady}>
            {t('Save')}
          </Button>
          <Button variant="default" disabled={!isChanged} onClick={discard}>
            {t('Discard')}
          </Button>
        </Group>
        <section className={classes.section} aria-label={t('Lifetime')}>
          <h2>{t('Lifetime')}</h2>
          {object.isSystem ? <p className={editor.note}>{t('The engine needs this object, so it stays.')}</p> : null}
          <Group gap={8}>
            {object.isSystem ? null : (
              <Button variant="default" onClick={() => void toggle()}>
                {object.isActive ? t('Deactivate') : t('Reactivate')}
              </Button>
            )}
            {object.isCustom ? null : (
              <Button variant="default" onClick={() => void reset()}>
                {t('Reset to standard')}
              </Button>
            )}
            {object.isCustom ? (
              <Button variant="subtle" color="red" onClick={() => setDeleting(true)}>
                {t('Delete object…')}
              </Button>
            ) : null}
          </Group>
        </section>
      </form>
      {deleting ? <DeleteObject object={object} onClose={() => setDeleting(false)} /> : null}
    </div>
  );
}
