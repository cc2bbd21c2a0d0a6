import { IconPlus } from '@tabler/icons-react';
import { useRef, useState, type RefObject } from 'react';
import { readTask } from './dueGroups.ts';
import classes from './tasks.module.css';
import { t } from '../language/t.ts';

interface NewTaskProps {
  field?: RefObject<HTMLInputElement | null>;
  placeholder: string;
  onCreate: (task: { title: string; due: string | null }) => Promise<boolean>;
}

/** Where a task is written: Enter makes it, and the next one can be written. */
export function NewTask({ field, placeholder, onCreate }: NewTaskProps) {
  const [text, setText] = useState('');
  const isBusy = useRef(false);
  const create = async () => {
    const task = readTask(text);
    if (task.title === '' || isBusy.current) return;
    isBusy.current = true;
    setText('');
    // What was refused is still there to be written otherwise.
    if (!(await onCreate(task))) setText((now) => now || text);
    isBusy.current = false;
  };
  return (
    <form
      className={classes.new}
      onSubmit={(event) => {
        event.preventDefault();
        void create();
      }}
    >
      <IconPlus size={16} stroke={1.75} aria-hidden />
      <input
        ref={field}
        value={text}
        aria-label={t('New task')}
        placeholder={placeholder}
        autoComplete="off"
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') {
            setText('');
            event.currentTarget.blur();
          }
        }}
      />
    </form>
  );
}
