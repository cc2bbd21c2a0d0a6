import { Modal } from '@mantine/core';
import { Fragment } from 'react';
import { useModel } from '../model/store.ts';
import { useHelp } from './commandStore.ts';
import { COMMAND_KEY, goLetters } from './shortcuts.ts';
import classes from './ShortcutHelp.module.css';

const TABLE: [string[], string][] = [
  [['↑', '↓', '←', '→'], 'Move between cells'],
  [['Tab'], 'Next cell'],
  [['Enter'], 'Edit the cell; again to save and go down'],
  [['A', '…'], 'Start typing to overwrite'],
  [['Esc'], 'Drop the edit, then the selection'],
  [['Space'], 'Switch yes or no; elsewhere peek at the record'],
  [['⇧', 'Space'], 'Select the row'],
  [['⇧', '↓', '→'], 'Draw a block of cells'],
  [['Delete'], 'Empty the cells'],
  [[COMMAND_KEY, 'C'], 'Copy the block, or the selected rows'],
  [[COMMAND_KEY, 'V'], 'Paste cells'],
  [[COMMAND_KEY, 'D'], 'Fill down from the first row of the block'],
  [[COMMAND_KEY, 'A'], 'Select all rows'],
  [[COMMAND_KEY, 'Enter'], 'Open the record'],
  [[COMMAND_KEY, '⌫'], 'Delete the selected records'],
  [['Home', 'End'], 'First or last column'],
  [['Alt', '⇧', '←'], 'Move the column'],
  [['⇧', 'F10'], 'Menu of the column'],
];

function Keys({ keys }: { keys: string[] }) {
  return (
    <dt>
      {keys.map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </dt>
  );
}

export default function ShortcutHelp() {
  const opened = useHelp((state) => state.opened);
  const model = useModel();
  const everywhere: [string[], string][] = [
    [[COMMAND_KEY, 'K'], 'Search and commands'],
    [[COMMAND_KEY, 'Z'], 'Undo; with ⇧ redo'],
    [['C'], 'New record'],
    [['N'], 'Notifications'],
    [['?'], 'This list'],
    ...[...goLetters(model)].map(([letter, object]): [string[], string] => [
      ['G', letter.toUpperCase()],
      object.labelPlural,
    ]),
    [['G', 'S'], 'Data model'],
  ];
  return (
    <Modal opened={opened} onClose={() => useHelp.setState({ opened: false })} title="Keyboard shortcuts" size="lg">
      <div className={classes.columns}>
        {[
          { title: 'Everywhere', rows: everywhere },
          { title: 'In a table', rows: TABLE },
        ].map(({ title, rows }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl className={classes.list}>
              {rows.map(([keys, text]) => (
                <Fragment key={text}>
                  <Keys keys={keys} />
                  <dd>{text}</dd>
                </Fragment>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}
