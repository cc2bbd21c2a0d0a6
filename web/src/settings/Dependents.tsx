import { Skeleton } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ObjectSearch } from './objectSearch.ts';
import { dependents, type Dependent } from '../model/inquiries.ts';
import { objectById } from '../model/lookup.ts';
import { useWholeModel } from '../model/store.ts';
import classes from './editor.module.css';
import { useInquiry, type Inquiry } from './useInquiry.ts';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';
import { inSentence } from '../language/inSentence.ts';

export const useDependents = (
  kind: 'object' | 'field' | 'option',
  id: string,
  optionValue: string | null = null,
): Inquiry<Dependent[]> => useInquiry(`${kind} ${id} ${optionValue ?? ''}`, () => dependents(kind, id, optionValue));

/** Whether something has to change, or to be given a replacement, before the thing can go. Unknown is not a yes. */
export const mayGo = ({ answer }: Inquiry<Dependent[]>, hasReplacement = false): boolean =>
  answer !== null && (hasReplacement || !answer.some((each) => each.isBlocking));

const TABS: { [kind: string]: ObjectSearch['tab'] } = { rule: 'rules', index: 'indexes', object: 'settings' };

function placeOf({ kind, id }: Dependent): ObjectSearch | null {
  const tab = TABS[kind];
  if (tab) return { tab };
  return ['view', 'permission', 'records'].includes(kind) ? null : { field: id };
}

const KINDS: { [kind: string]: string } = {
  field: t('field'),
  rule: t('rule'),
  index: t('index'),
  view: t('view'),
  permission: t('right'),
  rollup: t('rollup'),
};
const kindOf = (kind: string): string => KINDS[kind] ?? kind.replaceAll('_', ' ');

function User({ use }: { use: Dependent }) {
  const model = useWholeModel();
  if (use.kind === 'default')
    return (
      <li>
        <Trans text={'<0>New records</0> start with it'} tags={{ 0: <strong /> }} />
      </li>
    );
  const owner = use.objectId ? objectById(model, use.objectId) : undefined;
  const place = placeOf(use);
  const what =
    use.kind === 'records'
      ? inSentence(use.objectLabel ?? '')
      : use.kind === 'object'
        ? null
        : use.objectLabel
          ? t('({kind} of {objectLabel})', { kind: kindOf(use.kind), objectLabel: inSentence(use.objectLabel) })
          : `(${kindOf(use.kind)})`;
  return (
    <li>
      {owner && place ? (
        <Link
          to="/settings/model/$namePlural"
          params={{ namePlural: owner.namePlural }}
          search={place}
          target="_blank"
          className={classes.use}
        >
          {use.label}
        </Link>
      ) : (
        <strong>{use.label}</strong>
      )}{' '}
      {[what, use.how].filter(Boolean).join(' ')}
    </li>
  );
}

interface DependentsProps {
  uses: Inquiry<Dependent[]>;
  /** What takes the place of the thing wherever it is used. */
  replacement?: string | null;
}

/** What uses a part of the model, so that nobody is surprised by what stops working without it. */
export function Dependents({ uses, replacement = null }: DependentsProps) {
  const { answer, failure } = uses;
  if (failure)
    return (
      <p className={classes.note} role="alert">
        {failure.message}
      </p>
    );
  if (!answer) return <Skeleton height={14} width="60%" />;
  if (answer.length === 0) return <p className={classes.note}>{t('Nothing else in the model uses it.')}</p>;
  const groups = [
    {
      heading: replacement
        ? t('“{replacement}” takes its place here', { replacement })
        : t('Still used, so it cannot go yet'),
      list: answer.filter((each) => each.isBlocking),
    },
    { heading: t('This goes with it'), list: answer.filter((each) => !each.isBlocking) },
  ];
  return groups.map(({ heading, list }) =>
    list.length === 0 ? null : (
      <section key={heading} className={classes.note} aria-label={heading}>
        {heading}
        <ul className={classes.uses}>
          {list.map((use) => (
            <User key={`${use.kind} ${use.id} ${use.how}`} use={use} />
          ))}
        </ul>
      </section>
    ),
  );
}
