import { SHORTCUTS, type ShortcutId } from './keys.ts';

type Place = 'everywhere' | 'go' | 'view' | 'table' | 'board' | 'calendar' | 'record' | 'inbox';

export const PLACES: { place: Place; title: string }[] = [
  { place: 'everywhere', title: 'Everywhere' },
  { place: 'go', title: 'Go to' },
  { place: 'view', title: 'In a view' },
  { place: 'table', title: 'In a table' },
  { place: 'record', title: 'On a record' },
  { place: 'board', title: 'On a board' },
  { place: 'calendar', title: 'In a calendar' },
  { place: 'inbox', title: 'In the notifications' },
];

export interface ShortcutText {
  id: string;
  place: Place;
  /** As SHORTCUTS writes them; several that do the same stand beside one another. */
  keys: string[];
  text: string;
}

const OF_SHORTCUTS: { [id in ShortcutId]: { place: Place; text: string } } = {
  command: { place: 'everywhere', text: 'Search and commands' },
  search: { place: 'view', text: 'Search in the view; elsewhere in everything' },
  help: { place: 'everywhere', text: 'This list' },
  create: { place: 'everywhere', text: 'New record' },
  notifications: { place: 'everywhere', text: 'Notifications' },
  undo: { place: 'everywhere', text: 'Undo' },
  redo: { place: 'everywhere', text: 'Redo' },
  'go.inbox': { place: 'go', text: 'Notifications' },
  'go.settings': { place: 'go', text: 'Settings' },
  'view.filter': { place: 'view', text: 'Add a filter' },
  'record.next': { place: 'record', text: 'Next record of the list' },
  'record.previous': { place: 'record', text: 'Previous record of the list' },
};

/** Keys that mean something only to what has the focus: the part itself listens for them. */
const OF_PARTS: ShortcutText[] = [
  { id: 'table.move', place: 'table', keys: ['↑', '↓', '←', '→'], text: 'Move between cells' },
  { id: 'table.next', place: 'table', keys: ['Tab'], text: 'Next cell' },
  { id: 'table.edit', place: 'table', keys: ['Enter', 'F2'], text: 'Edit the cell; Enter again saves and goes down' },
  { id: 'table.type', place: 'table', keys: ['A…'], text: 'Start typing to overwrite' },
  { id: 'table.escape', place: 'table', keys: ['Escape'], text: 'Drop the edit, then the selection' },
  { id: 'table.peek', place: 'table', keys: ['Space'], text: 'Switch yes or no; elsewhere peek at the record' },
  { id: 'table.select', place: 'table', keys: ['Shift+Space'], text: 'Select the row' },
  { id: 'table.block', place: 'table', keys: ['Shift+↓', 'Shift+→'], text: 'Draw a block of cells' },
  { id: 'table.clear', place: 'table', keys: ['Delete'], text: 'Empty the cells' },
  { id: 'table.copy', place: 'table', keys: ['Mod+c'], text: 'Copy the block, or the selected rows' },
  { id: 'table.paste', place: 'table', keys: ['Mod+v'], text: 'Paste cells' },
  { id: 'table.fill', place: 'table', keys: ['Mod+d'], text: 'Fill down from the first row of the block' },
  { id: 'table.all', place: 'table', keys: ['Mod+a'], text: 'Select all rows' },
  { id: 'table.open', place: 'table', keys: ['Mod+Enter'], text: 'Open the record' },
  { id: 'table.delete', place: 'table', keys: ['Mod+⌫'], text: 'Delete the selected records' },
  { id: 'table.ends', place: 'table', keys: ['Home', 'End'], text: 'First or last column' },
  { id: 'table.first', place: 'table', keys: ['Mod+Home', 'Mod+End'], text: 'First or last cell' },
  { id: 'table.column', place: 'table', keys: ['Alt+Shift+←', 'Alt+Shift+→'], text: 'Move the column' },
  { id: 'table.menu', place: 'table', keys: ['Shift+F10'], text: 'Menu of the column' },
  { id: 'board.move', place: 'board', keys: ['↑', '↓', '←', '→'], text: 'Move between cards' },
  { id: 'board.lift', place: 'board', keys: ['Space'], text: 'Take the card up, and put it down' },
  { id: 'board.escape', place: 'board', keys: ['Escape'], text: 'Leave the card where it was' },
  { id: 'calendar.day', place: 'calendar', keys: ['Shift+←', 'Shift+→'], text: 'Move the entry by a day' },
  {
    id: 'calendar.week',
    place: 'calendar',
    keys: ['Shift+↑', 'Shift+↓'],
    text: 'Move it by a week, or in a day by time',
  },
  { id: 'inbox.move', place: 'inbox', keys: ['↑', '↓', 'j', 'k'], text: 'Move between notifications' },
  { id: 'inbox.archive', place: 'inbox', keys: ['e'], text: 'Archive' },
  { id: 'inbox.unread', place: 'inbox', keys: ['u'], text: 'Mark as read or unread' },
];

/** All shortcuts but those that go to the objects, whose letters come from the model. */
export const shortcutTexts = (): ShortcutText[] => [
  ...Object.entries(OF_SHORTCUTS).map(([id, { place, text }]) => ({
    id,
    place,
    keys: [SHORTCUTS[id as ShortcutId]],
    text,
  })),
  ...OF_PARTS,
];
