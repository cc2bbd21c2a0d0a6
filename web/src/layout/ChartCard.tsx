import { useCallback, useEffect, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { aggregateInputs, aggregateLabel, aggregateText } from '../model/aggregates.ts';
import { groupsDocument, type RecordGroup } from '../model/documents.ts';
import { groupingInput, groupLabel } from '../model/grouping.ts';
import { fieldById, relatedLists } from '../model/lookup.ts';
import { ReadFailure } from '../records/ReadFailure.tsx';
import record from '../records/RecordView.module.css';
import { useLiveObjects } from '../records/useLiveObject.ts';
import type { WidgetOf } from './layout.ts';
import classes from './layout.module.css';
import { useOpenRecord } from './openRecord.ts';
import { t } from '../language/t.ts';

/** Related records as bars: how many there are of each kind, or what a number of theirs comes to. */
export function ChartCard({ widget }: { widget: WidgetOf<'CHART'> }) {
  const { model, object, id } = useOpenRecord();
  const list = relatedLists(model, object).find(({ relation }) => relation.id === widget.relationId);
  const holder = list?.holder;
  const group = holder && fieldById(holder, widget.groupFieldId);
  const { aggregate } = widget;
  const sum = holder && aggregate !== 'COUNT' ? fieldById(holder, widget.fieldId) : undefined;
  // A field that the role does not read, or that is gone, leaves nothing to show.
  const isWhole = list !== undefined && group !== undefined && (aggregate === 'COUNT' || sum !== undefined);
  const [groups, setGroups] = useState<RecordGroup[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const key = [id, list?.relation.columnName, group?.id, aggregate, sum?.id].join();

  const read = useCallback(async () => {
    if (!isWhole || !holder || !list || !group) return;
    try {
      const answer = await request(groupsDocument(holder), {
        filter: { [list.relation.columnName]: { equalTo: id } },
        values: [{ function: 'COUNT' }, ...(sum && aggregate !== 'COUNT' ? aggregateInputs(sum, aggregate) : [])],
        by: groupingInput(group, null),
      });
      setGroups(answer.list.groups);
      setFailure(null);
    } catch (cause) {
      setFailure(toFailure(cause));
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- key stands for all that the query is made from.
  }, [key]);
  useEffect(() => void read(), [read]);
  useLiveObjects(holder ? [holder.id] : [], () => void read());
  if (!isWhole || !holder || !list || !group) return null;

  const title = widget.title ?? list.label;
  const what =
    sum && aggregate !== 'COUNT'
      ? t('{sum}: {label}, by {groupLabel}', {
          sum: aggregateLabel(sum, aggregate),
          label: sum.label,
          groupLabel: group.label,
        })
      : t('By {label}', { label: group.label });
  const bars = (groups ?? [])
    .map(({ key: value, values: [count, ...rest] }) => ({
      key: value ?? '',
      place: group.options?.find((option) => option.value === value)?.position ?? Number.MAX_SAFE_INTEGER,
      label: groupLabel(group, null, value),
      size: Number((sum ? rest[0] : count) ?? 0),
      text: sum && aggregate !== 'COUNT' ? aggregateText(sum, aggregate, rest) : (count ?? '0'),
    }))
    .sort((a, b) => a.place - b.place || (a.key < b.key ? -1 : 1));
  const most = Math.max(0, ...bars.map(({ size }) => Math.abs(size)));
  return (
    <section className={record.block} aria-label={`${title}, ${what}`}>
      <div className={record.blockHead}>
        <h2 className={record.blockTitle}>{title}</h2>
        <span className={record.count}>{what}</span>
      </div>
      {failure ? <ReadFailure what={title} failure={failure} onRetry={() => void read()} /> : null}
      {groups === null && !failure ? (
        <div className={record.boneRow}>
          <span className={record.bone} style={{ width: '60%' }} />
        </div>
      ) : null}
      {groups?.length === 0 ? <p className={record.quiet}>{t('Nothing to show yet.')}</p> : null}
      <ul className={classes.bars}>
        {bars.map((bar) => (
          <li key={bar.key} className={classes.bar}>
            <span className={classes.barLabel}>{bar.label}</span>
            <span className={classes.barTrack} aria-hidden>
              <span
                className={classes.barFill}
                style={{ inlineSize: `${most === 0 ? 0 : (Math.abs(bar.size) / most) * 100}%` }}
              />
            </span>
            <span className={classes.barText}>{bar.text}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
