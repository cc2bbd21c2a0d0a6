import { notifications } from '@mantine/notifications';
import { toFailure } from '../api/failure.ts';
import { labelField } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { useModel } from '../model/store.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { isLink, type Link } from '../model/values.ts';
import { personName, useSession } from '../session/session.ts';
import { Avatar } from './Avatar.tsx';
import { useCreateRequest } from './createRequest.ts';
import type { FieldEditorProps } from './editorProps.ts';
import classes from './fields.module.css';
import { Picker, type Choice, type Creation } from './Picker.tsx';
import { fieldsToAsk, isNeeded } from './rules.ts';
import { createLabelled, targetsOf, useRelated, type Found, type Target } from './useRelated.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';
import { ME } from '../model/filters.ts';

const isRound = (object: ModelObject): boolean => ['person', 'workspaceMember'].includes(object.nameSingular);

function choiceOf(found: Found, several: boolean, me: string | undefined): Choice {
  return {
    value: found.id,
    label: found.label,
    group: several ? found.object.labelPlural : undefined,
    note: found.id === me ? t('You') : undefined,
    node: (
      <span className={classes.chip}>
        <Avatar label={found.label} seed={found.id} size={16} round={isRound(found.object)} />
        <span className={classes.ellipsis}>{found.label}</span>
      </span>
    ),
  };
}

/** Who looks at the screen stands first among the members, and answers to "me". */
function withMe(found: Found[], targets: Target[], words: string, me: { id: string; label: string } | null): Found[] {
  const members = targets.find(({ object }) => object.nameSingular === 'workspaceMember');
  const asked = words.trim().toLowerCase();
  if (!members || !me || (asked !== '' && ![ME, t('me')].includes(asked))) return found;
  const known = found.find(({ id }) => id === me.id) ?? {
    relationId: members.relationId,
    object: members.object,
    ...me,
  };
  return [known, ...found.filter(({ id }) => id !== me.id)];
}

const linkOf = ({ relationId, id, label }: { relationId: string; id: string; label: string }): Link => ({
  relationId,
  id,
  label,
});

function useChoices(field: ModelField, recordId: string | undefined) {
  const model = useModel();
  const identity = useSession((state) => state.identity);
  const me = identity?.member ? { id: identity.member.id, label: personName(identity) } : null;
  const targets = targetsOf(model, field);
  const { found, answered, find } = useRelated(model, targets);
  const all = withMe(found, targets, answered ?? '', me).filter(({ id }) => id !== recordId);
  return {
    model,
    targets,
    all,
    answered,
    find,
    choices: all.map((each) => choiceOf(each, targets.length > 1, me?.id)),
  };
}

/** Makes what the picker did not find: at once when a label is all it needs, else in a form. */
function creations(model: Model, targets: Target[], use: (link: Link) => void): Creation[] {
  return targets.flatMap(({ relationId, object }) => {
    const label = labelField(object);
    if (object.isSystem || !rightsOf(object).canCreate || (label?.type !== 'TEXT' && label?.type !== 'FULL_NAME'))
      return [];
    const create = async (text: string) => {
      if (fieldsToAsk(model, object, []).length > 0) {
        useCreateRequest.setState({
          request: { object, text, onCreated: (made) => use(linkOf({ relationId, ...made })) },
        });
        return;
      }
      try {
        use(linkOf({ relationId, ...(await createLabelled(model, object, text)) }));
      } catch (cause) {
        const { message, hint } = toFailure(cause);
        notifications.show({
          color: 'red',
          role: 'alert',
          title: t('{labelSingular} not created', { labelSingular: object.labelSingular }),
          message: [message, hint].filter(Boolean).join(' '),
        });
      }
    };
    return [{ name: inSentence(object.labelSingular), create: (text: string) => void create(text) }];
  });
}

export function RelationEditor({ field, value, typed, problem, recordId, onSave, onDrop, done }: FieldEditorProps) {
  const { model, targets, all, answered, find, choices } = useChoices(field, recordId);
  return (
    <Picker
      field={field}
      problem={problem}
      choices={choices}
      chosen={isLink(value) ? [value.id] : []}
      typed={typed}
      onQuery={find}
      answered={answered}
      onChoose={(id, move) => {
        const link = all.find((candidate) => candidate.id === id);
        if (link) onSave(linkOf(link));
        done(move);
      }}
      onClear={
        isNeeded(model, field)
          ? undefined
          : () => {
              onSave(null);
              done('stay');
            }
      }
      creations={creations(model, targets, (link) => {
        onSave(link);
        done('stay');
      })}
      onDrop={onDrop}
      onClose={done}
    />
  );
}

/** The far ends of a many-to-many field: each choice links or unlinks at once. */
export function LinksEditor({ field, value, typed, problem, recordId, onSave, onDrop, done }: FieldEditorProps) {
  const { model, targets, all, answered, find, choices } = useChoices(field, recordId);
  const links = (Array.isArray(value) ? value : []).filter(isLink);
  const toggle = (link: Link) => {
    const left = links.filter(({ id }) => id !== link.id);
    const next = left.length < links.length ? left : [...links, { ...link, linkId: null }];
    onSave(next.length > 0 ? next : null);
  };
  return (
    <Picker
      field={field}
      problem={problem}
      choices={choices}
      chosen={links.map(({ id }) => id)}
      multiple
      typed={typed}
      onQuery={find}
      answered={answered}
      onChoose={(id) => {
        const link = all.find((candidate) => candidate.id === id);
        if (link) toggle(linkOf(link));
      }}
      creations={creations(model, targets, (link) => {
        toggle(link);
        done('stay');
      })}
      onDrop={onDrop}
      onClose={done}
    />
  );
}
