import { ActionIcon, Button, SegmentedControl } from '@mantine/core';
import { IconCalendarOff, IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { request } from '../api/client.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { useCreate } from '../app/commandStore.ts';
import { Message } from '../app/Message.tsx';
import { usePhone } from '../app/phone.ts';
import { settle } from '../app/settled.ts';
import { addDays, formatDay, formatMonth, localDay, splitInstant } from '../model/dates.ts';
import { listDocument } from '../model/documents.ts';
import { toGraphQLFilter } from '../model/filterTree.ts';
import { firstDayOfWeek, timeOfDay, countText } from '../model/formats.ts';
import type { Clause } from '../model/filters.ts';
import { rightsOf } from '../model/permissions.ts';
import { isEditable } from '../model/text.ts';
import type { ColumnValue, RecordRow } from '../model/types.ts';
import { applyValue, readValue, recordLabel, toPatch } from '../model/values.ts';
import { withPending } from '../offline/pending.ts';
import { announceFailure } from '../records/announce.tsx';
import { saveEdits } from '../records/changes.ts';
import { dependencies } from '../records/dependencies.ts';
import { rememberList } from '../records/recordSequence.ts';
import { reasonOf, type Edit } from '../records/refusals.ts';
import { useLiveObjects } from '../records/useLiveObject.ts';
import { ViewFrame, type ViewPageProps } from '../records/ViewFrame.tsx';
import { useSession } from '../session/session.ts';
import { remembering, type Step } from '../undo/undo.ts';
import { dateField, endField } from '../views/layoutFields.ts';
import { Agenda } from './Agenda.tsx';
import classes from './calendar.module.css';
import {
  dayOf,
  endedAt,
  entryOf,
  movedTo,
  rangeClause,
  rangeOf,
  selected,
  startOfWeek,
  step,
  today,
  type Dated,
  type Entry,
  type Scale,
} from './entries.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';
import { meantKey } from '../language/direction.ts';

const CalendarGrid = lazy(async () => ({ default: (await import('./CalendarGrid.tsx')).CalendarGrid }));
const CreateModal = lazy(async () => ({ default: (await import('../records/CreateModal.tsx')).CreateModal }));

/** More than these in one month nobody tells apart. */
const MOST = 1000;
const PAGE = 500;

function title(scale: Scale, day: string, firstDay: number): string {
  if (scale === 'MONTH') return formatMonth(day);
  if (scale === 'DAY') return formatDay(day);
  const from = startOfWeek(day, firstDay);
  return `${formatDay(from)} – ${formatDay(addDays(from, 6))}`;
}

export function CalendarPage(props: ViewPageProps) {
  const { model, object, shown, show } = props;
  const { filters, options } = shown;
  const phone = usePhone();
  const navigate = useNavigate();
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const [day, setDay] = useState(today);
  const [rows, setRows] = useState<RecordRow[] | null>(null);
  const [hasMore, setHasMore] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [creating, setCreating] = useState<{ [name: string]: ColumnValue } | null>(null);
  const [said, setSaid] = useState('');
  const rights = rightsOf(object);
  const firstDay = firstDayOfWeek();
  const scale: Scale = phone || !options.scale || options.scale === 'QUARTER' ? 'MONTH' : options.scale;

  const start = dateField(object, options);
  const end = start ? endField(object, start, options) : undefined;
  const dated = useMemo<Dated | null>(() => (start ? { start, end } : null), [start, end]);
  const mark = object.fields.find(({ type, isActive }) => type === 'SELECT' && isActive);
  const fields = useMemo(() => [start, end, mark].filter((field) => field !== undefined), [start, end, mark]);
  const isMovable = rights.canUpdate && start !== undefined && isEditable(start) && (!end || isEditable(end));
  const isCreatable = rights.canCreate && start !== undefined && isEditable(start);

  const now = today();
  const filterKey = useMemo(
    () => JSON.stringify(toGraphQLFilter(model, object, filters, new Date(), me)),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what "today" is changes with the day
    [model, object, filters, me, now],
  );
  const range = rangeOf(scale, day, firstDay);
  const rangeKey = JSON.stringify(range);
  const round = useRef(0);
  const fieldKey = fields.map(({ id, type }) => `${id}:${type}`).join();
  const load = useCallback(async () => {
    if (!dated) return;
    const mine = (round.current += 1);
    const condition = JSON.parse(filterKey) as Clause | null;
    const within = rangeClause(dated, JSON.parse(rangeKey) as typeof range);
    try {
      const found: RecordRow[] = [];
      let after: string | null = null;
      do {
        const { list }: { list: { nodes: RecordRow[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } } =
          await request(listDocument(model, object, fields), {
            first: PAGE,
            after,
            filter: condition ? { and: [condition, within] } : within,
          });
        found.push(...list.nodes);
        after = list.pageInfo.hasNextPage ? list.pageInfo.endCursor : null;
      } while (after !== null && found.length < MOST);
      if (mine !== round.current) return;
      setRows(withPending(model, object, found));
      setHasMore(after !== null);
      setFailure(null);
    } catch (cause) {
      if (mine === round.current) setFailure(toFailure(cause));
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- fieldKey stands for the fields, and what is dated by them
  }, [object.id, fieldKey, filterKey, rangeKey]);
  useEffect(() => void load(), [load]);
  useEffect(() => {
    if (rows) requestAnimationFrame(() => setTimeout(settle));
  }, [rows]);
  const saving = useRef(0);
  useLiveObjects(
    useMemo(() => [object.id, ...dependencies(model, object, fields)], [model, object, fields]),
    () => {
      if (saving.current === 0) void load();
    },
  );

  const entries = useMemo(
    () =>
      dated
        ? (rows ?? [])
            .flatMap((row) => entryOf(model, dated, row) ?? [])
            .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
        : [],
    [model, dated, rows],
  );
  const byId = useMemo(() => new Map((rows ?? []).map((row) => [row.id, row])), [rows]);
  useEffect(
    () =>
      rememberList(
        object,
        entries.map(({ id }) => id),
        entries.length,
      ),
    [object, entries],
  );

  const labelOf = (id: string): string => {
    const row = byId.get(id);
    return (row && recordLabel(model, object, row)) || t('Untitled');
  };
  const open = (id: string) =>
    void navigate({ to: '/objects/$namePlural/$id', params: { namePlural: object.namePlural, id } });

  const save = async (id: string, edits: Edit[]) => {
    const row = byId.get(id);
    if (!row || edits.length === 0) return;
    const name = labelOf(id);
    const shownNow = edits.reduce((next, edit) => applyValue(model, edit.field, next, edit.value), row);
    const replace = (by: RecordRow) => setRows((all) => (all ?? []).map((each) => (each.id === id ? by : each)));
    replace(shownNow);
    const at = dated ? entryOf(model, dated, shownNow) : null;
    const when = at ? `${formatDay(dayOf(at))}${at.isAllDay ? '' : `, ${timeOfDay(at.start.slice(11, 16))}`}` : '';
    const changes: Step = { label: t('“{name}” to {when}', { name, when }), requestIds: [] };
    saving.current += 1;
    try {
      const saved = await remembering(changes, () => saveEdits(model, object, row, edits, changes));
      replace({ ...shownNow, ...saved });
      setSaid(t('{name} is on {when} now.', { name, when }));
    } catch (cause) {
      replace(row);
      setSaid(t('{name} is where it was. {cause}', { name, cause: reasonOf(toFailure(cause)) }));
      announceFailure(t('{name} not moved', { name }), cause);
    }
    saving.current -= 1;
  };
  const move = (id: string, to: { day: string; time: string | null }) => {
    const row = byId.get(id);
    if (row && dated) void save(id, movedTo(model, dated, row, to));
  };

  const create = (from: { day: string; time: string | null }, until = from) => {
    if (!dated || !isCreatable) return;
    setCreating(
      Object.assign({}, ...selected(dated, from, until).map(({ field, value }) => toPatch(field, value))) as {
        [name: string]: ColumnValue;
      },
    );
  };
  const createAsked = useCreate((state) => state.objectId === object.id);
  useEffect(() => {
    if (!createAsked) return;
    useCreate.setState({ objectId: null });
    if (rights.canCreate) setCreating({});
  }, [createAsked, rights.canCreate]);

  /** Shift and an arrow put what has the focus a day, a week or half an hour further. */
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const id = (event.target as HTMLElement).closest<HTMLElement>('[data-event-id]')?.dataset['eventId'];
    const row = id === undefined ? undefined : byId.get(id);
    const entry = row && dated ? entryOf(model, dated, row) : null;
    if (!id || !row || !entry || !event.shiftKey || !isMovable || !dated) return;
    const days = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[meantKey(event.key)];
    if (days === undefined) return;
    event.preventDefault();
    const isSideways = Math.abs(days) === 1;
    if (scale === 'MONTH' || entry.isAllDay || isSideways) move(id, { day: addDays(dayOf(entry), days), time: null });
    else {
      const first = readValue(model, dated.start, row);
      const at = splitInstant(new Date(Date.parse(String(first)) + Math.sign(days) * 30 * 60_000).toISOString());
      move(id, at);
    }
    const focus = (tries: number) => {
      const moved = document.querySelector<HTMLElement>(`[data-event-id="${id}"]`);
      if (moved) moved.focus({ preventScroll: true });
      if (tries > 0 && document.activeElement !== moved) requestAnimationFrame(() => focus(tries - 1));
    };
    requestAnimationFrame(() => focus(10));
  };

  const lower = inSentence(object.labelPlural);
  const optionOf = (id: string): string | null => {
    const row = byId.get(id);
    const value = row && mark ? readValue(model, mark, row) : null;
    return mark?.options?.find((option) => option.value === value)?.color ?? null;
  };
  const isInMonth = (entry: Entry) => dayOf(entry).slice(0, 7) === day.slice(0, 7);
  const count = entries.filter((entry) => scale !== 'MONTH' || isInMonth(entry)).length;
  return (
    <ViewFrame
      {...props}
      note={rows ? `${countText(count)}${hasMore ? '+' : ''}` : ''}
      onCreate={rights.canCreate ? () => (isCreatable ? create({ day, time: null }) : setCreating({})) : null}
    >
      {!dated ? (
        <Message icon={<IconCalendarOff size={22} />} title={t('Nothing to put into a calendar')}>
          {t('A calendar goes by a date. Add one to the {lower} first.', { lower })}
        </Message>
      ) : failure ? (
        <Message
          tone="alert"
          title={t('The {lower} could not be read', { lower })}
          actions={<Button onClick={() => void load()}>{t('Try again')}</Button>}
        >
          {reasonOf(failure)}
        </Message>
      ) : (
        <div className={classes.calendar} onKeyDown={onKeyDown} aria-busy={rows === null}>
          <div className={classes.bar}>
            <Button variant="default" size="compact-sm" onClick={() => setDay(today())}>
              {t('Today')}
            </Button>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('Earlier')}
              onClick={() => setDay(step(scale, day, -1))}
            >
              <IconChevronLeft size={17} />
            </ActionIcon>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('Later')}
              onClick={() => setDay(step(scale, day, 1))}
            >
              <IconChevronRight size={17} />
            </ActionIcon>
            <h2 className={classes.title} aria-live="polite">
              {title(scale, day, firstDay)}
            </h2>
            {phone ? null : (
              <SegmentedControl
                size="xs"
                aria-label={t('How much is shown')}
                value={scale}
                onChange={(next) => show({ options: { ...options, scale: next as Scale } })}
                data={[
                  { value: 'MONTH', label: t('Month') },
                  { value: 'WEEK', label: t('Week') },
                  { value: 'DAY', label: t('Day') },
                ]}
              />
            )}
          </div>
          {hasMore ? (
            <p className={classes.note} role="status">
              {t('Only the first {most} are shown. A filter makes them fewer.', { most: countText(MOST) })}
            </p>
          ) : null}
          {phone ? (
            <Agenda
              object={object}
              entries={entries.filter(isInMonth)}
              isLoading={rows === null}
              labelOf={labelOf}
              colorOf={optionOf}
              today={localDay(new Date())}
            />
          ) : (
            <Suspense fallback={<div className={classes.bone} />}>
              <CalendarGrid
                scale={scale}
                day={day}
                firstDay={firstDay}
                entries={entries}
                labelOf={labelOf}
                colorOf={optionOf}
                isMovable={isMovable}
                isResizable={isMovable && end !== undefined}
                isCreatable={isCreatable}
                onOpen={open}
                onMove={move}
                onEnd={(id, to) => void save(id, endedAt(dated, to))}
                onSelect={create}
                onDay={(next) => {
                  setDay(next);
                  show({ options: { ...options, scale: 'DAY' } });
                }}
              />
            </Suspense>
          )}
        </div>
      )}
      <div className="visually-hidden" role="status" aria-live="assertive">
        {said}
      </div>
      <Suspense fallback={null}>
        {creating ? (
          <CreateModal
            model={model}
            object={object}
            fields={fields}
            values={creating}
            start={undefined}
            onClose={() => setCreating(null)}
            onCreated={() => void load()}
          />
        ) : null}
      </Suspense>
    </ViewFrame>
  );
}
