import { useElementSize, useMergedRef } from '@mantine/hooks';
import { IconChevronDown, IconChevronRight, IconPlus } from '@tabler/icons-react';
import {
  useCallback,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
  type Ref,
} from 'react';
import { useStore } from 'zustand';
import { Tag } from '../fields/Tag.tsx';
import type { GridItems } from '../grid/items.ts';
import { inSentence } from '../language/inSentence.ts';
import { t } from '../language/t.ts';
import { formatDay } from '../model/dates.ts';
import { countText, firstDayOfWeek, weekendDays } from '../model/formats.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import type { Group } from '../records/groupStore.ts';
import { barOf, DAY, dayAt, heldAt, isTimed, type Bar, type Grip, type Spanned } from './bars.ts';
import { spanText } from './barText.ts';
import { GanttHead } from './GanttHead.tsx';
import { GanttRow, type RowActions } from './GanttRow.tsx';
import { GanttTip } from './GanttTip.tsx';
import classes from './gantt.module.css';
import type { HeldStore } from './held.ts';
import { hold } from './hold.ts';
import { headOf, snapOf, stepOf, weekendsOf, widthOf, type Zoom } from './scale.ts';

export interface ChartHandle {
  /** Puts a moment at the beginning of what is seen, a little in. */
  show: (place: number) => void;
  /** Goes on or back by most of what is seen. */
  turn: (by: 1 | -1) => void;
  middle: () => number;
  focus: (id: string) => void;
  /** Follows something that is brought here; gives the place where it was let go, if that was in the timeline. */
  bring: (event: PointerEvent<HTMLElement>, label: string, onPut: (place: number) => void) => void;
}

interface GanttChartProps {
  ref: Ref<ChartHandle>;
  model: Model;
  object: ModelObject;
  spanned: Spanned;
  zoom: Zoom;
  range: { from: number; until: number };
  now: number;
  items: GridItems<RecordRow>;
  groupOf: (key: string) => Group | undefined;
  fields: ModelField[];
  colorOf: (row: RecordRow) => string;
  names: number;
  grips: { bar: boolean; start: boolean; end: boolean };
  peeked: string | null;
  isLoading: boolean;
  held: HeldStore;
  onSeen: (first: number, last: number) => void;
  onTime: (from: number, until: number) => void;
  onOpen: (id: string) => void;
  onMove: (row: RecordRow, grip: Grip, by: number) => void;
  /** Makes a record of what was drawn; null for who may make none. */
  onDraw: ((group: string | null, from: number, until: number) => void) | null;
  onCreate: ((group: string | null) => void) | null;
  onToggle: (group: string) => void;
}

const ROW = 38;
const HEAD = 52;
/** Drawn anew by so many pixels of scrolling, and so far beyond what is seen. */
const NOTCH = 40;
const BEYOND = 200;
const OVERSCAN = 6;
const FOOT = 'foot';
/** A letter of a name is about so wide, and its margins. */
const LETTER = 7;
const MARGINS = 24;

export function GanttChart(props: GanttChartProps) {
  const { model, object, spanned, zoom, range, now, items, groupOf, fields, colorOf, names, grips, held } = props;
  const { onSeen, onTime, onOpen, onMove, onDraw, onCreate, onToggle } = props;
  const timed = isTimed(spanned);
  const width = widthOf(zoom, timed);
  const scale = width / DAY;
  const snap = snapOf(zoom, timed);
  const step = stepOf(zoom, timed);
  const scroller = useRef<HTMLDivElement>(null);
  const { ref: sized, width: wide, height: high } = useElementSize();
  const merged = useMergedRef(scroller, sized);
  const [at, setAt] = useState({ left: 0, top: 0 });
  const [inHand, setInHand] = useState<string | null>(null);
  const [tip, setTip] = useState<{ row: RecordRow; box: DOMRect } | null>(null);
  const tipTimer = useRef<ReturnType<typeof setTimeout>>(undefined);

  // What is seen stays where it is when the days become wider, or there are more of them before.
  const anchor = useRef<number | null>(null);
  const shownAt = useRef({ origin: range.from, scale });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element || wide === 0) return;
    const half = (wide - names) / 2;
    const before = shownAt.current;
    const isOther = before.scale !== scale || before.origin !== range.from;
    if (anchor.current === null) {
      element.scrollLeft = (now - range.from) * scale - (half * 2) / 3;
    } else if (isOther) {
      element.scrollLeft = (anchor.current - range.from) * scale - half;
    }
    shownAt.current = { origin: range.from, scale };
    anchor.current = range.from + (element.scrollLeft + half) / scale;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the clock that goes on scrolls nothing
  }, [wide, names, scale, range.from]);

  const read = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const { origin, scale: drawnAt } = shownAt.current;
    // Before the first place is found nothing is seen.
    if (anchor.current !== null)
      anchor.current = origin + (element.scrollLeft + (element.clientWidth - names) / 2) / drawnAt;
    const next = {
      left: Math.floor(element.scrollLeft / NOTCH) * NOTCH,
      top: Math.floor(element.scrollTop / ROW) * ROW,
    };
    setAt((before) => (before.left === next.left && before.top === next.top ? before : next));
  }, [names]);
  useLayoutEffect(read, [read, wide, scale, range.from]);

  const placeAt = useCallback(
    (x: number): number => {
      const element = scroller.current;
      if (!element) return range.from;
      return range.from + (x - element.getBoundingClientRect().left + element.scrollLeft - names) / scale;
    },
    [range.from, names, scale],
  );
  const snapped = (place: number) => Math.floor(place / snap) * snap;

  const first = Math.max(0, Math.floor(at.top / ROW) - OVERSCAN);
  const last = Math.min(items.count - 1, Math.ceil((at.top + high) / ROW) + OVERSCAN);
  useEffect(() => onSeen(first, last), [onSeen, first, last, items]);
  const [seenFrom, seenUntil] = [
    range.from + at.left / scale,
    range.from + (at.left + Math.max(0, wide - names)) / scale,
  ];
  useEffect(() => {
    if (wide > 0) onTime(seenFrom, seenUntil);
  }, [onTime, seenFrom, seenUntil, wide]);

  const [from, until] = [
    Math.max(range.from, seenFrom - BEYOND / scale),
    Math.min(range.until, seenUntil + (BEYOND + NOTCH) / scale),
  ];
  const [firstDay, weekend] = [firstDayOfWeek(), weekendDays()];
  const dayFrom = dayAt(from);
  const dayUntil = dayAt(until);
  // By hours they change with each notch, by days rarely.
  const [cellsFrom, cellsUntil] =
    zoom === 'DAY' && timed ? [from, until] : [Math.floor(from / DAY) * DAY, Math.ceil(until / DAY) * DAY];
  const head = useMemo(
    () => headOf(zoom, timed, firstDay, cellsFrom, cellsUntil),
    [zoom, timed, firstDay, cellsFrom, cellsUntil],
  );
  const weekendKey = weekend.join();
  const weekends = useMemo(
    () => weekendsOf(weekendKey.split(',').map(Number), cellsFrom, cellsUntil),
    [weekendKey, cellsFrom, cellsUntil],
  );
  const isWeekend = useCallback(
    (place: number) =>
      zoom !== 'QUARTER' &&
      weekendKey
        .split(',')
        .map(Number)
        .includes(new Date(place * 60_000).getUTCDay()),
    [weekendKey, zoom],
  );

  const total = (range.until - range.from) * scale;
  const foot = onDraw || onCreate ? ROW : 0;
  const height = HEAD + items.count * ROW + foot;

  const reveal = useCallback(
    (bar: Bar) => {
      const element = scroller.current;
      if (!element) return;
      const [begin, end] = [(bar.from - range.from) * scale, (bar.until - range.from) * scale];
      const room = element.clientWidth - names;
      if (begin < element.scrollLeft || end > element.scrollLeft + room)
        element.scrollLeft = Math.max(0, begin - room / 4);
    },
    [range.from, scale, names],
  );
  const revealRow = (index: number) => {
    const element = scroller.current;
    if (!element) return;
    const top = index * ROW;
    const room = element.clientHeight - HEAD - foot;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + ROW > element.scrollTop + room) element.scrollTop = top + ROW - room;
  };
  const focusBar = useCallback((id: string, tries = 20) => {
    const element = scroller.current?.querySelector<HTMLElement>(`[data-bar="${id}"]`);
    if (element) element.focus({ preventScroll: true });
    else if (tries > 0) requestAnimationFrame(() => focusBar(id, tries - 1));
  }, []);

  useImperativeHandle(props.ref, () => ({
    show: (place) => {
      const element = scroller.current;
      if (element) element.scrollLeft = (place - range.from) * scale - (element.clientWidth - names) / 3;
    },
    turn: (by) => {
      const element = scroller.current;
      if (element) element.scrollBy({ left: by * (element.clientWidth - names) * 0.8, behavior: 'smooth' });
    },
    middle: () => Math.floor((anchor.current ?? now) / DAY) * DAY,
    focus: (id) => {
      const index = items.indexOf(id);
      if (index >= 0) revealRow(index);
      focusBar(id);
    },
    bring: (event, label, onPut) => {
      const ghost = document.createElement('div');
      ghost.className = classes.ghost ?? '';
      ghost.textContent = label;
      ghost.setAttribute('aria-hidden', 'true');
      const over = ({ x, y }: { x: number; y: number }): number | null => {
        const box = scroller.current?.getBoundingClientRect();
        const isIn = box && x > box.left + names && x < box.right && y > box.top && y < box.bottom;
        return isIn ? snapped(placeAt(x)) : null;
      };
      hold(event.nativeEvent, {
        scroller: () => scroller.current,
        inset: names,
        onLift: () => document.body.append(ghost),
        onMove: (to) => {
          ghost.style.transform = `translate(${to.x + 10}px, ${to.y + 8}px)`;
          const place = over(to);
          held.setState({ held: place === null ? null : { kind: 'day', at: place } });
        },
        onDrop: (to) => {
          const place = over(to);
          if (place !== null) onPut(place);
        },
        onEnd: () => {
          ghost.remove();
          held.setState({ held: null });
        },
      });
    },
  }));

  const rowOf = useCallback(
    (id: string): RecordRow | null => {
      const index = items.indexOf(id);
      const item = index < 0 ? null : items.at(index);
      return item?.kind === 'row' ? item.row : null;
    },
    [items],
  );
  const latest = useRef({ rowOf, onMove, onOpen, placeAt, snap, reveal });
  useLayoutEffect(() => {
    latest.current = { rowOf, onMove, onOpen, placeAt, snap, reveal };
  });

  const actions = useMemo<RowActions>(
    () => ({
      onOpen: (id) => latest.current.onOpen(id),
      onFocus: setInHand,
      onReveal: (bar) => latest.current.reveal(bar),
      onTip: (row, element) => {
        clearTimeout(tipTimer.current);
        if (!row || !element) tipTimer.current = setTimeout(() => setTip(null), 120);
        else tipTimer.current = setTimeout(() => setTip({ row, box: element.getBoundingClientRect() }), 380);
      },
      onPointerDown: (event, bar, grip) => {
        const may = grip === 'bar' ? grips.bar : grip === 'start' ? grips.start : grips.end;
        if (!may) return;
        const begin = latest.current.placeAt(event.clientX);
        let by = 0;
        hold(event.nativeEvent, {
          scroller: () => scroller.current,
          inset: names,
          onLift: () => held.setState({ held: { kind: 'bar', id: bar.id, from: bar.from, until: bar.until } }),
          onMove: ({ x }) => {
            by = Math.round((latest.current.placeAt(x) - begin) / latest.current.snap) * latest.current.snap;
            held.setState({ held: { kind: 'bar', id: bar.id, ...heldAt(spanned, bar, grip, by) } });
          },
          onDrop: () => {
            const row = latest.current.rowOf(bar.id);
            if (row && by !== 0) latest.current.onMove(row, grip, by);
          },
          onEnd: () => held.setState({ held: null }),
        });
      },
    }),
    [grips.bar, grips.start, grips.end, held, names, spanned],
  );

  /** On an empty line a bar is drawn from here to there. */
  const onDrawing = (event: PointerEvent<HTMLElement>, line: string, group: string | null) => {
    if (!onDraw || (event.target as HTMLElement).closest('button')) return;
    const begin = snapped(placeAt(event.clientX));
    const span = { from: begin, until: begin + snap };
    hold(event.nativeEvent, {
      scroller: () => scroller.current,
      inset: names,
      onLift: () => held.setState({ held: { kind: 'new', line, ...span } }),
      onMove: ({ x }) => {
        const place = snapped(placeAt(x));
        Object.assign(span, { from: Math.min(begin, place), until: Math.max(begin, place) + snap });
        held.setState({ held: { kind: 'new', line, ...span } });
      },
      onDrop: () => onDraw(group, span.from, span.until),
      onEnd: () => held.setState({ held: null }),
    });
  };

  /** The bar nearest to a line, that way. */
  const barFrom = (index: number, by: 1 | -1): RecordRow | null => {
    for (let next = index; next >= 0 && next < items.count; next += by) {
      const item = items.at(next);
      if (item.kind === 'row') return item.row;
      if (item.kind === 'bone') return null;
    }
    return null;
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.key === 'Escape' && tip) {
      event.stopPropagation();
      setTip(null);
      return;
    }
    const id = (event.target as HTMLElement).closest<HTMLElement>('[data-bar]')?.dataset['bar'];
    const row = id === undefined ? null : rowOf(id);
    if (!id || !row || event.ctrlKey || event.metaKey) return;
    const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (sideways !== undefined && (event.shiftKey || event.altKey)) {
      event.preventDefault();
      const grip: Grip = !event.altKey ? 'bar' : event.shiftKey ? 'start' : 'end';
      if (grip === 'bar' ? grips.bar : grip === 'start' ? grips.start : grips.end) onMove(row, grip, sideways * step);
      return;
    }
    if (event.altKey || event.shiftKey) return;
    if (sideways !== undefined) {
      event.preventDefault();
      if (scroller.current) scroller.current.scrollLeft += sideways * Math.max(NOTCH, width);
      return;
    }
    const index = items.indexOf(id);
    const ways: { [key: string]: () => RecordRow | null } = {
      ArrowUp: () => barFrom(index - 1, -1),
      ArrowDown: () => barFrom(index + 1, 1),
      Home: () => barFrom(0, 1),
      End: () => barFrom(items.count - 1, -1),
    };
    const next = ways[event.key]?.();
    if (next === undefined) return;
    event.preventDefault();
    const bar = next && barOf(model, spanned, next);
    if (!next || !bar) return;
    revealRow(items.indexOf(next.id));
    reveal(bar);
    focusBar(next.id);
  };

  const lines: React.ReactNode[] = [];
  const inSight = (row: RecordRow) => row.id === inHand;
  const shownRows = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => items.at(first + index));
  const hasHand = shownRows.some((item) => item.kind === 'row' && inSight(item.row));
  const firstBar = shownRows.find((item) => item.kind === 'row')?.key;
  for (let index = first; index <= last; index++) {
    const item = items.at(index);
    const top = HEAD + index * ROW;
    if (item.kind === 'bone') {
      lines.push(
        <div key={item.key} className={classes.row} style={{ top }} role="listitem" aria-busy="true">
          <span className={classes.name} style={{ width: names }}>
            <span className={classes.bone} />
          </span>
        </div>,
      );
      continue;
    }
    if (item.kind === 'group') {
      const group = groupOf(item.key);
      const Chevron = item.isOpen ? IconChevronDown : IconChevronRight;
      if (!group) continue;
      lines.push(
        <div
          key={item.key}
          className={classes.group}
          style={{ top }}
          role="listitem"
          data-drawable={onDraw !== null || undefined}
          onPointerDown={(event) => onDrawing(event, item.key, item.key)}
        >
          <span className={classes.name} style={{ width: names }} dir="auto">
            <button type="button" aria-expanded={item.isOpen} onClick={() => onToggle(item.key)}>
              <Chevron size={14} stroke={2} aria-hidden />
              {group.color ? <Tag label={group.label} color={group.color} /> : <span>{group.label}</span>}
              <small>{countText(group.count)}</small>
            </button>
          </span>
          <Drawing held={held} line={item.key} origin={range.from} scale={scale} names={names} timed={timed} />
        </div>,
      );
      continue;
    }
    const bar = barOf(model, spanned, item.row);
    if (!bar) continue;
    const label = recordLabel(model, object, item.row) || t('Untitled');
    const out = bar.until <= seenFrom ? 'before' : bar.from >= seenUntil ? 'after' : null;
    lines.push(
      <GanttRow
        key={item.key}
        row={item.row}
        bar={bar}
        label={label}
        color={colorOf(item.row)}
        timed={timed}
        top={top}
        place={index + 1}
        total={items.count}
        origin={range.from}
        scale={scale}
        names={names}
        out={out}
        isNarrow={(bar.until - Math.max(bar.from, seenFrom)) * scale < label.length * LETTER + MARGINS}
        isInHand={hasHand ? inSight(item.row) : item.key === firstBar}
        isPeeked={props.peeked === item.key}
        grips={grips}
        held={held}
        actions={actions}
      />,
    );
  }

  return (
    <div
      ref={merged}
      className={classes.scroller}
      onScroll={() => {
        read();
        if (tip) setTip(null);
      }}
      onKeyDown={onKeyDown}
      dir="ltr"
      tabIndex={-1}
    >
      <div className={classes.canvas} style={{ width: names + total, minHeight: Math.max(height, high) }}>
        <GanttHead
          upper={head.upper}
          lower={head.lower}
          origin={range.from}
          scale={scale}
          names={names}
          title={object.labelPlural}
          now={now}
          isWeekend={isWeekend}
        />
        <div className={classes.ground} aria-hidden data-days={`${dayFrom} ${dayUntil}`}>
          {weekends.map((days) => (
            <span
              key={days.from}
              className={classes.weekend}
              style={{ left: names + (days.from - range.from) * scale, width: (days.until - days.from) * scale }}
            />
          ))}
          {head.lower.map((cell) => (
            <span key={cell.from} className={classes.tick} style={{ left: names + (cell.from - range.from) * scale }} />
          ))}
          <span className={classes.today} style={{ left: names + (now - range.from) * scale }} />
          <PutHere held={held} origin={range.from} scale={scale} names={names} />
        </div>
        <div
          role="list"
          className={classes.lines}
          style={{ height: HEAD + items.count * ROW }}
          aria-label={t('Timeline of {labelPlural}', { labelPlural: inSentence(object.labelPlural) })}
          aria-busy={props.isLoading}
        >
          {lines}
        </div>
        {foot > 0 ? (
          <div
            className={classes.foot}
            data-drawable={onDraw !== null || undefined}
            onPointerDown={(event) => onDrawing(event, FOOT, null)}
          >
            <span className={classes.name} style={{ width: names }} dir="auto">
              {onCreate ? (
                <button type="button" onClick={() => onCreate(null)}>
                  <IconPlus size={14} aria-hidden />
                  {t('New {labelSingular}', { labelSingular: inSentence(object.labelSingular) })}
                </button>
              ) : null}
            </span>
            {onDraw ? (
              <span className={classes.hint} style={{ left: names + 10 }} dir="auto">
                {t('Draw here from the first day to the last')}
              </span>
            ) : null}
            <Drawing held={held} line={FOOT} origin={range.from} scale={scale} names={names} timed={timed} />
          </div>
        ) : null}
      </div>
      {tip ? (
        <GanttTip
          model={model}
          object={object}
          spanned={spanned}
          fields={fields}
          row={tip.row}
          box={tip.box}
          onStay={() => clearTimeout(tipTimer.current)}
          onLeave={() => setTip(null)}
        />
      ) : null}
    </div>
  );
}

interface OnGround {
  held: HeldStore;
  origin: number;
  scale: number;
  names: number;
}

/** The bar that is being drawn on a line. */
function Drawing({ held, line, origin, scale, names, timed }: OnGround & { line: string; timed: boolean }) {
  const span = useStore(held, ({ held: now }) => (now?.kind === 'new' && now.line === line ? now : null));
  if (!span) return null;
  return (
    <span
      className={classes.drawn}
      style={{ left: names + (span.from - origin) * scale, width: (span.until - span.from) * scale }}
    >
      <span>{spanText(timed, { ...span, isPoint: false })}</span>
    </span>
  );
}

/** The day on which something is about to be put. */
function PutHere({ held, origin, scale, names }: OnGround) {
  const day = useStore(held, ({ held: now }) => (now?.kind === 'day' ? now : null));
  if (!day) return null;
  return (
    <span className={classes.put} style={{ left: names + (day.at - origin) * scale, width: Math.max(2, DAY * scale) }}>
      <span>{formatDay(dayAt(day.at))}</span>
    </span>
  );
}
