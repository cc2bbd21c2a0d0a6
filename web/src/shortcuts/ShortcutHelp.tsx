import { ActionIcon, Button, Modal, Switch, TextInput } from '@mantine/core';
import { IconPencil, IconRestore, IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { useHelp } from '../app/commandStore.ts';
import { useModel } from '../model/store.ts';
import { keepShortcuts, useProfile } from '../session/profile.ts';
import { ChangeKeys } from './ChangeKeys.tsx';
import { setCharacterKeys, useCharacterKeys } from './characterKeys.ts';
import { goLetters } from './goLetters.ts';
import { Keys } from './Keys.tsx';
import type { ShortcutId } from './keys.ts';
import { useOwnKeys, withKeys, type OwnKeys } from './ownKeys.ts';
import classes from './ShortcutHelp.module.css';
import { isChangeable, PLACES, shortcutTexts, textOf, type ShortcutText } from './texts.ts';
import { t } from '../language/t.ts';

/** All shortcuts, by where they hold. */
export default function ShortcutHelp() {
  const opened = useHelp((state) => state.opened);
  return (
    <Modal
      opened={opened}
      onClose={() => useHelp.setState({ opened: false })}
      title={t('Keyboard shortcuts')}
      size="70rem"
    >
      <Shortcuts />
    </Modal>
  );
}

function Shortcuts() {
  const model = useModel();
  const areOn = useCharacterKeys((state) => state.areOn);
  const [wanted, setWanted] = useState('');
  const own = useOwnKeys((state) => state.own);
  const isMember = useProfile((state) => state.profile !== null);
  const [changing, setChanging] = useState<ShortcutId | null>(null);
  const close = (id: ShortcutId) => {
    setChanging(null);
    requestAnimationFrame(() =>
      document.querySelector<HTMLElement>(`[data-shortcut="${id}"] button`)?.focus({ preventScroll: true }),
    );
  };
  const keepKeys = (next: OwnKeys, id: ShortcutId) => {
    close(id);
    void keepShortcuts(next);
  };
  const all: ShortcutText[] = [
    ...shortcutTexts(own),
    ...[...goLetters(model)].map(([letter, object]) => ({
      id: `go.objects.${object.namePlural}`,
      place: 'go' as const,
      keys: [`g ${letter}`],
      text: object.labelPlural,
    })),
  ];
  const shown = all.filter(({ text }) => text.toLowerCase().includes(wanted.trim().toLowerCase()));
  const places = PLACES.map(({ place, title }) => ({ title, rows: shown.filter((each) => each.place === place) }));
  return (
    <>
      <div className={classes.head}>
        <TextInput
          data-autofocus
          aria-label={t('Find a shortcut')}
          placeholder={t('Find a shortcut')}
          leftSection={<IconSearch size={15} />}
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
        />
        <Switch
          label={t('Single keys')}
          description={t('Without them only shortcuts with a modifier work, so that dictated words do nothing.')}
          checked={areOn}
          onChange={(event) => setCharacterKeys(event.currentTarget.checked)}
        />
        {isMember ? (
          <p className={classes.about}>
            {t('The pencil changes what is pressed. It holds for you, on every device.')}
            {Object.keys(own).length > 0 ? (
              <Button variant="default" size="compact-sm" onClick={() => void keepShortcuts({})}>
                {t('Reset all')}
              </Button>
            ) : null}
          </p>
        ) : null}
      </div>
      {shown.length === 0 ? <p>{t('No shortcut is called that.')}</p> : null}
      <div className={classes.columns}>
        {places.map(({ title, rows }) =>
          rows.length > 0 ? (
            <section key={title}>
              <h3>{title}</h3>
              <dl className={classes.list}>
                {rows.map(({ id, keys, text }) => (
                  <div key={id} data-shortcut={id}>
                    <dt>{text}</dt>
                    <dd>
                      {changing === id ? (
                        <ChangeKeys
                          id={changing}
                          text={text}
                          own={own}
                          textOf={textOf}
                          onChange={(next, from) =>
                            keepKeys(withKeys(from ? withKeys(own, from, '') : own, changing, next), changing)
                          }
                          onClose={() => close(changing)}
                        />
                      ) : (
                        <>
                          {keys.map((each) => (
                            <Keys key={each} keys={each} />
                          ))}
                          {keys.length === 0 ? <span className={classes.none}>{t('No keys')}</span> : null}
                          {isMember && isChangeable(id) ? (
                            <span className={classes.tools}>
                              <ActionIcon
                                variant="subtle"
                                color="gray"
                                size="sm"
                                aria-label={t('Change the keys of {text}', { text })}
                                onClick={() => setChanging(id)}
                              >
                                <IconPencil size={13} />
                              </ActionIcon>
                              {id in own ? (
                                <ActionIcon
                                  variant="subtle"
                                  color="gray"
                                  size="sm"
                                  aria-label={t('Back to the usual keys of {text}', { text })}
                                  onClick={() => keepKeys(withKeys(own, id, null), id)}
                                >
                                  <IconRestore size={13} />
                                </ActionIcon>
                              ) : null}
                            </span>
                          ) : null}
                        </>
                      )}
                    </dd>
                  </div>
                ))}
              </dl>
            </section>
          ) : null,
        )}
      </div>
    </>
  );
}
