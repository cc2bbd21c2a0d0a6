import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch, IconX } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import classes from './ViewSearch.module.css';
import { t } from '../language/t.ts';

interface ViewSearchProps {
  label: string;
  text: string;
  /** Somebody wants to type here. */
  isAsked: boolean;
  /** The field has the focus; false to what was asked. */
  onFocused: () => void;
  onChange: (text: string) => void;
}

const PAUSE_MS = 220;

/** Narrows a view to the records that have a text anywhere, while one types. */
export function ViewSearch({ label, text, isAsked, onFocused, onChange }: ViewSearchProps) {
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(text);
  const [told, setTold] = useState(text);
  const [isTyping, setIsTyping] = useState(false);
  const [isOpen, setIsOpen] = useState(isAsked);
  const tell = useDebouncedCallback(onChange, PAUSE_MS);
  // The address has gone to another text: back, or to another view.
  if (told !== text) {
    setTold(text);
    if (!isTyping) setTyped(text);
  }
  useEffect(() => {
    if (!isAsked) return;
    setIsOpen(true);
    input.current?.focus();
    input.current?.select();
  }, [isAsked]);
  const end = () => {
    tell.cancel();
    setTyped('');
    setIsOpen(false);
    onChange('');
    onFocused();
    document.querySelector<HTMLElement>('[role="grid"], #main')?.focus();
  };
  if (!isOpen && text === '' && !isAsked) return null;
  return (
    <div className={classes.search}>
      <IconSearch size={14} aria-hidden />
      <input
        ref={input}
        type="text"
        role="searchbox"
        aria-label={label}
        placeholder={label}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          tell(event.currentTarget.value);
        }}
        onFocus={() => setIsTyping(true)}
        onBlur={() => {
          setIsTyping(false);
          tell.flush();
          if (typed.trim() === '') end();
        }}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === 'Escape') end();
          else if (event.key === 'Enter' || event.key === 'ArrowDown') {
            tell.flush();
            document.querySelector<HTMLElement>('[role="grid"]')?.focus();
          } else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      <button type="button" aria-label={t('End the search')} onClick={end}>
        <IconX size={13} aria-hidden />
      </button>
    </div>
  );
}
