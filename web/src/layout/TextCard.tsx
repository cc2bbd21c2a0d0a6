import record from '../records/RecordView.module.css';
import type { WidgetOf } from './layout.ts';
import classes from './layout.module.css';
import { t } from '../language/t.ts';

const ADDRESS = /(https?:\/\/[^\s)]+)/g;

/** What whoever arranged the page wants its readers to know, such as how a stage is worked. Addresses in it lead on. */
export function TextCard({ widget }: { widget: WidgetOf<'TEXT'> }) {
  return (
    <section className={record.block} aria-label={widget.title || t('Text')}>
      {widget.title ? <h2 className={record.blockTitle}>{widget.title}</h2> : null}
      <p className={classes.text}>
        {widget.text.split(ADDRESS).map((part, index) =>
          index % 2 === 1 ? (
            <a key={index} href={part} data-plain target="_blank" rel="noreferrer noopener">
              {part}
            </a>
          ) : (
            part
          ),
        )}
      </p>
    </section>
  );
}
