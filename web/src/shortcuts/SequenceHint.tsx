import { useModel } from '../model/store.ts';
import { goLetters } from './goLetters.ts';
import { Keys } from './Keys.tsx';
import { useSequence } from './sequence.ts';
import classes from './SequenceHint.module.css';
import { shortcutTexts } from './texts.ts';

/** After the first of two keys: where the second one leads. Who knows it is gone before this shows. */
export default function SequenceHint() {
  const first = useSequence((state) => state.first);
  return first === null ? null : <Following first={first} />;
}

function Following({ first }: { first: string }) {
  const model = useModel();
  const begins = `${first} `;
  const rows = [
    ...(first === 'g'
      ? [...goLetters(model)].map(([letter, { labelPlural }]) => ({ key: letter, text: labelPlural }))
      : []),
    ...shortcutTexts().flatMap(({ keys, text }) =>
      keys.filter((each) => each.startsWith(begins)).map((each) => ({ key: each.slice(begins.length), text })),
    ),
  ];
  return (
    <div className={classes.hint} role="status">
      <Keys keys={first} />
      <ul>
        {rows.map(({ key, text }) => (
          <li key={key}>
            <Keys keys={key} /> {text}
          </li>
        ))}
      </ul>
    </div>
  );
}
