import { Modal, Switch, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { useHelp } from '../app/commandStore.ts';
import { useModel } from '../model/store.ts';
import { setCharacterKeys, useCharacterKeys } from './characterKeys.ts';
import { goLetters } from './goLetters.ts';
import { Keys } from './Keys.tsx';
import classes from './ShortcutHelp.module.css';
import { PLACES, shortcutTexts, type ShortcutText } from './texts.ts';
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
  const all: ShortcutText[] = [
    ...shortcutTexts(),
    ...[...goLetters(model)].map(([letter, object]) => ({
      id: `go.${object.namePlural}`,
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
                      {keys.map((each) => (
                        <Keys key={each} keys={each} />
                      ))}
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
