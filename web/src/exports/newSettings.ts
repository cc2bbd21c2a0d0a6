import { addDays, joinInstant, localDay } from '../model/dates.ts';
import { deviceTimeZone, formats } from '../model/formats.ts';
import type { ModelObject } from '../model/types.ts';
import { useSession } from '../session/session.ts';
import type { ExportSettings } from './scheduled.ts';

/** The time zone in which the member reads times. */
export const memberTimeZone = (): string => {
  const { timeZone } = formats();
  return timeZone === 'system' ? deviceTimeZone() : timeZone;
};

/** As an export begins: each week from tomorrow morning on, to oneself. */
export function newSettings(object: ModelObject, name: string): ExportSettings {
  const me = useSession.getState().identity?.member?.id;
  return {
    name,
    objectId: object.id,
    viewId: null,
    filter: null,
    sorts: [],
    fieldIds: null,
    format: 'csv',
    hasIds: false,
    isHuman: true,
    isGuarded: true,
    recurrence: 'FREQ=WEEKLY',
    timeZone: memberTimeZone(),
    nextAt: joinInstant(addDays(localDay(new Date()), 1), '08:00'),
    destination: 'EMAIL',
    recipients: me ? [me] : [],
    bucket: null,
  };
}
