import { countText } from '../model/formats.ts';
import type { StepName } from './start.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

export const STEPS: { [step in StepName]: { title: string; text: string } } = {
  DATA: { title: t('Bring in records'), text: t('Import a file, or load a small sales team to try things with.') },
  INVITE: { title: t('Invite somebody'), text: t('A CRM is for a team. Invitations go by e-mail or by a link.') },
  FIELD: {
    title: t('Add a field of your own'),
    text: t('Objects, fields and relations are yours to change, at any time.'),
  },
  VIEW: {
    title: t('Save a view'),
    text: t('Filter, sort or group a list, or show it as a board, and save it by its name.'),
  },
  CONNECT: { title: t('Connect a program'), text: t('Make an API key, or a login for psql and tables of figures.') },
  PROFILE: {
    title: t('Add your picture'),
    text: t('Your colleagues see who wrote what. Language and time zone are there, too.'),
  },
  FAVOURITE: { title: t('Keep something at hand'), text: t('The star of a record or of a view puts it at the side.') },
};

export const progressText = (done: number, all: number): string => t('{done} of {all} done', { done, all });

export const loadedText = (loaded: { label: string; count: number }[]): string =>
  loaded.length === 0
    ? t('Nothing was loaded.')
    : t('Loaded: {list}.', {
        list: loaded.map(({ label, count }) => `${countText(count)} ${inSentence(label)}`).join(', '),
      });

export const removedText = (removed: number, kept: number): string =>
  kept === 0
    ? t('{removed} sample records removed.', { removed: countText(removed) })
    : t('{removed} sample records removed, {kept} kept as your own.', {
        removed: countText(removed),
        kept: countText(kept),
      });

export const usedText = (used: number): string =>
  used === 1
    ? t(
        'One sample was changed, commented or tied to records of your own. Keep it as your own record, or remove it with the others?',
      )
    : t(
        '{used} samples were changed, commented or tied to records of your own. Keep them as your own records, or remove them with the others?',
        { used: countText(used) },
      );

export const samplesText = (count: number): string =>
  count === 0
    ? t(
        'A small sales team: 12 companies, 40 people, 25 opportunities in all stages, tasks and notes. It is removed again by one click.',
      )
    : t('{count} sample records are in this workspace.', { count: countText(count) });
