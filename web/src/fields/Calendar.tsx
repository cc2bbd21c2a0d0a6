import { DatePicker } from '@mantine/dates';
import '@mantine/dates/styles.css';
import { t } from '../language/t.ts';

export default function Calendar({ day, onPick }: { day: string | null; onPick: (day: string | null) => void }) {
  return (
    <DatePicker
      value={day}
      defaultDate={day ?? undefined}
      onChange={onPick}
      size="xs"
      firstDayOfWeek={1}
      hideOutsideDates
      ariaLabels={{ nextMonth: t('Next month'), previousMonth: t('Previous month') }}
    />
  );
}
