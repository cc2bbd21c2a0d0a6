import { Portal } from '@mantine/core';
import type { Editor } from '@tiptap/core';
import { useEffect, useId, useRef } from 'react';
import { useStore } from 'zustand';
import type { ChoiceStore } from './suggestions.ts';
import classes from './texts.module.css';
import { t } from '../language/t.ts';

const HEIGHT = 300;
const WIDTH = 280;

/** The choices at the cursor. The text keeps the focus, and tells which one is in hand. */
export function ChoiceList({ store, editor }: { store: ChoiceStore; editor: Editor }) {
  const { isOpen, name, choices, at, rect, choose } = useStore(store);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const isShown = isOpen && rect !== null;

  useEffect(() => {
    // There is no view to ask before the editor stands in the page.
    if (!isShown) return;
    const { dom } = editor.view;
    dom.setAttribute('aria-controls', id);
    dom.setAttribute('aria-activedescendant', `${id}-${at}`);
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
    return () => {
      dom.removeAttribute('aria-controls');
      dom.removeAttribute('aria-activedescendant');
    };
  }, [isShown, at, id, editor, choices]);

  if (!isShown) return null;
  // The keyboard of a phone lies over the page, and not over what is seen of it.
  const seen = window.visualViewport?.height ?? window.innerHeight;
  const isBelow = rect.bottom + HEIGHT < seen || rect.top < HEIGHT;
  const place = {
    left: Math.max(8, Math.min(rect.left, window.innerWidth - WIDTH - 8)),
    ...(isBelow ? { top: rect.bottom + 4 } : { bottom: window.innerHeight - rect.top + 4 }),
  };
  return (
    <Portal>
      <div className={classes.choices} style={{ ...place, maxHeight: HEIGHT, width: WIDTH }} data-choices>
        {choices.length === 0 ? (
          <p className={classes.nothing} role="status">
            {t('Nothing found.')}
          </p>
        ) : (
          <div ref={list} id={id} role="listbox" aria-label={name}>
            {choices.map((choice, index) => (
              <div key={choice.key}>
                {choice.group && choice.group !== choices[index - 1]?.group ? (
                  <div className={classes.group} role="presentation">
                    {choice.group}
                  </div>
                ) : null}
                <div
                  id={`${id}-${index}`}
                  role="option"
                  aria-selected={index === at}
                  className={classes.choice}
                  onPointerDown={(event) => event.preventDefault()}
                  onMouseDown={(event) => event.preventDefault()}
                  onPointerMove={() => index !== at && store.setState({ at: index })}
                  onClick={() => choose(choice)}
                >
                  {choice.icon}
                  <span className={classes.choiceLabel}>{choice.label}</span>
                  {choice.note ? <span className={classes.choiceNote}>{choice.note}</span> : null}
                </div>
              </div>
            ))}
          </div>
        )}
      </div>
    </Portal>
  );
}
