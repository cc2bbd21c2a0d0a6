import type { Editor, Range } from '@tiptap/core';
import { PluginKey } from '@tiptap/pm/state';
import { Suggestion, type SuggestionKeyDownProps, type SuggestionProps } from '@tiptap/suggestion';
import { Extension } from '@tiptap/core';
import { createStore, type StoreApi } from 'zustand';
import { t } from '../language/t.ts';

/** Something to choose while one writes. */
export interface Choice {
  key: string;
  label: string;
  note?: string;
  /** Choices of one group stand under its name. */
  group?: string;
  icon?: React.ReactNode;
  run: (editor: Editor, range: Range) => void;
}

interface ChoiceState {
  isOpen: boolean;
  /** What the list is, for those who hear it. */
  name: string;
  choices: Choice[];
  at: number;
  rect: DOMRect | null;
  isBusy: boolean;
  choose: (choice: Choice) => void;
}

const CLOSED: ChoiceState = {
  isOpen: false,
  name: '',
  choices: [],
  at: 0,
  rect: null,
  isBusy: false,
  choose: () => {},
};

export type ChoiceStore = StoreApi<ChoiceState>;
export const createChoices = (): ChoiceStore => createStore(() => CLOSED);

interface Source {
  char: string;
  name: string;
  find: (query: string, editor: Editor) => Choice[] | Promise<Choice[]>;
  allowSpaces?: boolean;
  /** Only where nothing else stands before it in the paragraph. */
  startOfLine?: boolean;
}

/** Lists that open where a sign is typed: `/` for blocks, `@` and `#` for members and records. */
export const suggesting = (store: ChoiceStore, sources: Source[]): Extension =>
  Extension.create({
    name: 'suggesting',
    addProseMirrorPlugins() {
      return sources.map(({ char, name, find, allowSpaces = false }) =>
        Suggestion<Choice, Choice>({
          editor: this.editor,
          char,
          pluginKey: new PluginKey(t('suggesting {char}', { char })),
          allowSpaces,
          allowedPrefixes: [' ', '(', '\n', '\u00a0', '\ufffc'],
          items: ({ query, editor }) => find(query, editor),
          allow: ({ state, range }) => {
            const at = state.doc.resolve(range.from);
            return at.parent.type.name !== 'codeBlock' && !at.marks().some((mark) => mark.type.name === 'code');
          },
          command: ({ editor, range, props }) => props.run(editor, range),
          render: () => {
            const show = (props: SuggestionProps<Choice, Choice>) =>
              store.setState((state) => ({
                isOpen: true,
                name,
                choices: props.items,
                at: Math.min(state.isOpen ? state.at : 0, Math.max(0, props.items.length - 1)),
                rect: props.clientRect?.() ?? null,
                choose: (choice) => props.command(choice),
              }));
            return {
              onStart: (props) => {
                store.setState({ at: 0 });
                show(props);
              },
              onUpdate: show,
              onExit: () => store.setState(CLOSED),
              onKeyDown: ({ event }: SuggestionKeyDownProps) => onKey(store, event),
            };
          },
        }),
      );
    },
  });

function onKey(store: ChoiceStore, event: KeyboardEvent): boolean {
  const { isOpen, choices, at, choose } = store.getState();
  if (!isOpen) return false;
  if (event.key === 'Escape') {
    store.setState(CLOSED);
    return true;
  }
  if (choices.length === 0) return false;
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    const step = event.key === 'ArrowDown' ? 1 : -1;
    store.setState({ at: (at + step + choices.length) % choices.length });
    return true;
  }
  if (event.key === 'Enter' || event.key === 'Tab') {
    choose(choices[at]!);
    return true;
  }
  return false;
}
