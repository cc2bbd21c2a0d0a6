import { DayView, MonthView, WeekView, type ScheduleEventData } from '@mantine/schedule';
import '@mantine/schedule/styles.css';
import { useElementSize, useMergedRef } from '@mantine/hooks';
import { useEffect, useMemo, useRef } from 'react';
import { splitInstant } from '../model/dates.ts';
import { formats, timeOfDay } from '../model/formats.ts';
import classes from './calendar.module.css';
import { today, type Entry, type Scale } from './entries.ts';
import { t } from '../language/t.ts';

type At = { day: string; time: string | null };

interface CalendarGridProps {
  scale: Scale;
  day: string;
  firstDay: number;
  entries: Entry[];
  labelOf: (id: string) => string;
  colorOf: (id: string) => string | null;
  isMovable: boolean;
  isResizable: boolean;
  isCreatable: boolean;
  onOpen: (id: string) => void;
  onMove: (id: string, to: At) => void;
  onEnd: (id: string, to: { day: string; time: string }) => void;
  onSelect: (from: At, until?: At) => void;
  onDay: (day: string) => void;
}

/** Heights of a month: of its head, of a day without entries, and of one entry. */
const WEEKDAYS = 38;
const WEEKS = 6;
const DAY = 42;
const LINE = 27;

/** Ours by the names of the theme. */
const COLORS: { [color: string]: string } = { turquoise: 'teal', sky: 'cyan', purple: 'violet' };

const at = (wall: string): { day: string; time: string } => ({ day: wall.slice(0, 10), time: wall.slice(11, 16) });
/** A selection ends with its last second. */
const after = (wall: string): { day: string; time: string } =>
  wall.endsWith(':59') ? at(new Date(Date.parse(`${wall.replace(' ', 'T')}Z`) + 1000).toISOString()) : at(wall);

const wallNow = (): string => {
  const { day, time } = splitInstant(new Date().toISOString());
  return `${day} ${time}:00`;
};

export function CalendarGrid(props: CalendarGridProps) {
  const { scale, day, firstDay, entries, labelOf, colorOf, isMovable, isResizable, isCreatable } = props;
  const { onOpen, onMove, onEnd, onSelect, onDay } = props;
  const { ref: sized, height } = useElementSize();
  const grid = useRef<HTMLDivElement | null>(null);
  const ref = useMergedRef(sized, grid);
  // Days of a week are called by another name than they show: what stands there is name enough.
  useEffect(() => {
    for (const label of grid.current?.querySelectorAll(`.${classes.weekday}`) ?? [])
      label.removeAttribute('aria-label');
  });
  const events = useMemo(
    () =>
      entries.map(({ id, start, end, isAllDay }): ScheduleEventData => {
        const color = colorOf(id) ?? 'pine';
        return { id, title: labelOf(id), start, end, color: COLORS[color] ?? color, payload: { isAllDay } };
      }),
    [entries, labelOf, colorOf],
  );
  const shared = {
    date: day,
    events,
    firstDayOfWeek: firstDay as 0,
    withHeader: false,
    locale: formats().locale.slice(0, 2),
    withEventsDragAndDrop: isMovable,
    withDragSlotSelect: isCreatable,
    onEventClick: ({ id }: ScheduleEventData) => onOpen(String(id)),
    onEventDrop: ({
      eventId,
      newStart,
      event,
    }: {
      eventId: string | number;
      newStart: string;
      event: ScheduleEventData;
    }) => {
      const { isAllDay } = event.payload as { isAllDay: boolean };
      onMove(String(eventId), { day: newStart.slice(0, 10), time: isAllDay ? null : newStart.slice(11, 16) });
    },
    renderEventBody: (event: ScheduleEventData) => (
      <span className={classes.event}>
        {event.payload?.['isAllDay'] === true ? null : (
          <time className={classes.time}>{timeOfDay(String(event.start).slice(11, 16))}</time>
        )}{' '}
        {event.title}
      </span>
    ),
  };
  // Measured first: how many entries a day has room for follows from it, and where the hours scroll.
  if (height === 0) return <div ref={ref} className={classes.grid} />;
  if (scale === 'MONTH')
    return (
      <div ref={ref} className={classes.grid}>
        <MonthView
          {...shared}
          consistentWeeks={false}
          maxEventsPerDay={Math.max(2, Math.floor(((height - WEEKDAYS) / WEEKS - DAY) / LINE))}
          weekdayFormat="ddd"
          highlightToday={false}
          getDayProps={(date) => ({ mod: { now: date === today() } })}
          onDayClick={(date) => onSelect({ day: date, time: null })}
          onSlotDragEnd={(from, until) => {
            if (at(from).day !== at(until).day)
              onSelect({ day: at(from).day, time: null }, { day: at(until).day, time: null });
          }}
          // Within the month an entry keeps its time.
          onEventDrop={({ eventId, newStart }) => onMove(String(eventId), { day: newStart.slice(0, 10), time: null })}
          labels={{ moreLabel: (count) => t('{count} more', { count }) }}
        />
      </div>
    );
  const timed = {
    ...shared,
    slotLabelFormat: (slot: string) => timeOfDay(slot.length > 8 ? slot.slice(11, 16) : slot.slice(0, 5)),
    startScrollTime: '07:00:00',
    scrollAreaProps: { mah: height },
    eventDragInterval: 15,
    getCurrentTime: wallNow,
    withEventResize: isResizable,
    canResizeEvent: (event: ScheduleEventData) => event.payload?.['isAllDay'] !== true,
    onEventResize: ({
      eventId,
      newStart,
      newEnd,
      event,
    }: {
      eventId: string | number;
      newStart: string;
      newEnd: string;
      event: ScheduleEventData;
    }) => {
      if (newEnd !== event.end) onEnd(String(eventId), at(newEnd));
      else onMove(String(eventId), at(newStart));
    },
    onTimeSlotClick: ({ slotStart, slotEnd }: { slotStart: string; slotEnd: string }) => {
      if (isCreatable) onSelect(at(slotStart), after(slotEnd));
    },
    onAllDaySlotClick: (date: string) => {
      if (isCreatable) onSelect({ day: date, time: null });
    },
    onSlotDragEnd: (from: string, until: string) => onSelect(at(from), after(until)),
  };
  return (
    <div ref={ref} className={classes.grid}>
      {scale === 'WEEK' ? (
        <WeekView
          classNames={{ weekViewDayLabel: classes.weekday }}
          {...timed}
          intervalMinutes={30}
          withWeekNumber={false}
          highlightToday={false}
          onDateChange={onDay}
        />
      ) : (
        <DayView {...timed} intervalMinutes={30} />
      )}
    </div>
  );
}
