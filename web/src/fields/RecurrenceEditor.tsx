import { Button, Group, Popover, Stack } from '@mantine/core';
import { useEffect, useRef } from 'react';
import type { FieldEditorProps } from './editorProps.ts';
import classes from './fields.module.css';
import { EditorNote } from './EditorNote.tsx';
import { RecurrenceFields, useRecurrence } from './RecurrenceFields.tsx';
import { t } from '../language/t.ts';

/** When a task comes again: every so many days, weeks, months or years, on which of them, and until when. */
export function RecurrenceEditor({ field, value, problem, onSave, onDrop, done }: FieldEditorProps) {
  const before = typeof value === 'string' ? value : '';
  const recurrence = useRecurrence(before);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector('input')?.focus(), []);

  const save = () => {
    const { text } = recurrence;
    if (text === null) return;
    if (problem || text !== before) onSave(text);
    done('stay');
  };
  const drop = () => {
    onDrop?.();
    done('stay');
  };
  return (
    <Popover opened onChange={(isOpen) => (isOpen ? undefined : drop())} position="bottom-start" shadow="md" trapFocus>
      <Popover.Target>
        <span style={{ position: 'absolute', insetInlineStart: 0, bottom: 0 }} />
      </Popover.Target>
      <Popover.Dropdown aria-label={field.label}>
        <form
          ref={form}
          onSubmit={(event) => {
            event.preventDefault();
            save();
          }}
          onKeyDown={(event) => {
            event.stopPropagation();
            if (event.key === 'Escape') drop();
          }}
        >
          <Stack gap="sm" w={300}>
            <RecurrenceFields recurrence={recurrence} sameDay={t('The day that it is due')} />
            {problem ? (
              <div className={classes.inside}>
                <EditorNote field={field} reason={problem} />
              </div>
            ) : null}
            <Group justify="space-between">
              <Button
                variant="subtle"
                color="gray"
                size="xs"
                onClick={() => {
                  if (before !== '') onSave(null);
                  done('stay');
                }}
              >
                {t('Once only')}
              </Button>
              <Button type="submit" size="xs" disabled={!recurrence.isFine}>
                {t('Save')}
              </Button>
            </Group>
          </Stack>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
