import { SHORTCUTS, type ShortcutId } from './keys.ts';
import { keysFor, useOwnKeys } from './ownKeys.ts';
import { t } from '../language/t.ts';

type Place =
  'everywhere' | 'go' | 'view' | 'table' | 'board' | 'calendar' | 'timeline' | 'record' | 'tasks' | 'text' | 'inbox';

export const PLACES: { place: Place; title: string }[] = [
  { place: 'everywhere', title: t('Everywhere') },
  { place: 'go', title: t('Go to') },
  { place: 'view', title: t('In a view') },
  { place: 'table', title: t('In a table') },
  { place: 'record', title: t('On a record') },
  { place: 'board', title: t('On a board') },
  { place: 'calendar', title: t('In a calendar') },
  { place: 'timeline', title: t('In a timeline') },
  { place: 'tasks', title: t('In my tasks') },
  { place: 'text', title: t('In a text') },
  { place: 'inbox', title: t('In the notifications') },
];

export interface ShortcutText {
  id: string;
  place: Place;
  /** As SHORTCUTS writes them; several that do the same stand beside one another. */
  keys: string[];
  text: string;
}

const OF_SHORTCUTS: { [id in ShortcutId]: { place: Place; text: string } } = {
  command: { place: 'everywhere', text: t('Search and commands') },
  search: { place: 'view', text: t('Search in the view; elsewhere in everything') },
  help: { place: 'everywhere', text: t('This list') },
  create: { place: 'everywhere', text: t('New record') },
  notifications: { place: 'everywhere', text: t('Notifications') },
  undo: { place: 'everywhere', text: t('Undo') },
  redo: { place: 'everywhere', text: t('Redo') },
  print: { place: 'everywhere', text: t('Print this page') },
  'go.inbox': { place: 'go', text: t('Notifications') },
  'go.settings': { place: 'go', text: t('Settings') },
  'go.tasks': { place: 'go', text: t('My tasks') },
  'view.filter': { place: 'view', text: t('Add a filter') },
  'record.next': { place: 'record', text: t('Next record of the list') },
  'record.previous': { place: 'record', text: t('Previous record of the list') },
  'record.edit': { place: 'record', text: t('Edit the field that has the focus, or the name') },
};

/** Keys that mean something only to what has the focus: the part itself listens for them. */
const OF_PARTS: ShortcutText[] = [
  { id: 'table.move', place: 'table', keys: ['↑', '↓', '←', '→'], text: t('Move between cells') },
  { id: 'table.next', place: 'table', keys: ['Tab'], text: t('Next cell') },
  {
    id: 'table.edit',
    place: 'table',
    keys: ['Enter', 'F2'],
    text: t('Edit the cell; Enter again saves and goes down'),
  },
  { id: 'table.type', place: 'table', keys: ['A…'], text: t('Start typing to overwrite') },
  { id: 'table.escape', place: 'table', keys: ['Escape'], text: t('Drop the edit, then the selection') },
  { id: 'table.peek', place: 'table', keys: ['Space'], text: t('Switch yes or no; elsewhere peek at the record') },
  { id: 'table.select', place: 'table', keys: ['Shift+Space'], text: t('Select the row') },
  { id: 'table.block', place: 'table', keys: ['Shift+↓', 'Shift+→'], text: t('Draw a block of cells') },
  { id: 'table.clear', place: 'table', keys: ['Delete'], text: t('Empty the cells') },
  { id: 'table.copy', place: 'table', keys: ['Mod+c'], text: t('Copy the block, or the selected rows') },
  { id: 'table.paste', place: 'table', keys: ['Mod+v'], text: t('Paste cells') },
  { id: 'table.fill', place: 'table', keys: ['Mod+d'], text: t('Fill down from the first row of the block') },
  { id: 'table.all', place: 'table', keys: ['Mod+a'], text: t('Select all rows') },
  { id: 'table.open', place: 'table', keys: ['Mod+Enter'], text: t('Open the record') },
  { id: 'table.delete', place: 'table', keys: ['Mod+⌫'], text: t('Delete the selected records') },
  { id: 'table.ends', place: 'table', keys: ['Home', 'End'], text: t('First or last column') },
  { id: 'table.first', place: 'table', keys: ['Mod+Home', 'Mod+End'], text: t('First or last cell') },
  { id: 'table.column', place: 'table', keys: ['Alt+Shift+←', 'Alt+Shift+→'], text: t('Move the column') },
  { id: 'table.menu', place: 'table', keys: ['Shift+F10'], text: t('Menu of the column') },
  { id: 'tasks.move', place: 'tasks', keys: ['↑', '↓', 'j', 'k'], text: t('Move between tasks') },
  { id: 'tasks.done', place: 'tasks', keys: ['x', 'Space'], text: t('Done, or open again') },
  { id: 'tasks.day', place: 'tasks', keys: ['Alt+↓', 'Alt+↑'], text: t('Due later, or sooner') },
  { id: 'tasks.open', place: 'tasks', keys: ['Enter'], text: t('Open the task') },
  { id: 'text.blocks', place: 'text', keys: ['/'], text: t('Headings, lists, tables and more') },
  { id: 'text.mention', place: 'text', keys: ['@', '#'], text: t('Mention a member or a record; only a record') },
  { id: 'text.bold', place: 'text', keys: ['Mod+b', 'Mod+i', 'Mod+e'], text: t('Bold, italic, code') },
  { id: 'text.save', place: 'text', keys: ['Mod+s'], text: t('Save at once') },
  { id: 'board.move', place: 'board', keys: ['↑', '↓', '←', '→'], text: t('Move between cards') },
  { id: 'board.lift', place: 'board', keys: ['Space'], text: t('Take the card up, and put it down') },
  { id: 'board.escape', place: 'board', keys: ['Escape'], text: t('Leave the card where it was') },
  { id: 'calendar.day', place: 'calendar', keys: ['Shift+←', 'Shift+→'], text: t('Move the entry by a day') },
  {
    id: 'calendar.week',
    place: 'calendar',
    keys: ['Shift+↑', 'Shift+↓'],
    text: t('Move it by a week, or in a day by time'),
  },
  { id: 'timeline.next', place: 'timeline', keys: ['↑', '↓'], text: t('Next bar') },
  { id: 'timeline.move', place: 'timeline', keys: ['Shift+←', 'Shift+→'], text: t('Move the bar') },
  { id: 'timeline.end', place: 'timeline', keys: ['Alt+←', 'Alt+→'], text: t('Move its end') },
  { id: 'timeline.start', place: 'timeline', keys: ['Alt+Shift+←', 'Alt+Shift+→'], text: t('Move its beginning') },
  { id: 'inbox.move', place: 'inbox', keys: ['↑', '↓', 'j', 'k'], text: t('Move between notifications') },
  { id: 'inbox.archive', place: 'inbox', keys: ['e'], text: t('Archive') },
  { id: 'inbox.unread', place: 'inbox', keys: ['u'], text: t('Mark as read or unread') },
];

export const isChangeable = (id: string): id is ShortcutId => id in SHORTCUTS;

export const textOf = (id: ShortcutId): string => OF_SHORTCUTS[id].text;

/** All shortcuts but those that go to the objects, whose letters come from the model. */
export const shortcutTexts = (own = useOwnKeys.getState().own): ShortcutText[] => [
  ...Object.entries(OF_SHORTCUTS).map(([id, { place, text }]) => ({
    id,
    place,
    keys: [keysFor(id as ShortcutId, own)].filter(Boolean),
    text,
  })),
  ...OF_PARTS,
];
