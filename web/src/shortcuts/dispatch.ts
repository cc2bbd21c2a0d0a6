import { useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { askToCreate, openCommand, useHelp } from '../app/commandStore.ts';
import { navigationObjects, objectByPlural } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { forgetOpened } from '../records/recordSequence.ts';
import { may, useModelStore } from '../model/store.ts';
import { openNotifications } from '../notifications/notificationStore.ts';
import { redo, undo } from '../undo/undo.ts';
import { useCharacterKeys } from './characterKeys.ts';
import { goLetters } from './goLetters.ts';
import { keysOf, type ShortcutId } from './keys.ts';
import { beginsMore, shortcutOf } from './ownKeys.ts';
import { beginSequence, endSequence, useSequence } from './sequence.ts';
import { handlerOf } from './useShortcut.ts';

const isText = (element: Element): boolean =>
  (element instanceof HTMLElement && element.isContentEditable) ||
  (element.matches('input, textarea, select') && !element.matches('[type=checkbox], [type=radio]'));

/** Menus and lists find their items by letters; while the grid has a cell in hand, letters are what people write into it. */
const TAKES_LETTERS = '[role="menu"], [role="listbox"], [role="tree"], [role="grid"][aria-activedescendant]';

const isModifier = (key: string): boolean => /^(Shift|Control|Alt|AltGraph|Meta|CapsLock|Fn)$/.test(key);

/** Whether a key is a shortcut now, or a part of what somebody writes or answers. */
function isFree(target: EventTarget | null, keys: string): boolean {
  if (keys.includes('Mod+') && shortcutOf(keys) === 'command') return true;
  if (document.querySelector('[role="dialog"], [role="alertdialog"]')) return false;
  if (!(target instanceof Element)) return true;
  // In a text the browser takes back what was typed.
  if (isText(target)) return false;
  return keys.includes('Mod+') || (useCharacterKeys.getState().areOn && !target.closest(TAKES_LETTERS));
}

/** Listens for the keys of all shortcuts. What a page says that one does goes first. */
export function useShortcuts(): void {
  const router = useRouter();
  useEffect(() => {
    const openObject = (namePlural: string) =>
      void router.navigate({ to: '/objects/$namePlural', params: { namePlural } });

    const create = () => {
      const { model } = useModelStore.getState();
      const name = /^\/objects\/([^/]+)/.exec(router.state.location.pathname)?.[1];
      const object =
        model && ((name && objectByPlural(model, decodeURIComponent(name))) || navigationObjects(model)[0]);
      if (!object || !rightsOf(object).canCreate) return;
      askToCreate(object.id);
      openObject(object.namePlural);
    };

    const everywhere: { [id in ShortcutId]?: () => void } = {
      command: openCommand,
      search: openCommand,
      help: () => useHelp.setState({ opened: true }),
      create,
      notifications: openNotifications,
      undo: () => void undo(),
      redo: () => void redo(),
      'go.inbox': openNotifications,
      'go.tasks': () => void router.navigate({ to: '/tasks', search: {} }),
      'go.settings': () => void router.navigate({ to: may('DATA_MODEL') ? '/settings/model' : '/settings/profile' }),
    };

    const actionOf = (keys: string): (() => void) | undefined => {
      const id = shortcutOf(keys);
      if (id) return handlerOf(id) ?? everywhere[id];
      const { model } = useModelStore.getState();
      const object = model && keys.startsWith('g ') ? goLetters(model).get(keys.slice(2)) : undefined;
      if (!object) return;
      return () => {
        forgetOpened(object);
        openObject(object.namePlural);
      };
    };

    const onKeyDown = (event: KeyboardEvent) => {
      // While a sign is being composed, its keys are the input method's.
      if (event.defaultPrevented || event.isComposing || isModifier(event.key)) return;
      const keys = keysOf(event);
      const { first } = useSequence.getState();
      if (first !== null) endSequence();
      if (!isFree(event.target, keys)) return;
      if (first !== null && !event.repeat) {
        // Whatever follows belongs to the first key, also where it leads nowhere.
        event.preventDefault();
        actionOf(`${first} ${keys}`)?.();
        return;
      }
      const action = actionOf(keys);
      if (action) action();
      else if (beginsMore(keys)) beginSequence(keys);
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => {
      endSequence();
      document.removeEventListener('keydown', onKeyDown);
    };
  }, [router]);
}
