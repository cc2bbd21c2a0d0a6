import { Modal, useMantineColorScheme } from '@mantine/core';
import { IconHistory, IconSearch, IconX } from '@tabler/icons-react';
import { useRouter } from '@tanstack/react-router';
import { useEffect, useEffectEvent, useId, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { flushSync } from 'react-dom';
import { useCommand } from '../app/commandStore.ts';
import { usePhone } from '../app/phone.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { objectById } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import type { ModelObject } from '../model/types.ts';
import { keepColorScheme } from '../session/profile.ts';
import { Keys } from '../shortcuts/Keys.tsx';
import classes from './CommandMenu.module.css';
import { actions, places, type Entry } from './commands.tsx';
import { fit } from './matching.ts';
import { pageActions } from './pageActions.ts';
import { correctRecents, rememberSearch, useRecents } from './recents.ts';
import { useRecordSearch, useTold } from './useRecordSearch.ts';
import { t } from '../language/t.ts';
import { Trans } from '../language/Trans.tsx';

interface Group {
  label: string;
  entries: Entry[];
  /** It stands first whatever the search still finds. */
  isSure?: boolean;
}

const RECENT_SHOWN = 6;
const SEARCHES_SHOWN = 3;
/** Of the recent ones that fit, so many stand before what the search finds. */
const RECENT_FITTING = 3;
const CLEAR = 3;
const FOCUS_BACK_MS = 20;

const ranked = (entries: Entry[], query: string) =>
  entries
    .map((entry) => ({ entry, by: fit(query, entry.label) }))
    .filter(({ by }) => by > 0)
    .sort((one, other) => other.by - one.by);

/** Search, and everything that can be done, by the keyboard. */
export default function CommandMenu() {
  const opened = useCommand((state) => state.opened);
  const phone = usePhone();
  const close = () => useCommand.setState({ opened: false });
  return (
    <Modal
      opened={opened}
      onClose={close}
      withCloseButton={false}
      fullScreen={phone}
      size={640}
      padding={0}
      yOffset="12vh"
      overlayProps={{ backgroundOpacity: 0.3 }}
      transitionProps={{ duration: 0 }}
      attributes={{ content: { 'aria-label': t('Search and commands') } }}
      classNames={{ body: classes.body, content: classes.content }}
    >
      <Menu onClose={close} />
    </Modal>
  );
}

function Menu({ onClose }: { onClose: () => void }) {
  const model = useModel();
  const router = useRouter();
  const phone = usePhone();
  const listId = useId();
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  // Who types a name and Enter at once means the record that is still being looked for, not one found before.
  const [enterWaits, setEnterWaits] = useState(false);
  const [offered] = useState(pageActions);
  const recents = useRecents();
  const { hits, busy, failed } = useRecordSearch(query);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const asked = query.trim();

  const found = useMemo(() => {
    const recent = recents.records.flatMap((record) => {
      const object = objectById(model, record.objectId);
      return object?.isActive ? [{ object, id: record.id, label: record.label }] : [];
    });
    if (asked === '') return recent.slice(0, RECENT_SHOWN);
    const fitting = recent.filter(({ label }) => fit(asked, label) >= CLEAR).slice(0, RECENT_FITTING);
    const others = hits.flatMap((hit) => {
      const object = model.objects.find((each) => each.nameSingular === hit.objectName);
      return object?.isActive && fitting.every(({ id }) => id !== hit.recordId)
        ? [{ object, id: hit.recordId, label: hit.label ?? '' }]
        : [];
    });
    return [...fitting, ...others];
  }, [model, recents.records, hits, asked]);
  const told = useTold(model, found, correctRecents);

  const openRecord = (object: ModelObject, id: string) =>
    void router.navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id } });
  const records: Entry[] = found.map(({ object, id, label }) => {
    const name = told.get(id)?.label || label || t('Untitled');
    const context = told.get(id)?.context;
    return {
      id: `record-${id}`,
      label: name,
      ...(context ? { context } : {}),
      note: object.labelSingular,
      icon: <Avatar label={name} seed={id} size={24} round={object.nameSingular === 'person'} />,
      run: () => openRecord(object, id),
    };
  });

  const isDark = colorScheme === 'dark';
  const changeTheme = () => {
    const other = isDark ? 'light' : 'dark';
    setColorScheme(other);
    void keepColorScheme(other);
  };
  const inHand = offered.flatMap(({ about, actions: entries }): Group[] =>
    about === null ? [] : [{ label: about, entries }],
  );
  const here: Entry[] = offered.flatMap(({ about, actions: entries }) => (about === null ? entries : []));
  const there = places(model, router);
  const anywhere = actions(model, router, { isDark, change: changeTheme });

  const grouped = (): Group[] => {
    if (asked === '')
      return [
        ...inHand.map(({ label, entries: all }) => ({ label, entries: all.filter(({ isMinor }) => !isMinor) })),
        { label: t('Recent'), entries: records },
        {
          label: t('Recent searches'),
          entries: recents.searches.slice(0, SEARCHES_SHOWN).map((text) => ({
            id: `search-${text}`,
            label: text,
            icon: <IconHistory size={16} />,
            run: () => setQuery(text),
          })),
        },
        { label: t('On this page'), entries: here },
        { label: t('Go to'), entries: there },
        { label: t('Actions'), entries: anywhere },
      ];
    const going = ranked(there, asked);
    const doing = ranked([...here, ...anywhere], asked);
    const split = (all: typeof going, isClear: boolean) =>
      all.filter(({ by }) => by >= CLEAR === isClear).map(({ entry }) => entry);
    const withThese = inHand.map(({ label, entries: all }) => ({ label, found: ranked(all, asked) }));
    return [
      ...withThese.map(({ label, found: all }) => ({ label, entries: split(all, true), isSure: true })),
      { label: t('Go to'), entries: split(going, true), isSure: true },
      { label: t('Records'), entries: records },
      { label: t('Actions'), entries: split(doing, true) },
      {
        label: t('More'),
        entries: [
          ...withThese.flatMap(({ found: all }) => split(all, false)),
          ...split(going, false),
          ...split(doing, false),
        ],
      },
    ];
  };
  const groups = grouped().filter(({ entries }) => entries.length > 0);
  const entries = groups.flatMap((group) => group.entries);
  const selected = Math.min(at, entries.length - 1);
  const optionId = (entry: Entry | undefined) => (entry ? `${listId}-${entry.id}` : undefined);

  const type = (text: string) => {
    setQuery(text);
    setAt(0);
    setEnterWaits(false);
  };
  const choose = (entry: Entry) => {
    if (entry.id.startsWith('search-')) {
      entry.run();
      setAt(0);
      return;
    }
    if (entry.id.startsWith('record-')) rememberSearch(asked);
    flushSync(onClose);
    // What an action of the page opens takes the focus from what had it before, once that has it back.
    if (offered.some(({ actions: ofPage }) => ofPage.includes(entry))) setTimeout(entry.run, FOCUS_BACK_MS);
    else entry.run();
  };

  const chooseFirst = useEffectEvent(() => {
    setEnterWaits(false);
    const [first] = entries;
    if (first) choose(first);
  });
  useEffect(() => {
    if (enterWaits && !busy) chooseFirst();
  }, [enterWaits, busy]);

  const list = useRef<HTMLDivElement>(null);
  const move = (to: number) => {
    const next = (to + entries.length) % Math.max(1, entries.length);
    setAt(next);
    // The one that is chosen is always seen, with the title of its group if it is the first.
    list.current?.querySelectorAll('[role="option"]')[next]?.scrollIntoView({ block: 'nearest' });
    if (next === 0) list.current?.scrollTo({ top: 0 });
  };
  /** The first of the group after, or of this one or the one before. */
  const moveByGroup = (by: 1 | -1) => {
    const starts = groups.map((_, index) => groups.slice(0, index).flatMap((group) => group.entries).length);
    const to = by > 0 ? starts.find((start) => start > selected) : starts.findLast((start) => start < selected);
    move(to ?? (by > 0 ? 0 : (starts.at(-1) ?? 0)));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const command = event.ctrlKey || event.metaKey;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const by = event.key === 'ArrowDown' ? 1 : -1;
      if (command) moveByGroup(by);
      else move(selected + by);
    } else if (event.key === 'PageDown' || event.key === 'PageUp')
      move(Math.max(0, Math.min(entries.length - 1, selected + (event.key === 'PageDown' ? 8 : -8))));
    else if (event.key === 'Enter') {
      const entry = entries[selected];
      if (busy && at === 0 && !groups[0]?.isSure) setEnterWaits(true);
      else if (entry) choose(entry);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <>
      <div className={classes.search}>
        <IconSearch size={18} stroke={1.75} aria-hidden />
        <input
          data-autofocus
          type="text"
          role="combobox"
          aria-expanded
          aria-controls={listId}
          aria-activedescendant={optionId(entries[selected])}
          aria-autocomplete="list"
          aria-label={t('Search records, or type a command')}
          placeholder={t('Search records, or type a command')}
          autoComplete="off"
          autoCorrect="off"
          spellCheck={false}
          enterKeyHint="go"
          value={query}
          onChange={(event) => type(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        {phone || query !== '' ? (
          <button
            type="button"
            className={classes.clear}
            aria-label={query === '' ? t('Close the search') : t('Empty the search')}
            onClick={() => (query === '' ? onClose() : type(''))}
          >
            <IconX size={16} />
          </button>
        ) : null}
      </div>
      <div
        ref={list}
        id={listId}
        role="listbox"
        aria-label={t('Results')}
        className={classes.list}
        aria-busy={busy}
        tabIndex={-1}
      >
        {groups.map((group) => (
          <div key={group.label} role="group" aria-label={group.label}>
            <div className={classes.title} aria-hidden>
              {group.label}
            </div>
            {group.entries.map((entry) => (
              <div
                key={entry.id}
                id={optionId(entry)}
                role="option"
                aria-selected={entry === entries[selected]}
                className={classes.entry}
                onClick={() => choose(entry)}
                onPointerMove={() => entry !== entries[selected] && setAt(entries.indexOf(entry))}
              >
                <span className={classes.icon} aria-hidden>
                  {entry.icon}
                </span>
                <span className={classes.text}>
                  <span className={classes.label}>{entry.label}</span>
                  {entry.context ? <span className={classes.context}>{entry.context}</span> : null}
                </span>
                {entry.note ? <span className={classes.note}>{entry.note}</span> : null}
                {entry.keys ? <Keys keys={entry.keys} /> : null}
              </div>
            ))}
          </div>
        ))}
      </div>
      {entries.length === 0 ? (
        <div className={classes.empty}>
          {busy ? (
            t('Searching…')
          ) : failed ? (
            t('The search could not be asked. The commands are there all the same.')
          ) : (
            <>
              <b>{t('Nothing matches “{asked}”.', { asked })}</b>
              <span>
                {t(
                  'Names, e-mail addresses, phone numbers and all texts that are searched are found by the beginnings of their words. Try fewer or shorter words.',
                )}
              </span>
            </>
          )}
        </div>
      ) : null}
      <div className="visually-hidden" role="status">
        {asked === '' || busy ? '' : t('{count} found.', { count: entries.length })}
      </div>
      {phone ? null : (
        <footer className={classes.foot} aria-hidden>
          <span>
            <Trans text={'{value}{value2} move'} values={{ value: <kbd>↑</kbd>, value2: <kbd>↓</kbd> }} />
          </span>
          <span>
            <Trans text={'{value} open'} values={{ value: <kbd>Enter</kbd> }} />
          </span>
          <span>
            <Keys keys="Mod+↓" /> {t('next group')}
          </span>
          <span>
            <Trans text={'{value} close'} values={{ value: <kbd>Esc</kbd> }} />
          </span>
        </footer>
      )}
    </>
  );
}
