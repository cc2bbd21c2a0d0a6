import { Alert, MultiSelect, Radio, Select, Switch, TextInput } from '@mantine/core';
import { IconArrowNarrowRight } from '@tabler/icons-react';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { apiName, withArticle } from '../model/names.ts';
import { useWholeModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import classes from './editor.module.css';
import { RELATION_TYPES, relationLabels, type FieldDraft, type OnDelete, type RelationKind } from './fieldDraft.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface RelationFormProps {
  object: ModelObject;
  draft: FieldDraft;
  isNew: boolean;
  problemAt: (field: string) => string | null;
  onChange: (patch: Partial<FieldDraft>) => void;
}

function kindText(kind: RelationKind, one: ModelObject, other: ModelObject | undefined): [string, string] {
  const [a, as] = [inSentence(one.labelSingular), inSentence(one.labelPlural)];
  const b = other ? inSentence(other.labelSingular) : '…';
  const bs = other ? inSentence(other.labelPlural) : '…';
  switch (kind) {
    case 'MANY_TO_ONE':
      return [t('Many to one'), t('Each {a} has one {b}, each {b} has many {as}', { a, b, as })];
    case 'ONE_TO_MANY':
      return [t('One to many'), t('Each {a} has many {bs}, each {b} has one {a}', { a, bs, b })];
    case 'ONE_TO_ONE':
      return [t('One to one'), t('Each {a} has one {b}, which has one {a}', { a, b })];
    case 'MANY_TO_MANY':
      return [t('Many to many'), t('Each {a} has many {bs}, and each {b} many {as}', { a, bs, b, as })];
    case 'SEVERAL':
      return [t('To one of several objects'), t('Each {a} has one record, of any of the objects chosen', { a })];
  }
}

const KINDS: RelationKind[] = ['MANY_TO_ONE', 'ONE_TO_MANY', 'ONE_TO_ONE', 'MANY_TO_MANY', 'SEVERAL'];

/** What happens to the records that point to one that is deleted. */
const ON_DELETE: { value: OnDelete; label: (many: string) => string }[] = [
  { value: 'SET_NULL', label: (many) => t('The {many} stay, without it', { many }) },
  { value: 'CASCADE', label: (many) => t('The {many} are deleted with it', { many }) },
  { value: 'RESTRICT', label: (many) => t('It cannot be deleted while there are {many}', { many }) },
];

/** Which objects a relation joins, and how many of each: what comes first, as its labels follow from it. */
export function RelationEnds({ object, draft, isNew, problemAt, onChange }: RelationFormProps) {
  const model = useWholeModel();
  const { relationKind: kind } = draft;
  const several = kind === 'SEVERAL';
  const choices = model.objects
    .filter((each) => each.isActive && !each.isJunction)
    .sort((a, b) => Number(a.isSystem) - Number(b.isSystem) || a.labelSingular.localeCompare(b.labelSingular))
    .map((each) => ({ value: each.id, label: each.labelSingular }));
  const target = model.objects.find((each) => each.id === draft.targets[0]);
  const isHere = kind === 'ONE_TO_MANY';
  /** The label follows the object that is chosen until somebody types another. */
  const following = (next: RelationKind, id: string | null | undefined): { label?: string } => {
    if (draft.label !== '' && draft.label !== relationLabels(kind, object, target).label) return {};
    const chosen = model.objects.find((each) => each.id === id);
    return { label: relationLabels(next, object, chosen).label };
  };
  const chooseKind = (next: RelationKind) =>
    onChange({
      ...following(next, draft.targets[0]),
      relationKind: next,
      type: RELATION_TYPES[next],
      targets: next === 'SEVERAL' ? draft.targets : draft.targets.slice(0, 1),
    });

  return (
    <>
      {several ? (
        <MultiSelect
          label={t('Points to one of')}
          placeholder={draft.targets.length > 0 ? undefined : t('Choose objects')}
          data={choices}
          value={draft.targets}
          onChange={(targets) => onChange({ targets })}
          searchable
          hidePickedOptions
          error={problemAt('targetObjectId') ?? problemAt('targetObjectIds')}
        />
      ) : (
        <Select
          label={isHere ? t('Has many') : t('Points to')}
          placeholder={t('Choose an object')}
          data={choices}
          value={draft.targets[0] ?? null}
          onChange={(id) => {
            onChange({ targets: id ? [id] : [], ...following(kind, id) });
          }}
          searchable
          disabled={!isNew}
          error={problemAt('targetObjectId')}
        />
      )}
      {isNew ? (
        <Radio.Group
          label={t('Kind')}
          value={kind}
          onChange={(value) => chooseKind(value as RelationKind)}
          className={classes.kinds}
        >
          {KINDS.map((each) => {
            const [name, text] = kindText(each, object, each === 'SEVERAL' ? undefined : target);
            return <Radio key={each} value={each} label={name} description={text} size="xs" />;
          })}
        </Radio.Group>
      ) : null}
    </>
  );
}

/** What each side calls the other, and what becomes of the many when the one is deleted. */
export function RelationNames({ object, draft, problemAt, onChange }: Omit<RelationFormProps, 'isNew'>) {
  const model = useWholeModel();
  const { relationKind: kind } = draft;
  const several = kind === 'SEVERAL';
  const isHere = kind === 'ONE_TO_MANY';
  const target = model.objects.find((each) => each.id === draft.targets[0]);
  const holder = isHere ? target : object;
  const inverse = draft.inverseLabel ?? relationLabels(kind, object, target).inverse;
  return (
    <>
      <div className={classes.sides}>
        <div className={classes.side}>
          <span className={classes.sideObject}>
            <ObjectIcon name={object.icon} color={object.color} size={15} /> {object.labelSingular}
          </span>
          <strong>{draft.label || '…'}</strong>
        </div>
        <IconArrowNarrowRight size={18} aria-hidden />
        <div className={classes.side}>
          <span className={classes.sideObject}>
            {target && !several ? <ObjectIcon name={target.icon} color={target.color} size={15} /> : null}{' '}
            {several ? t('The others') : (target?.labelSingular ?? t('The other'))}
          </span>
          <strong>{inverse}</strong>
        </div>
      </div>
      <TextInput
        label={
          isHere
            ? t('On each {labelSingular}, the {labelSingular2} is called', {
                labelSingular: inSentence(target?.labelSingular ?? t('record')),
                labelSingular2: inSentence(object.labelSingular),
              })
            : kind === 'ONE_TO_ONE'
              ? t('On the page of {labelSingular}, it is called', {
                  labelSingular: target && !several ? withArticle(target.labelSingular) : t('the other record'),
                })
              : t('On the page of {labelSingular}, the list is called', {
                  labelSingular: target && !several ? withArticle(target.labelSingular) : t('the other record'),
                })
        }
        value={inverse}
        onChange={(event) => onChange({ inverseLabel: event.currentTarget.value })}
        description={t('In the API: {inverseName}', { inverseName: draft.inverseName ?? apiName(inverse) })}
        error={problemAt('inverseLabel') ?? problemAt('inverseName')}
        autoComplete="off"
      />
      {kind === 'MANY_TO_MANY' ? (
        <Alert color="gray" className={classes.hint}>
          {t('The links lie in an object of their own, to which you can add fields later, such as a role or a date.')}
        </Alert>
      ) : (
        <Select
          label={t('When {labelSingular} is deleted', {
            labelSingular:
              target && !several
                ? withArticle(isHere ? object.labelSingular : target.labelSingular)
                : t('the other record'),
          })}
          data={ON_DELETE.map(({ value, label }) => ({
            value,
            label: label(inSentence(holder?.labelPlural ?? t('records'))),
          }))}
          value={draft.onDelete}
          onChange={(value) => onChange({ onDelete: (value ?? 'SET_NULL') as OnDelete })}
          allowDeselect={false}
        />
      )}
    </>
  );
}

function timelineText(
  { relationKind: kind }: FieldDraft,
  object: ModelObject,
  target: ModelObject | undefined,
): string {
  if (kind === 'MANY_TO_MANY') return t('Timelines of both tell what happens to the others');
  const told = kind === 'ONE_TO_MANY' ? (target?.labelPlural ?? t('these records')) : object.labelPlural;
  const reader = kind === 'ONE_TO_MANY' ? object : kind === 'SEVERAL' ? undefined : target;
  return t('The timeline of {labelSingular} tells what happens to its {told}', {
    labelSingular: reader ? withArticle(reader.labelSingular) : t('the other record'),
    told: inSentence(told),
  });
}

/** Whether what happens to records is told where they belong, too. */
export function RelationTimeline({
  object,
  draft,
  onChange,
}: Pick<RelationFormProps, 'object' | 'draft' | 'onChange'>) {
  const model = useWholeModel();
  const target = model.objects.find((each) => each.id === draft.targets[0]);
  return (
    <Switch
      label={timelineText(draft, object, target)}
      description={t('That they were created, changed, deleted and so on, to those who may read them.')}
      checked={draft.isOnTimeline}
      onChange={(event) => onChange({ isOnTimeline: event.currentTarget.checked })}
    />
  );
}
