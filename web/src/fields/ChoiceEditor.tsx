import { notifications } from '@mantine/notifications';
import { useMemo } from 'react';
import type { Move } from '../grid/types.ts';
import { labelField, objectById } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import type { ModelField } from '../model/types.ts';
import { isLink, type FieldValue } from '../model/values.ts';
import { Avatar } from './Avatar.tsx';
import classes from './fields.module.css';
import { Picker, type Choice } from './Picker.tsx';
import { Tag } from './Tag.tsx';
import { createLabelled, useRelated } from './useRelated.ts';

interface ChoiceEditorProps {
  field: ModelField;
  value: FieldValue;
  typed: string | null;
  onSave: (value: FieldValue) => void;
  done: (move: Move) => void;
}

const STARS: Choice[] = [1, 2, 3, 4, 5].map((n) => ({ value: String(n), label: String(n), note: '★'.repeat(n) }));

export function OptionEditor({ field, value, typed, onSave, done }: ChoiceEditorProps) {
  const multiple = field.type === 'MULTI_SELECT';
  const chosen = (multiple && Array.isArray(value) ? value : value === null ? [] : [value]).map(String);
  const choices = useMemo<Choice[]>(() => {
    if (field.type === 'RATING') return STARS;
    const sorted = [...(field.options ?? [])].sort((a, b) => a.position - b.position);
    return sorted.map((option) => ({
      value: option.value,
      label: option.label,
      node: <Tag label={option.label} color={option.color} />,
    }));
  }, [field]);
  const choose = (picked: string, move: Move) => {
    if (multiple) {
      const next = chosen.includes(picked) ? chosen.filter((item) => item !== picked) : [...chosen, picked];
      onSave(next.length > 0 ? next : null);
      return;
    }
    onSave(field.type === 'RATING' ? Number(picked) : picked);
    done(move);
  };
  return (
    <Picker
      label={field.label}
      choices={choices}
      chosen={chosen}
      multiple={multiple}
      typed={typed}
      onChoose={choose}
      onClear={
        field.isRequired
          ? undefined
          : () => {
              onSave(null);
              done('stay');
            }
      }
      onClose={done}
    />
  );
}

export function RelationEditor({ field, value, typed, onSave, done }: ChoiceEditorProps) {
  const model = useModel();
  const { links, busy, find } = useRelated(model, field);
  const several = field.relations.length > 1;
  const choices = links.map((link) => ({
    value: link.id,
    label: link.label,
    note: several ? link.object : undefined,
    node: (
      <span className={classes.chip}>
        <Avatar label={link.label} seed={link.id} size={16} />
        <span className={classes.ellipsis}>{link.label}</span>
      </span>
    ),
  }));
  const [only] = field.relations;
  const target = only && !several ? objectById(model, only.targetObjectId) : undefined;
  const label = target ? labelField(target) : undefined;
  const canCreate = target && !target.isSystem && (label?.type === 'TEXT' || label?.type === 'FULL_NAME');

  const create = async (text: string) => {
    if (!target || !only) return;
    try {
      const made = await createLabelled(model, target, text);
      onSave({ relationId: only.id, ...made });
      done('stay');
    } catch (cause) {
      notifications.show({
        color: 'red',
        title: `${target.labelSingular} not created`,
        message: cause instanceof Error ? cause.message : String(cause),
      });
    }
  };

  return (
    <Picker
      label={field.label}
      choices={choices}
      chosen={isLink(value) ? [value.id] : []}
      typed={typed}
      onQuery={find}
      busy={busy}
      onChoose={(id, move) => {
        const link = links.find((candidate) => candidate.id === id);
        if (link) onSave({ relationId: link.relationId, id: link.id, label: link.label });
        done(move);
      }}
      onClear={
        field.isRequired
          ? undefined
          : () => {
              onSave(null);
              done('stay');
            }
      }
      onCreate={canCreate ? create : undefined}
      onClose={done}
    />
  );
}
