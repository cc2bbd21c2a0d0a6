import { useMemo } from 'react';
import type { Move } from '../grid/types.ts';
import { useModel } from '../model/store.ts';
import type { FieldEditorProps } from './editorProps.ts';
import { Picker, type Choice } from './Picker.tsx';
import { isNeeded } from './rules.ts';
import { Tag } from './Tag.tsx';

const STARS: Choice[] = [1, 2, 3, 4, 5].map((n) => ({ value: String(n), label: String(n), note: '★'.repeat(n) }));

export function OptionEditor({ field, value, typed, problem, onSave, onDrop, done }: FieldEditorProps) {
  const model = useModel();
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
      field={field}
      problem={problem}
      choices={choices}
      chosen={chosen}
      multiple={multiple}
      typed={typed}
      onChoose={choose}
      onClear={
        isNeeded(model, field)
          ? undefined
          : () => {
              onSave(null);
              done('stay');
            }
      }
      onDrop={onDrop}
      onClose={done}
    />
  );
}
