import { useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { navigationObjects, objectByPlural } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { may, useModelStore } from '../model/store.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { openNotifications } from '../notifications/notificationStore.ts';
import { redo, undo } from '../undo/undo.ts';
import { askToCreate, openCommand, useHelp } from './commandStore.ts';

export const COMMAND_KEY = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl';

/** Each object's letter after g: the first of its label that no object before it has taken. S is for settings. */
export function goLetters(model: Model): Map<string, ModelObject> {
  const letters = new Map<string, ModelObject>();
  for (const object of navigationObjects(model)) {
    const free = [...object.labelPlural.toLowerCase()].find(
      (letter) => /[a-z]/.test(letter) && letter !== 's' && !letters.has(letter),
    );
    if (free) letters.set(free, object);
  }
  return letters;
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName));

/** While the grid has a cell in hand, letters are what people write into it. */
const inGrid = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  target.getAttribute('role') === 'grid' &&
  target.hasAttribute('aria-activedescendant');

const GO_WINDOW_MS = 1200;

export function useShortcuts(): void {
  const router = useRouter();
  useEffect(() => {
    let goUntil = 0;
    const onKeyDown = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        openCommand();
        return;
      }
      if ((event.metaKey || event.ctrlKey) && !event.altKey && event.key.toLowerCase() === 'z') {
        // In a text the browser takes back what was typed.
        if (isTyping(event.target) || document.querySelector('[role="dialog"]')) return;
        event.preventDefault();
        void (event.shiftKey ? redo() : undo());
        return;
      }
      if (
        event.metaKey ||
        event.ctrlKey ||
        event.altKey ||
        event.defaultPrevented ||
        isTyping(event.target) ||
        inGrid(event.target)
      )
        return;
      if (document.querySelector('[role="dialog"]')) return;
      const { model } = useModelStore.getState();
      if (!model) return;
      if (event.timeStamp < goUntil) {
        goUntil = 0;
        const object = goLetters(model).get(event.key.toLowerCase());
        if (object) void router.navigate({ to: '/objects/$namePlural', params: { namePlural: object.namePlural } });
        else if (event.key === 's' && may('DATA_MODEL')) void router.navigate({ to: '/settings/model' });
        return;
      }
      if (event.key === 'g') goUntil = event.timeStamp + GO_WINDOW_MS;
      else if (event.key === '?') useHelp.setState({ opened: true });
      else if (event.key === '/') openCommand();
      else if (event.key === 'n') openNotifications();
      else if (event.key === 'c') {
        const name = /^\/objects\/([^/]+)/.exec(router.state.location.pathname)?.[1];
        const object = (name && objectByPlural(model, decodeURIComponent(name))) || navigationObjects(model)[0];
        if (!object || !rightsOf(object).canCreate) return;
        askToCreate(object.id);
        void router.navigate({ to: '/objects/$namePlural', params: { namePlural: object.namePlural } });
      } else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [router]);
}
