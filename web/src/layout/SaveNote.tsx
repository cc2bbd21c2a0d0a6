import { IconAlertTriangle, IconCheck } from '@tabler/icons-react';
import { fieldById } from '../model/lookup.ts';
import type { ModelObject } from '../model/types.ts';
import type { SaveState } from '../records/useRecord.ts';
import classes from './layout.module.css';
import { t } from '../language/t.ts';

/** Whether all that was typed is kept, and the way to what is not. */
export function SaveNote({ object, saves }: { object: ModelObject; saves: { [fieldId: string]: SaveState } }) {
  const states = Object.entries(saves);
  const refused = states.filter(([, { kind }]) => kind === 'refused');
  const isSaving = states.some(([, { kind }]) => kind === 'saving');
  const isWaiting = states.some(([, { kind }]) => kind === 'pending');
  const isSaved = states.some(([, { kind }]) => kind === 'saved');
  const toFirst = () => {
    const name = fieldById(object, refused[0]?.[0])?.name;
    const row = document.querySelector<HTMLElement>(`[data-field="${name}"]`);
    row?.scrollIntoView({ block: 'center' });
    row?.querySelector<HTMLElement>('button')?.focus({ preventScroll: true });
  };
  return (
    <div className={classes.saveNote} role="status" data-print="hide">
      {isSaving ? (
        t('Saving…')
      ) : refused.length > 0 ? (
        <button type="button" className={classes.unsaved} onClick={toFirst}>
          <IconAlertTriangle size={14} aria-hidden />
          {t('{count, plural, one {1 change is not saved} other {# changes are not saved}}', { count: refused.length })}
        </button>
      ) : isWaiting ? (
        t('Waiting for the server')
      ) : isSaved ? (
        <>
          <IconCheck size={14} aria-hidden /> {t('Saved')}
        </>
      ) : null}
    </div>
  );
}
