import { TextInput } from '@mantine/core';
import { useRef, useState } from 'react';
import type { ModelObject } from '../model/types.ts';
import classes from './board.module.css';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

interface NewCardProps {
  object: ModelObject;
  column: string;
  /** Whether it was made: then the next one can be typed. */
  onCreate: (name: string) => Promise<boolean>;
  onClose: () => void;
}

/** A name is enough for a card; Enter makes it and asks for the next, Escape ends. */
export function NewCard({ object, column, onCreate, onClose }: NewCardProps) {
  const [name, setName] = useState('');
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const create = async () => {
    if (name.trim() === '' || busy) return;
    setBusy(true);
    const isMade = await onCreate(name.trim());
    setBusy(false);
    if (!isMade) return onClose();
    setName('');
    input.current?.focus();
  };
  return (
    <div className={classes.newCard}>
      <TextInput
        ref={input}
        autoFocus
        aria-label={t('Name of the new {labelSingular} in {column}', {
          labelSingular: inSentence(object.labelSingular),
          column,
        })}
        placeholder={t('New {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
        value={name}
        readOnly={busy}
        onChange={(event) => setName(event.currentTarget.value)}
        onBlur={() => name.trim() === '' && onClose()}
        onKeyDown={(event) => {
          if (event.key === 'Enter') void create();
          else if (event.key === 'Escape') onClose();
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
    </div>
  );
}
